"""Losses for multi-label classification with unknown labels."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


class MaskedLoss(nn.Module):
    """Binary cross-entropy, focal or asymmetric loss that leaves unknown labels out.

    Focal loss: Lin et al., ICCV 2017, ``-alpha_t (1 - p_t)^gamma log(p_t)``. With ``gamma=0`` and no ``alpha`` it is
    the binary cross-entropy. Asymmetric loss: Ridnik et al., ICCV 2021: another exponent for negatives, whose
    probability is lowered by ``clip`` first, so that very easy ones do not count at all.

    Args:
        gamma: focusing exponent of positives, at least 0; of negatives as well if ``negative_gamma`` is None.
        alpha: weight of positives in [0, 1]; negatives weigh ``1 - alpha``. None weighs both with 1.
        positive_weights: (14,) weights of the positives per label, or None.
        negative_gamma: focusing exponent of negatives.
        clip: how much the probability of negatives is lowered, in [0, 1).
    """

    def __init__(
        self,
        gamma: float = 0.0,
        alpha: float | None = None,
        positive_weights: Tensor | None = None,
        *,
        negative_gamma: float | None = None,
        clip: float = 0.0,
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.negative_gamma = gamma if negative_gamma is None else negative_gamma
        self.alpha = alpha
        self.clip = clip
        self.positive_weights: Tensor | None
        self.register_buffer("positive_weights", positive_weights)

    def entries(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each entry (N, 14); 0 where the target is unknown.

        Args:
            logits: (N, 14).
            targets: (N, 14) of 0, 1, a probability between, or NaN for unknown.
        """
        known = ~torch.isnan(targets)
        targets = torch.where(known, targets, torch.zeros_like(targets))
        if self.clip > 0:
            probability = torch.sigmoid(logits)
            absent = (1 - probability + self.clip).clamp(max=1)
            positive = -targets * torch.nn.functional.logsigmoid(logits)
            if self.positive_weights is not None:
                positive = positive * self.positive_weights
            loss = positive - (1 - targets) * torch.log(absent.clamp(min=1e-8))
            missed_negative = 1 - absent
        else:
            loss = binary_cross_entropy_with_logits(logits, targets, pos_weight=self.positive_weights, reduction="none")
            missed_negative = torch.sigmoid(logits)
        if self.gamma > 0 or self.negative_gamma > 0:
            missed_positive = 1 - torch.sigmoid(logits)
            loss = loss * torch.where(targets > 0.5, missed_positive**self.gamma, missed_negative**self.negative_gamma)
        if self.alpha is not None:
            loss = loss * torch.where(targets > 0.5, self.alpha, 1 - self.alpha)
        return loss * known

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over the known entries; arguments as for ``entries``."""
        return self.entries(logits, targets).sum() / (~torch.isnan(targets)).sum().clamp(min=1)


def balancing_weights(labels: Tensor) -> Tensor:
    """Positive weights (14,): the square root of negatives over positives, which stays moderate for rare labels.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
    """
    positives = torch.nansum(labels, dim=0)
    negatives = torch.nansum(1 - labels, dim=0)
    return torch.sqrt(negatives / positives.clamp(min=1)).clamp(min=1.0, max=10.0)
