"""The training loop: prepared images in memory, augmentation, bf16 autocast, moving average, exact resume by epoch."""

import csv
import json
import logging
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from timm.utils import ModelEmaV3
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from core.classifier.calibration import choose_operating_point, fit_calibration
from core.classifier.checkpoint import CheckpointConfig, load_checkpoint, save_checkpoint
from core.classifier.losses import MaskedLoss, balancing_weights
from core.classifier.network import build_network
from core.classifier.preprocessing import Preprocessing
from core.datasets.augmentation import seed_augmentation, training_augmentation
from core.findings import LABELS
from core.imaging import read_radiograph

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides the outcome of a training; saved in the checkpoint.

    Attributes:
        backbone: timm model name.
        initial_weights: ``imagenet``, ``none``, or the folder of an earlier ChestLens checkpoint.
        image_size: side of the network input, in pixels.
        epochs, batch_size: passes over the training images, images a step.
        learning_rate, weight_decay: AdamW; one cycle with cosine decay peaks at ``learning_rate``.
        warmup_share: share of all steps in which the learning rate rises.
        use_focal_loss, focal_gamma: focal loss instead of binary cross-entropy.
        use_class_weights: weigh positives by the square root of negatives over positives.
        drop_rate, drop_path_rate: regularisation of the network.
        ema_decay: decay of the moving average of the weights, which is what is validated and saved.
        precision: ``bf16`` or ``fp32``.
        seed: seed of initial head, order and augmentation.
    """

    backbone: str = "tf_efficientnet_lite0"
    initial_weights: str = "imagenet"
    image_size: int = 320
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 0.02
    warmup_share: float = 0.15
    use_focal_loss: bool = False
    focal_gamma: float = 2.0
    use_class_weights: bool = False
    drop_rate: float = 0.2
    drop_path_rate: float = 0.1
    ema_decay: float = 0.995
    precision: str = "bf16"
    seed: int = 0


class PreparedImages(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Canonical images held in memory as uint8, with their labels; augmented when a seed is set.

    Augmentation is seeded by epoch and row, so that a resumed epoch sees the same pictures as an uninterrupted one,
    whatever the number of loader processes.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, preprocessing: Preprocessing) -> None:
        self.images = images
        self.labels = torch.tensor(labels)
        self.preprocessing = preprocessing
        self.augmentation: Any = None
        self.epoch_seed = 0

    def augment(self, *, seed: int, epoch: int) -> None:
        """Turn augmentation on for one epoch."""
        self.augmentation = training_augmentation()
        self.epoch_seed = seed * 100_003 + epoch

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.images[row]
        if self.augmentation is not None:
            seed_augmentation(self.augmentation, (self.epoch_seed * 1_000_003 + row) % 2**32)
            image = self.augmentation(image=image[..., None])["image"].reshape(image.shape)
        return torch.from_numpy(self.preprocessing.normalise(image.astype(np.float32) / 255)), self.labels[row]


def prepare_images(table: pd.DataFrame, preprocessing: Preprocessing, *, name: str) -> PreparedImages:
    """Read and resize each image once.

    Args:
        table: rows with ``image_path`` and the 14 labels.
        preprocessing: gives the size.
        name: word for the progress bar.
    """
    side = preprocessing.image_size
    images = np.empty((len(table), side, side), dtype=np.uint8)
    for row, path in enumerate(tqdm(table["image_path"], desc=f"reading {name} images", unit="img", disable=None)):
        square, _ = preprocessing.canonical(read_radiograph(Path(path).read_bytes()).pixels)
        images[row] = np.round(square * 255)
    return PreparedImages(images, table[list(LABELS)].to_numpy(dtype=np.float32), preprocessing)


def soften(table: pd.DataFrame, teacher: pd.DataFrame) -> np.ndarray:
    """Targets (N, 14): the labels, averaged with the teacher's probability where it has one; unknown stays unknown.

    Raises:
        ValueError: the teacher has none of the images.
    """
    labels = table[list(LABELS)].to_numpy(dtype=np.float32)
    probabilities = teacher[list(LABELS)].reindex(table["study_id"]).to_numpy(dtype=np.float32)
    known = np.isfinite(probabilities)
    if not known.any():
        raise ValueError("The teacher's predictions cover none of the training images.")
    return np.where(known, (labels + probabilities) / 2, labels)


def macro_auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean AUROC over the labels that have positives and negatives; labels (N, L) of 0, 1 or NaN, scores (N, L)."""
    values = []
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        y = labels[known, column]
        if 0 < y.sum() < len(y):
            values.append(roc_auc_score(y, scores[known, column]))
    return float(np.mean(values)) if values else float("nan")


