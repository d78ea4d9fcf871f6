"""The training loop, on one processor or under ``accelerate launch`` on many, with exact resume by epoch."""

import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from timm.utils import ModelEmaV3
from torch import nn
from tqdm.auto import tqdm

from core.atomic import replacing
from core.classifier.errors import TrainingError
from core.classifier.heatmaps import closed_form
from core.classifier.losses import MaskedLoss
from core.classifier.maps import over_image
from core.classifier.training.attention import WithEvidence, attention_loss
from core.classifier.training.cpu import freed_memory_kept, quicken_depthwise
from core.classifier.training.distillation import Pupil, Teacher, imitation_loss, lesson_of
from core.classifier.training.failures import in_plain_words
from core.classifier.training.images import Batch, TrainingImages, draw_epoch, epoch_steps, loaded, soften
from core.classifier.training.initial import has_quick_heatmaps, initial_network
from core.classifier.training.optimisation import LearningRate, make_loss, make_optimiser
from core.classifier.training.outcome import describe, save_calibrated
from core.classifier.training.run_folder import Board, keep_settings, write_summary
from core.classifier.training.settings import TrainingSettings
from core.classifier.training.validation import aurocs_of, predict_logits
from core.findings import LABELS
from core.precision import resolve_precision

log = logging.getLogger(__name__)

_SHOWN = 8


def train(
    table: pd.DataFrame,
    output_dir: str | Path,
    settings: TrainingSettings,
    *,
    data_settings: dict[str, Any],
    teacher: Teacher | None = None,
    boxes: pd.DataFrame | None = None,
    resume: bool = True,
) -> Path:
    """Train on the ``train`` rows, choose the epoch on the ``val`` rows, calibrate, and save a checkpoint.

    Several processes give the result of one with the same ``batch_size``, but for batch norm, which sees the images
    of its own process only. An epoch that was stopped is done again with the same images and random numbers.

    Args:
        table: as returned by ``core.datasets``; rows of other splits are not touched.
        output_dir: receives ``checkpoint/``, ``state.pt`` (to resume), ``summary.csv``, ``settings.yaml`` and
            ``tensorboard/``.
        settings: see ``TrainingSettings``.
        data_settings: how ``table`` was made, for the record; ``evaluate.py`` makes the same split again from it.
        teacher: other models' probabilities for some of the images. The
            targets of those images become the mean of label and probability, and a second head that learns the
            teacher's logits joins the first when the network is saved (``training.distillation``).
        boxes: radiologists' boxes (``core.datasets.load_boxes``); those of training images teach the network where
            to look, with ``attention_weight``.
        resume: go on from ``state.pt`` if it is there.

    Returns:
        The checkpoint folder.

    Raises:
        TrainingError: there is nothing to train or validate on, or ``output_dir`` holds a run with other settings.
        TrainingError: the loss is not finite, or memory, disk or a loader process failed.
    """
    settings = replace(settings, precision=resolve_precision(settings.precision))
    run = Path(output_dir)
    run.mkdir(parents=True, exist_ok=True)
    rows = {split: table[table["split"] == split].reset_index(drop=True) for split in ("train", "val")}
    for split, part in rows.items():
        if part.empty:
            raise TrainingError(f"The table has no {split} images; check --data_dir and the split.")
    if settings.monitor == "auroc" and not aurocs_of(labels := _labels(rows["val"]), np.zeros_like(labels)):
        raise TrainingError("No finding is both present and absent among the validation images: use --monitor loss.")
    if settings.precision == "fp16" and not torch.cuda.is_available():
        raise TrainingError("--precision fp16 needs a GPU; use auto, bf16 or fp32.")
    with in_plain_words(settings), freed_memory_kept():
        return _Run(rows, run, settings, data_settings, teacher, boxes, resume=resume).train()


