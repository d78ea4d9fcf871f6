"""Logits and AUROCs on the validation images."""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from core.classifier.training.images import TrainingImages
from core.findings import LABELS

_BATCH = 32


@torch.inference_mode()
def predict_logits(network: nn.Module, images: TrainingImages, *, device: torch.device) -> np.ndarray:
    """Logits (N, 14) as ``Classifier`` computes them: the mean over each image and its mirror image, unaugmented."""
    network.eval()
    images.augmentation = None
    batches = []
    for x, *_ in tqdm(DataLoader(images, batch_size=_BATCH), desc="validating", leave=False, disable=None):
        x = x.to(device=device, memory_format=torch.channels_last)
        batches.append(((network(x) + network(x.flip(-1))) / 2).float().cpu())
    return torch.cat(batches).numpy()


def aurocs_of(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """AUROC of each label that has positives and negatives.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
        scores: (N, 14).
    """
    values = {}
    for column, label in enumerate(LABELS):
        known = ~np.isnan(labels[:, column])
        y = labels[known, column]
        if 0 < y.sum() < len(y):
            values[label] = float(roc_auc_score(y, scores[known, column]))
    return values
