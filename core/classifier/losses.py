"""Losses for multi-label classification with unknown labels."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


class MaskedLoss(nn.Module):
    """Binary cross-entropy or focal loss that leaves unknown labels out.

    Focal loss: Lin et al., ICCV 2017, ``-alpha_t (1 - p_t)^gamma log(p_t)``. With ``gamma=0`` and no ``alpha`` it is
    the binary cross-entropy.

    Args:
        gamma: focusing exponent, at least 0.
        alpha: weight of positives in [0, 1]; negatives weigh ``1 - alpha``. None weighs both with 1.
        positive_weights: (14,) weights of the positives per label, or None.
    """

    def __init__(self, gamma: float = 0.0, alpha: float | None = None, positive_weights: Tensor | None = None) -> None:
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha
        self.positive_weights: Tensor | None
        self.register_buffer("positive_weights", positive_weights)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over the known entries.

        Args:
            logits: (N, 14).
            targets: (N, 14) of 0, 1 or NaN for unknown.
        """
        known = ~torch.isnan(targets)
        targets = torch.where(known, targets, torch.zeros_like(targets))
        loss = binary_cross_entropy_with_logits(logits, targets, pos_weight=self.positive_weights, reduction="none")
        if self.gamma > 0:
            probability = torch.sigmoid(logits)
            missed = torch.where(targets > 0.5, 1 - probability, probability)
            loss = loss * missed**self.gamma
        if self.alpha is not None:
            loss = loss * torch.where(targets > 0.5, self.alpha, 1 - self.alpha)
        return (loss * known).sum() / known.sum().clamp(min=1)


def balancing_weights(labels: Tensor) -> Tensor:
    """Positive weights (14,): the square root of negatives over positives, which stays moderate for rare labels.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
    """
    positives = torch.nansum(labels, dim=0)
    negatives = torch.nansum(1 - labels, dim=0)
    return torch.sqrt(negatives / positives.clamp(min=1)).clamp(min=1.0, max=10.0)