class _Run:
    """One training, from its settings to its checkpoint."""

    def __init__(
        self,
        rows: dict[str, pd.DataFrame],
        folder: Path,
        settings: TrainingSettings,
        data_settings: dict[str, Any],
        teacher: Teacher | None,
        boxes: pd.DataFrame | None,
        *,
        resume: bool,
    ) -> None:
        self.rows, self.folder, self.settings, self.data_settings = rows, folder, settings, data_settings
        self.accelerator = Accelerator(mixed_precision={"fp32": "no"}.get(settings.precision, settings.precision))
        if self.accelerator.is_main_process:
            keep_settings(
                folder / "settings.yaml", {"training": asdict(settings), "data": data_settings}, resume=resume
            )
        torch.manual_seed(settings.seed)
        network, self.preprocessing = initial_network(settings)
        network = network.to(self.accelerator.device).to(memory_format=torch.channels_last)
        if self.accelerator.device.type == "cpu" and settings.precision == "bf16":
            quicken_depthwise(network)
        # Other heads would need a backward pass a heatmap, too long for every epoch.
        self.linear_head = has_quick_heatmaps(network, settings.backbone)
        for option, given in (("--boxes", boxes), ("--teacher", teacher)):
            if given is not None and not self.linear_head:
                raise TrainingError(f"{settings.backbone} does not end in one linear layer, which {option} needs.")
        self.images = {
            "train": TrainingImages(rows["train"], self.preprocessing, name="train", boxes=boxes),
            "val": TrainingImages(rows["val"], self.preprocessing, name="val"),
        }
        if teacher is not None:
            lesson = lesson_of(rows["train"], teacher)
            self.images["train"].labels = torch.tensor(soften(rows["train"], teacher))
            self.images["train"].lessons = torch.stack([lesson.targets, lesson.trust], dim=1)
            network = Pupil(network, lesson).to(self.accelerator.device)
        self.average = ModelEmaV3(network, decay=settings.ema_decay, use_warmup=True)
        optimiser = make_optimiser(network, settings)
        self.loss = make_loss(settings, self.images["train"].labels).to(self.accelerator.device)
        self.step_size = settings.batch_size * settings.gradient_accumulation_steps
        self.steps = epoch_steps(len(rows["train"]), self.step_size)
        if len(rows["train"]) < settings.gradient_accumulation_steps * self.accelerator.num_processes:
            raise TrainingError(
                f"{len(rows['train'])} training images are too few for {settings.gradient_accumulation_steps} parts a "
                f"step on {self.accelerator.num_processes} processes: lower --gradient_accumulation_steps."
            )
        self.bare_network = network
        trained = network if boxes is None or teacher is not None else WithEvidence(network)
        if settings.compile:
            trained.compile()
        self.network, self.optimiser = self.accelerator.prepare(trained, optimiser)
        self.rate = LearningRate(self.optimiser, settings, self.steps * settings.epochs)
        self.state: dict[str, Any] = {"epoch": 0, "best": None, "history": []}
        if resume and (folder / "state.pt").is_file():
            self._restore(torch.load(folder / "state.pt", map_location=self.accelerator.device, weights_only=True))
        self.board = Board(folder, purge_from=self.state["epoch"] + 1) if self.accelerator.is_main_process else None

    def train(self) -> Path:
        """All epochs that are left."""
        for epoch in range(self.state["epoch"], self.settings.epochs):
            if self._has_stood_still():
                log.info(
                    "no better epoch in %d: training ends early (--early_stopping_patience)",
                    self.settings.early_stopping_patience,
                )
                break
            started = time.monotonic()
            loss = self._epoch(epoch)
            self._conclude(epoch, loss, time.monotonic() - started)
        if self.board:
            self.board.close()
        return self.folder / "checkpoint"

    def _has_stood_still(self) -> bool:
        patience = self.settings.early_stopping_patience
        figures = [row[self._monitored()] for row in self.state["history"]]
        if not patience or len(figures) <= patience:
            return False
        best = int(np.argmin(figures) if self.settings.monitor == "loss" else np.argmax(figures))
        return len(figures) - 1 - best >= patience

    def _monitored(self) -> str:
        return "val_loss" if self.settings.monitor == "loss" else "val_macro_auroc"

    def _epoch(self, epoch: int) -> float:
        """One pass; returns the mean loss over all processes."""
        accelerator, settings, images = self.accelerator, self.settings, self.images["train"]
        # Dropout of an epoch does not depend on earlier ones, and differs between processes.
        torch.manual_seed((settings.seed * 100_003 + epoch) * 1_009 + accelerator.process_index)
        images.augment(seed=settings.seed, epoch=epoch)
        steps = draw_epoch(
            images.labels,
            step_size=self.step_size,
            seed=settings.seed,
            epoch=epoch,
            balanced=settings.class_balanced_sampling,
        )
        if epoch == 0 and self.board:
            shown = np.stack([images[row][0][0].numpy() for row in range(min(_SHOWN, len(images)))])
            self.board.pictures("augmented", shown * self.preprocessing.std + self.preprocessing.mean, 0)
        self.network.train()
        with loaded(
            images,
            steps,
            parts=settings.gradient_accumulation_steps,
            process=accelerator.process_index,
            processes=accelerator.num_processes,
            workers=self._loader_workers(),
        ) as batches:
            return self._steps(epoch, steps, batches)

    def _loader_workers(self) -> int:
        if self.settings.loader_workers >= 0:
            return self.settings.loader_workers
        if self.accelerator.device.type == "cpu" and self.images["train"].held is not None:
            return 0
        return min(8, os.cpu_count() or 1)

    def _steps(self, epoch: int, steps: list[list[int]], batches: Iterator[Batch]) -> float:
        """The optimiser steps of an epoch; returns their mean loss."""
        total, seen, started = 0.0, 0, time.monotonic()
        parts = self.settings.gradient_accumulation_steps
        labels = self.images["train"].labels
        name = f"epoch {epoch + 1}/{self.settings.epochs}"
        bar = tqdm(steps, desc=name, unit="step", disable=None if self.board else True)
        for step, rows in enumerate(bar):
            self.rate.set(epoch * self.steps + step)
            known = (~torch.isnan(labels[rows])).sum().clamp(min=1).to(self.accelerator.device)
            loss = torch.zeros((), device=self.accelerator.device)
            for part in range(parts):
                loss += self._forward(next(batches), known, len(rows), last=part == parts - 1)
            total += self._update(loss, epoch, epoch * self.steps + step)
            seen += len(rows)
            bar.set_postfix(
                loss=f"{total / (step + 1):.4f}",
                auroc=f"{self.state['history'][-1]['val_macro_auroc']:.3f}" if self.state["history"] else "-",
                img_s=f"{seen / (time.monotonic() - started):.1f}",
            )
        return total / len(steps)

    def _forward(self, batch: Batch, known: torch.Tensor, images: int, *, last: bool) -> torch.Tensor:
        """Gradients of a micro-batch; the loss is its share of the means over the step's known entries and images."""
        accelerator = self.accelerator
        x, y, lessons, regions = batch
        x = x.to(device=accelerator.device, memory_format=torch.channels_last)
        with _gradients_stay_here(accelerator, self.network, unless=last):
            with accelerator.autocast():
                output = self.network(x)
            logits, *beside = output if isinstance(output, tuple) else (output,)
            share = self.loss.entries(logits.float(), y.to(accelerator.device)).sum() / known
            if regions.numel():
                attention = attention_loss(beside[0], regions.to(accelerator.device))
                share = share + self.settings.attention_weight * attention / images
            if lessons.numel():
                targets, trust = lessons.to(accelerator.device).unbind(dim=1)
                imitation = imitation_loss(beside[1].float(), targets, trust)
                share = share + self.settings.teacher_weight * imitation / images
            # Gradients are averaged over processes; the sum over all entries is wanted.
            accelerator.backward(share * accelerator.num_processes)
        return share.detach()

    def _update(self, loss: torch.Tensor, epoch: int, step: int) -> float:
        value = float(self.accelerator.reduce(loss, reduction="sum"))
        if not np.isfinite(value):
            raise TrainingError(
                f"The loss is not finite in epoch {epoch + 1}: lower --learning_rate or use --precision fp32. "
                "The best checkpoint so far is kept."
            )
        if self.settings.clip_norm > 0:
            self.accelerator.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.average.update(self.bare_network, step=step)
        return value

    def _conclude(self, epoch: int, loss: float, seconds: float) -> None:
        """Validate, record, and save what is better than before and what a resumed run needs."""
        settings, validation = self.settings, self.rows["val"]
        if self.accelerator.is_main_process:
            averaged = self._finished()
            logits = predict_logits(averaged, self.images["val"], device=self.accelerator.device)
            labels = _labels(validation)
            aurocs = aurocs_of(labels, logits)
            val_loss = MaskedLoss()(torch.tensor(logits), torch.tensor(labels)).item()
            row = {
                "epoch": epoch + 1,
                "train_loss": round(loss, 7),
                "val_loss": round(val_loss, 6),
                "val_macro_auroc": round(float(np.mean(list(aurocs.values()))) if aurocs else math.nan, 4),
                "learning_rate": max(group["lr"] for group in self.optimiser.param_groups),
                "seconds": round(seconds, 1),
            }
            self.state["history"].append(row)
            log.info(
                "epoch %d: loss %.4f, validation loss %.4f, macro AUROC %.4f",
                epoch + 1,
                loss,
                val_loss,
                row["val_macro_auroc"],
            )
            figure = row[self._monitored()] * (-1 if settings.monitor == "loss" else 1)
            better = self.state["best"] is None or figure > self.state["best"]
            if better:
                self.state["best"] = figure
                save_calibrated(
                    self.folder / "checkpoint",
                    averaged,
                    self.preprocessing,
                    logits,
                    self.rows["val"],
                    architecture=settings.backbone,
                    provenance=describe(self.rows, settings, self.data_settings, row),
                )
            self.rate.after_epoch(better=better)
            self._save_state(epoch)
            write_summary(self.folder / "summary.csv", self.state["history"])
            self._show(averaged, row, aurocs, labels, logits, better=better)
        self._share_state(epoch)

    def _share_state(self, epoch: int) -> None:
        """Let all processes agree on what the first one decided."""
        shared = [self.state["history"], self.state["best"], self.rate.state()]
        if self.accelerator.num_processes > 1:
            broadcast_object_list(shared)
        self.state = {"epoch": epoch + 1, "history": shared[0], "best": shared[1]}
        self.rate.restore(shared[2])

    def _finished(self) -> nn.Module:
        """The averaged network as it is validated and saved: with one head."""
        averaged = self.average.module
        return averaged.joined() if isinstance(averaged, Pupil) else averaged

    def _show(
        self,
        network: nn.Module,
        row: dict[str, Any],
        aurocs: dict[str, float],
        labels: np.ndarray,
        logits: np.ndarray,
        *,
        better: bool,
    ) -> None:
        """Figures of each epoch; pictures of those alone that are better than all before, whose network is kept."""
        assert self.board is not None
        known = ~np.isnan(labels)
        accuracy = float(((logits > 0) == (labels > 0.5))[known].mean())
        self.board.epoch(row, aurocs, accuracy)
        if not better:
            return
        self.board.curves(row["epoch"], labels, logits)
        # The first validation images with a finding, each beside the heatmap of its first finding.
        rows = np.flatnonzero(np.nansum(labels, axis=1) > 0)[:_SHOWN]
        if len(rows) and self.linear_head:
            x = torch.stack([self.images["val"][row][0] for row in rows]).to(self.accelerator.device)
            maps = over_image(closed_form(network.eval(), x)[1].numpy(), x.shape[-1])
            chosen = maps[np.arange(len(rows)), np.nanargmax(labels[rows], axis=1)]
            pictures = x[:, 0].cpu().numpy() * self.preprocessing.std + self.preprocessing.mean
            self.board.pictures("heatmaps", np.concatenate([pictures, chosen], axis=2), row["epoch"])

    def _save_state(self, epoch: int) -> None:
        scaler = self.accelerator.scaler
        state = {
            "epoch": epoch + 1,
            "best": self.state["best"],
            "history": self.state["history"],
            "network": self.bare_network.state_dict(),
            "average": self.average.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rate": self.rate.state(),
            "scaler": scaler.state_dict() if scaler else None,
        }
        with replacing(self.folder / "state.pt") as partial:
            torch.save(state, partial)

    def _restore(self, state: dict[str, Any]) -> None:
        self.bare_network.load_state_dict(state["network"])
        self.average.module.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rate.restore(state["rate"])
        if self.accelerator.scaler and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.state = {name: state[name] for name in ("epoch", "best", "history")}
        log.info("resuming after epoch %d of %d", state["epoch"], self.settings.epochs)


def _labels(rows: pd.DataFrame) -> np.ndarray:
    return rows[list(LABELS)].to_numpy(dtype=np.float32)


@contextmanager
def _gradients_stay_here(accelerator: Accelerator, network: nn.Module, *, unless: bool) -> Iterator[None]:
    """Micro-batches before the last do not exchange gradients between processes."""
    if unless:
        yield
    else:
        with accelerator.no_sync(network):
            yield
