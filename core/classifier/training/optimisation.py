"""Loss, optimiser and learning rate."""

import math
from typing import Any

import torch
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn

from core.classifier.losses import MaskedLoss, balancing_weights
from core.classifier.training.settings import TrainingSettings

_PLATEAU_FACTOR = 0.1


def make_loss(settings: TrainingSettings, labels: torch.Tensor) -> MaskedLoss:
    """The loss that the settings ask for."""
    weights = balancing_weights(labels) if settings.use_class_weights else None
    if settings.use_asymmetric_loss:
        return MaskedLoss(1.0, positive_weights=weights, negative_gamma=4.0, clip=0.05)
    if settings.use_focal_loss:
        alpha = settings.focal_alpha if settings.focal_alpha >= 0 else None
        return MaskedLoss(settings.focal_gamma, alpha, weights)
    return MaskedLoss(positive_weights=weights)


def make_optimiser(network: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, ICLR 2019); weight decay for matrices and kernels only, not biases and norms."""
    if settings.layer_decay < 1:
        groups = param_groups_layer_decay(network, weight_decay=settings.weight_decay, layer_decay=settings.layer_decay)
    else:
        groups = param_groups_weight_decay(network, weight_decay=settings.weight_decay)
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


class LearningRate:
    """The learning rate of each step: a linear rise, then as the schedule says.

    Args:
        optimiser: whose groups it sets; a group's ``lr_scale`` multiplies.
        settings: ``learning_rate``, ``schedule``, ``warmup_share``, ``plateau_patience``.
        steps: optimiser steps in all epochs.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, settings: TrainingSettings, steps: int) -> None:
        self.optimiser = optimiser
        self.settings = settings
        self.steps = steps
        self.warmup = round(settings.warmup_share * steps)
        self.drops = 0
        self.stood_still = 0

    def set(self, step: int) -> float:
        """Set the rate for a step, counted from 0 over all epochs, and return it."""
        if step < self.warmup:
            factor = (step + 1) / self.warmup
        elif self.settings.schedule == "cosine":
            factor = 0.5 * (1 + math.cos(math.pi * (step - self.warmup) / max(1, self.steps - self.warmup)))
        else:
            factor = _PLATEAU_FACTOR**self.drops
        rate = self.settings.learning_rate * factor
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)
        return rate

    def after_epoch(self, *, better: bool) -> None:
        """Tell whether the epoch improved the monitored figure; the plateau schedule lowers the rate if none did."""
        self.stood_still = 0 if better else self.stood_still + 1
        if self.settings.schedule == "plateau" and self.stood_still > self.settings.plateau_patience:
            self.drops += 1
            self.stood_still = 0

    def state(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"drops": self.drops, "stood_still": self.stood_still}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.drops, self.stood_still = state["drops"], state["stood_still"]
