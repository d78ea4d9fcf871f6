"""The three stages of training: vision encoder, projector, language model (Liu et al., NeurIPS 2023).

One code for the shipped model of nine million weights and for models of seven billion: any folder that
``AutoModelForImageTextToText`` opens. The training loop is that of transformers' ``Trainer``: mixed precision,
resuming, TensorBoard, several devices through ``torchrun``. (trl's ``SFTTrainer`` masks the prompt of text
models only; its loop is the same ``Trainer``.)
"""

import json
import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from transformers import PreTrainedModel, ProcessorMixin, Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from core.atomic import write_json
from core.precision import resolve_precision
from core.vlm.adapters import attach, require_gpu_for, save_adapter, trained_share
from core.vlm.batches import Collator, load_records
from core.vlm.models import Opening, WriterTrainingError, load_model, stopping_tokens
from core.vlm.parts import parts_of, towers
from core.vlm.training_settings import PRESETS, Stage, StageSettings

log = logging.getLogger(__name__)

_SPLITS = ("train", "val")
# Folder of the states that a stopped run goes on from, and of TensorBoard's records.
_CHECKPOINTS = "trainer"


def train_writer(
    stage: Literal["projector", "language"],
    model_folder: str | Path,
    records_folder: Path,
    output_dir: Path,
    settings: StageSettings,
) -> dict[str, float]:
    """Train the projector, or the language model with the projector; goes on where an earlier run was stopped.

    Args:
        stage: which part learns; the others stay as they are.
        model_folder: model to start from, or ``hf:OWNER/MODEL``.
        records_folder: holds ``train.json`` and ``val.json``.
        output_dir: gets the model's folder ``model``, TensorBoard's records and ``settings.json``.
        settings: how.

    Returns:
        Loss on the validation records and its perplexity.

    Raises:
        WriterTrainingError, WriterError, PartError: something is missing; the message says what to do.
    """
    if settings.preset != "full" and stage != "language":
        raise WriterTrainingError(
            f"The {stage} stage trains all its weights: leave the preset out, or train the language stage with it."
        )
    require_gpu_for(settings.preset)
    data = {
        name: load_records(records_folder / f"{name}.json", limit=settings.max_records if name == "train" else 0)
        for name in _SPLITS
    }
    chosen = PRESETS[settings.preset]
    base, processor = load_base(model_folder, Opening(precision="4bit" if chosen.four_bit else "auto"))
    model: Any = base
    if chosen.rank:
        freeze(base, ())
        torch.manual_seed(settings.seed)
        model = attach(base, settings.preset, dropout=settings.dropout)
    else:
        # The language stage takes the projector along.
        freeze(base, (stage, "projector") if stage == "language" else (stage,))
    trainer = Trainer(
        model=model,
        args=arguments(output_dir, settings, by_length=True),
        train_dataset=data["train"],
        eval_dataset=data["val"],
        data_collator=Collator(processor, stopping_tokens(base)),
    )
    run(trainer, stage, model_folder, output_dir, settings)
    loss = _validation_loss(trainer)
    if trainer.is_world_process_zero():
        save_trained(model, processor, model_folder, output_dir / "model")
    return {"loss": loss, "perplexity": math.exp(loss)}


def _validation_loss(trainer: Trainer) -> float:
    """The loss on the validation records: that of the last epoch's end, if nothing was learned since."""
    evaluated = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    if evaluated and evaluated[-1]["step"] == trainer.state.global_step:
        return float(evaluated[-1]["eval_loss"])
    return float(trainer.evaluate()["eval_loss"])


def load_base(source: str | Path, opening: Opening | None = None) -> tuple[PreTrainedModel, ProcessorMixin]:
    """Open a model to train.

    Raises:
        WriterTrainingError: it is an adapter.
        WriterError: it cannot be opened.
    """
    model, processor = load_model(source, opening)
    if not isinstance(model, PreTrainedModel):
        raise WriterTrainingError(f"{source} is an adapter: merge it with its base first (python -m core.vlm merge).")
    return model, processor


def save_trained(model: Any, processor: ProcessorMixin, base: str | Path, folder: Path) -> None:
    """Write a trained model, or an adapter with its base's name, and the processor."""
    if isinstance(model, PreTrainedModel):
        model.save_pretrained(folder)
    else:
        save_adapter(model, base, folder)
    processor.save_pretrained(folder)


def freeze(model: nn.Module, stages: Iterable[Stage]) -> None:
    """Let only the weights learn that belong to these stages."""
    model.requires_grad_(False)
    for stage in stages:
        for parameter in parts_of(model, stage):
            parameter.requires_grad_(True)
    for tower in towers(model):
        # Running means and the like must not follow batches that the tower does not learn from.
        tower.register_forward_pre_hook(lambda module, _: module.eval() and None)


def arguments(output_dir: Path, settings: StageSettings, *, by_length: bool) -> TrainingArguments:
    """Settings in the trainer's own terms.

    Args:
        output_dir: of the run.
        settings: of the stage.
        by_length: whether batches are made of records of like length, which saves padding.
    """
    precision = resolve_precision(settings.precision)
    return TrainingArguments(
        output_dir=str(output_dir / _CHECKPOINTS),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_steps or settings.warmup_share,
        weight_decay=settings.weight_decay,
        adam_beta2=0.98,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        # Version 5.24 of transformers prefers another name, which earlier ones lack.
        gradient_checkpointing=settings.gradient_checkpointing or PRESETS[settings.preset].four_bit or None,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        optim="paged_adamw_8bit" if PRESETS[settings.preset].four_bit else "adamw_torch",
        logging_steps=20,
        save_steps=settings.save_steps,
        save_total_limit=1,
        train_sampling_strategy="group_by_length" if by_length else "random",
        eval_strategy="epoch" if settings.epochs >= 1 else "no",
        report_to="tensorboard",
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        seed=settings.seed,
        data_seed=settings.seed,
    )


def run(trainer: Trainer, stage: Stage, model_folder: str | Path, output_dir: Path, settings: StageSettings) -> None:
    """Train, from the last saved step of the same run if there is one.

    Raises:
        WriterTrainingError: the folder holds a run with other settings, or the loss is no number any more.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    record = output_dir / "settings.json"
    precision = resolve_precision(settings.precision)
    resolved = {"stage": stage, "model": Path(model_folder).name} | vars(settings) | {"precision": precision}
    folder = output_dir / _CHECKPOINTS
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if last and (not record.is_file() or json.loads(record.read_text()) != resolved):
        raise WriterTrainingError(
            f"{output_dir} holds a run with other settings; name another --output_dir, or delete that folder."
        )
    learner: Any = trainer.model
    learning, all_weights = trained_share(learner.parameters())
    log.info("%s stage: %d of %d weights learn", stage, learning, all_weights)
    if trainer.is_world_process_zero():
        write_json(record, resolved, indent=2)
    trainer.train(resume_from_checkpoint=last)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    if losses and not math.isfinite(losses[-1]):
        raise WriterTrainingError("The loss is no number any more: lower --learning_rate, or use --precision fp32.")
