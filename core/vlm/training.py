"""The three stages of training: vision encoder, projector, language model (Liu et al., NeurIPS 2023).

One code for the shipped model of nine million weights and for models of seven billion: any folder that
``AutoModelForImageTextToText`` opens. The training loop is that of transformers' ``Trainer``: mixed precision,
resuming, TensorBoard, several devices through ``accelerate launch``.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset
from PIL import Image
from safetensors import SafetensorError
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedModel,
    ProcessorMixin,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from core.anatomy import upright
from core.errors import ChestLensError
from core.imaging import read_safely
from core.precision import resolve_precision
from core.vlm.pictures import picture_of

Stage = Literal["vision", "projector", "language"]
STAGES: tuple[Stage, ...] = ("vision", "projector", "language")

# What the parts are called in the models in use: LLaVA and FastVLM, Qwen-VL, Idefics and SmolVLM, InternVL.
_PARTS: dict[Stage, tuple[str, ...]] = {
    "vision": ("vision_tower", "visual", "vision_model"),
    "projector": ("multi_modal_projector", "merger", "connector", "mlp1"),
    "language": ("language_model", "text_model", "lm_head"),
}
_IGNORED = -100
_SPLITS = ("train", "val")
# Folder of the states that a stopped run goes on from, and of TensorBoard's records.
_CHECKPOINTS = "trainer"


class WriterTrainingError(ChestLensError):
    """Training cannot start or go on; the message says what to change."""


@dataclass(frozen=True)
class StageSettings:
    """How one stage is trained.

    Attributes:
        epochs: passes over the records.
        batch_size: records a forward pass and device.
        gradient_accumulation_steps: forward passes an optimiser step.
        learning_rate: peak of AdamW's; rises over ``warmup_share`` of all steps, then falls as a cosine.
        warmup_share: share of all steps in which the rate rises.
        weight_decay: AdamW.
        precision: ``bf16``, ``fp16`` (on a GPU), ``fp32``, or ``auto``: bf16 where the processor computes in it, fp16
            on older GPUs, else fp32.
        max_records: records of the training split at most; 0 for all.
        save_steps: optimiser steps between two states that a stopped run can go on from.
        gradient_checkpointing: computes activations again in the backward pass, for models that fill the memory.
        seed: of order and dropout.
    """

    epochs: float = 1.0
    batch_size: int = 32
    gradient_accumulation_steps: int = 1
    learning_rate: float = 1e-3
    warmup_share: float = 0.05
    weight_decay: float = 0.05
    precision: str = "auto"
    max_records: int = 0
    save_steps: int = 100
    gradient_checkpointing: bool = False
    seed: int = 0


def load_records(path: Path, *, limit: int = 0) -> Dataset:
    """Conversations as the trainer reads them.

    Args:
        path: JSON file that ``python -m core.vlm prepare`` wrote.
        limit: records at most; 0 for all.

    Returns:
        Rows of ``image`` (path), ``request``, ``reply`` and ``length`` (characters of both, by which records of a
        batch are chosen alike).

    Raises:
        WriterTrainingError: the file is missing or not such a file.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        rows = []
        for record in records[:limit] if limit else records:
            request, reply = (turn["value"] for turn in record["conversations"][:2])
            rows.append({"image": record["image"], "request": request, "reply": reply})
            rows[-1]["length"] = len(request) + len(reply)
    except FileNotFoundError:
        raise WriterTrainingError(f"{path} does not exist; make it with python -m core.vlm prepare.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise WriterTrainingError(f"{path} is not a file of conversations ({error}); make it anew.") from None
    if not rows:
        raise WriterTrainingError(f"{path} holds no record; prepare a table with reports of that split.")
    return Dataset.from_list(rows)


class Collator:
    """Records to one batch: the request at the left, the reply at the right, and only the reply is learned.

    Args:
        processor: of the model.
    """

    def __init__(self, processor: ProcessorMixin) -> None:
        self._processor = processor

    def __call__(self, records: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Batch of token ids, attention mask, labels and whatever the processor makes of the images."""
        tokenizer = self._processor.tokenizer
        prompts = [chat_prompt(self._processor, record["request"]) for record in records]
        batch = dict(
            self._processor(
                images=[picture(record["image"]) for record in records],
                text=prompts,
                padding=True,
                padding_side="left",
                return_tensors="pt",
            )
        )
        replies = tokenizer(
            [record["reply"] + tokenizer.eos_token for record in records],
            add_special_tokens=False,
            padding=True,
            padding_side="right",
            return_tensors="pt",
        )
        batch["labels"] = torch.cat(
            [
                torch.full_like(batch["input_ids"], _IGNORED),
                replies["input_ids"].masked_fill(replies["attention_mask"] == 0, _IGNORED),
            ],
            dim=1,
        )
        for name in ("input_ids", "attention_mask"):
            batch[name] = torch.cat([batch[name], replies[name]], dim=1)
        return batch


def chat_prompt(processor: ProcessorMixin, request: str) -> str:
    """The request as the model's chat template writes it, with the image before the text and the reply to follow."""
    text = request.removeprefix("<image>").lstrip("\n")
    messages: list[Any] = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
    return processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


@lru_cache(maxsize=5000)
def picture(path: str) -> Image.Image:
    """The picture of a radiograph file; a few thousand stay in memory, since records share images."""
    try:
        return picture_of(upright(read_safely(Path(path).read_bytes())))
    except FileNotFoundError:
        raise WriterTrainingError(f"The image {path} is missing; prepare the records again.") from None


def parts_of(model: PreTrainedModel, stage: Stage) -> list[torch.nn.Parameter]:
    """The weights that a stage trains.

    Raises:
        WriterTrainingError: the model has no part of that kind.
    """
    others = [name for other in STAGES if other != stage for name in _PARTS[other]]
    chosen = []
    for name, parameter in model.named_parameters():
        pieces = name.split(".")
        mine = [pieces.index(part) for part in _PARTS[stage] if part in pieces]
        theirs = [pieces.index(part) for part in others if part in pieces]
        # Qwen keeps its merger inside the visual part: the innermost name decides.
        if mine and max(mine) > max(theirs, default=-1):
            chosen.append(parameter)
    if not chosen:
        raise WriterTrainingError(
            f"{type(model).__name__} has no part for the {stage} stage (looked for {', '.join(_PARTS[stage])})."
        )
    return chosen


def load_model(folder: str | Path) -> tuple[PreTrainedModel, ProcessorMixin]:
    """Open a model folder, whatever its kind and size.

    Raises:
        WriterTrainingError: there is none, or transformers cannot open it.
    """
    if not (Path(folder) / "config.json").is_file():
        raise WriterTrainingError(f"{folder} holds no model (config.json is missing).")
    try:
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype="auto")
        return model, AutoProcessor.from_pretrained(folder)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        first = str(error).strip().splitlines()[0]
        raise WriterTrainingError(f"{folder} cannot be opened as a vision-language model: {first}") from None


def train_writer(
    stage: Literal["projector", "language"],
    model_folder: Path,
    records_folder: Path,
    output_dir: Path,
    settings: StageSettings,
) -> dict[str, float]:
    """Train the projector, or the language model with the projector; goes on where an earlier run was stopped.

    Args:
        stage: which part learns; the others stay as they are.
        model_folder: model to start from.
        records_folder: holds ``train.json`` and ``val.json``.
        output_dir: gets the model's folder ``model``, TensorBoard's records and ``settings.json``.
        settings: how.

    Returns:
        Loss on the validation records and its perplexity.

    Raises:
        WriterTrainingError: something is missing; the message says what to do.
    """
    data = {
        name: load_records(records_folder / f"{name}.json", limit=settings.max_records if name == "train" else 0)
        for name in _SPLITS
    }
    model, processor = load_model(model_folder)
    freeze(model, stage)
    trainer = Trainer(
        model=model,
        args=arguments(output_dir, settings, by_length=True),
        train_dataset=data["train"],
        eval_dataset=data["val"],
        data_collator=Collator(processor),
    )
    run(trainer, stage, model_folder, output_dir, settings)
    loss = float(trainer.evaluate()["eval_loss"])
    model.save_pretrained(output_dir / "model")
    processor.save_pretrained(output_dir / "model")
    return {"loss": loss, "perplexity": math.exp(loss)}


def freeze(model: PreTrainedModel, stage: Stage) -> None:
    """Let only the weights learn that belong to a stage; the language stage takes the projector along."""
    model.requires_grad_(False)
    chosen = parts_of(model, stage)
    if stage == "language":
        chosen += parts_of(model, "projector")
    for parameter in chosen:
        parameter.requires_grad_(True)
    for tower in towers(model):
        # Running means and the like must not follow batches that the tower does not learn from.
        tower.register_forward_pre_hook(lambda module, _: module.eval() and None)


def towers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The vision encoder, outermost module first."""
    return [module for name, module in model.named_modules() if name.rsplit(".", 1)[-1] in _PARTS["vision"]]


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
        warmup_steps=settings.warmup_share,
        weight_decay=settings.weight_decay,
        adam_beta2=0.98,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        # Version 5.24 of transformers prefers another name, which earlier ones lack.
        gradient_checkpointing=settings.gradient_checkpointing or None,
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


def run(trainer: Trainer, stage: Stage, model_folder: Path, output_dir: Path, settings: StageSettings) -> None:
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
    record.write_text(json.dumps(resolved, indent=2) + "\n")
    trainer.train(resume_from_checkpoint=last)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    if losses and not math.isfinite(losses[-1]):
        raise WriterTrainingError("The loss is no number any more: lower --learning_rate, or use --precision fp32.")