def train(
    table: pd.DataFrame,
    output_dir: str | Path,
    settings: TrainingSettings,
    *,
    data_settings: dict[str, Any],
    teacher: pd.DataFrame | None = None,
    resume: bool = True,
) -> Path:
    """Train on the ``train`` rows, choose the epoch on the ``val`` rows, calibrate, and save a checkpoint.

    Args:
        table: as returned by ``core.datasets``; rows of other splits are not touched.
        output_dir: receives ``checkpoint/``, ``state.pt`` (to resume), ``summary.csv`` and ``settings.json``.
        settings: see ``TrainingSettings``.
        data_settings: how ``table`` was made, for the record; ``evaluate.py`` makes the same split again from it.
        teacher: another model's probabilities for some of the images, ``study_id`` as index and label columns. The
            targets of those images become the mean of label and probability (distillation, Hinton et al. 2015).
        resume: go on from ``state.pt`` if it is there.

    Returns:
        The checkpoint folder.

    Raises:
        ValueError: there is nothing to train or validate on, or ``output_dir`` holds a run with other settings.
    """
    run = Path(output_dir)
    run.mkdir(parents=True, exist_ok=True)
    rows = {split: table[table["split"] == split].reset_index(drop=True) for split in ("train", "val")}
    for split, part in rows.items():
        if part.empty:
            raise ValueError(f"The table has no {split} images; check --data_dir and the split.")
    _keep_settings(run / "settings.json", {"training": asdict(settings), "data": data_settings}, resume=resume)

    torch.manual_seed(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    preprocessing = Preprocessing(image_size=settings.image_size)
    network = _initial_network(settings).to(device).to(memory_format=torch.channels_last)
    average = ModelEmaV3(network, decay=settings.ema_decay, use_warmup=True)
    data = {split: prepare_images(part, preprocessing, name=split) for split, part in rows.items()}
    if teacher is not None:
        data["train"].labels = torch.tensor(soften(rows["train"], teacher))

    steps = len(data["train"]) // settings.batch_size or 1
    optimizer = torch.optim.AdamW(_parameter_groups(network, settings.weight_decay), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=settings.learning_rate,
        total_steps=steps * settings.epochs,
        pct_start=settings.warmup_share,
        cycle_momentum=False,
    )
    weights = balancing_weights(data["train"].labels) if settings.use_class_weights else None
    loss_function = MaskedLoss(settings.focal_gamma if settings.use_focal_loss else 0.0, positive_weights=weights)
    loss_function.to(device)

    state: dict[str, Any] = {"epoch": 0, "best": -1.0, "history": []}
    if resume and (run / "state.pt").is_file():
        state = torch.load(run / "state.pt", map_location=device, weights_only=True)
        network.load_state_dict(state["network"])
        average.module.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        log.info("resuming after epoch %d of %d", state["epoch"], settings.epochs)

    for epoch in range(state["epoch"], settings.epochs):
        torch.manual_seed(
            settings.seed * 100_003 + epoch
        )  # order and dropout of an epoch do not depend on earlier ones
        data["train"].augment(seed=settings.seed, epoch=epoch)
        started = time.monotonic()
        loss = _train_epoch(
            network, average, data["train"], loss_function, optimizer, schedule, settings, steps, epoch, device
        )
        logits = predict_logits(average.module, data["val"], device=device)
        score = macro_auroc(rows["val"][list(LABELS)].to_numpy(), logits)
        state["history"].append(
            {
                "epoch": epoch + 1,
                "train_loss": round(loss, 5),
                "val_macro_auroc": round(score, 4),
                "learning_rate": schedule.get_last_lr()[0],
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        log.info("epoch %d: loss %.4f, validation macro AUROC %.4f", epoch + 1, loss, score)
        if score > state["best"]:
            state["best"] = score
            provenance = _provenance(rows, settings, data_settings, state["history"][-1])
            _save(run / "checkpoint", average.module, logits, rows["val"], preprocessing, provenance)
        state |= {
            "epoch": epoch + 1,
            "network": network.state_dict(),
            "average": average.module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
        }
        torch.save(state, run / "state.partial")
        os.replace(run / "state.partial", run / "state.pt")
        _write_summary(run / "summary.csv", state["history"])
    return run / "checkpoint"


@torch.inference_mode()
def predict_logits(network: nn.Module, images: PreparedImages, *, device: torch.device) -> np.ndarray:
    """Logits (N, 14) as ``Classifier`` computes them: the mean over each image and its mirror image, unaugmented."""
    network.eval()
    images.augmentation = None
    batches = []
    for x, _ in tqdm(DataLoader(images, batch_size=32), desc="validating", leave=False, disable=None):
        x = x.to(device=device, memory_format=torch.channels_last)
        batches.append(((network(x) + network(x.flip(-1))) / 2).float().cpu())
    return torch.cat(batches).numpy()


def _train_epoch(
    network: nn.Module,
    average: ModelEmaV3,
    images: PreparedImages,
    loss_function: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    settings: TrainingSettings,
    steps: int,
    epoch: int,
    device: torch.device,
) -> float:
    """One pass; returns the mean loss."""
    network.train()
    loader = DataLoader(
        images,
        batch_size=settings.batch_size,
        shuffle=True,
        drop_last=len(images) >= settings.batch_size,
        num_workers=1,
    )
    total = 0.0
    bar = tqdm(loader, desc=f"epoch {epoch + 1}/{settings.epochs}", unit="batch", total=steps, disable=None)
    for step, (x, y) in enumerate(bar):
        x = x.to(device=device, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            logits = network(x)
        loss = loss_function(logits.float(), y.to(device))
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"The loss is not finite in epoch {epoch + 1}: lower --learning_rate or use --precision fp32."
            )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update(network, step=epoch * steps + step)
        total += loss.item()
        bar.set_postfix(loss=f"{total / (step + 1):.4f}")
    return total / steps


def _initial_network(settings: TrainingSettings) -> nn.Module:
    """A fresh network, or the weights of an earlier checkpoint of the same backbone."""
    earlier = settings.initial_weights not in ("imagenet", "none")
    network = build_network(
        settings.backbone,
        initial_weights="none" if earlier else settings.initial_weights,
        drop_rate=settings.drop_rate,
        drop_path_rate=settings.drop_path_rate,
    )
    if earlier:
        before, config = load_checkpoint(settings.initial_weights)
        if config.architecture != settings.backbone:
            raise ValueError(f"The initial weights are of {config.architecture!r}, not of {settings.backbone!r}.")
        network.load_state_dict(before.state_dict())
    return network


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels only; biases and batch norm are left free."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _provenance(
    rows: dict[str, pd.DataFrame], settings: TrainingSettings, data_settings: dict[str, Any], epoch: dict[str, Any]
) -> dict[str, Any]:
    """What a checkpoint tells of its making."""
    return {
        "training": asdict(settings),
        "data": data_settings,
        # evaluate.py must find the same validation images, whatever becomes of the rule that chose them.
        "validation_studies": sorted(rows["val"]["study_id"]),
        "images": {split: len(part) for split, part in rows.items()},
        "patients": {split: int(part["patient_id"].nunique()) for split, part in rows.items()},
        "positives": {split: {label: int(part[label].sum()) for label in LABELS} for split, part in rows.items()},
        "epoch": epoch["epoch"],
        "val_macro_auroc": epoch["val_macro_auroc"],
    }


def _save(
    folder: Path,
    network: nn.Module,
    logits: np.ndarray,
    validation: pd.DataFrame,
    preprocessing: Preprocessing,
    provenance: dict[str, Any],
) -> None:
    """Calibrate on the validation rows and write the checkpoint."""
    labels = validation[list(LABELS)].to_numpy(dtype=np.float32)
    calibration = fit_calibration(logits, labels)
    probabilities = calibration(logits)
    config = CheckpointConfig(
        architecture=provenance["training"]["backbone"],
        preprocessing=preprocessing,
        calibration=calibration,
        operating_points={
            label: choose_operating_point(probabilities[:, column], labels[:, column])
            for column, label in enumerate(LABELS)
        },
        provenance=provenance,
    )
    save_checkpoint(folder, network, config)


def _keep_settings(path: Path, settings: dict[str, Any], *, resume: bool) -> None:
    """Record the settings of a new run; refuse to resume one that was started with others."""
    text = json.dumps(settings, indent=2) + "\n"
    if resume and path.is_file() and path.read_text() != text:
        raise ValueError(f"{path.parent} holds a run with other settings: give another --output_dir or --no_resume.")
    path.write_text(text)


def _write_summary(path: Path, history: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
