import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from core.classifier.losses import MaskedLoss, balancing_weights


def test_without_gamma_the_loss_is_the_binary_cross_entropy() -> None:
    logits, targets = torch.randn(8, 14), torch.randint(0, 2, (8, 14)).float()
    assert MaskedLoss()(logits, targets).item() == pytest.approx(
        binary_cross_entropy_with_logits(logits, targets).item()
    )


def test_focal_loss_equals_the_formula_of_the_paper() -> None:
    logits = torch.tensor([[2.0, -1.0]])
    targets = torch.tensor([[1.0, 1.0]])
    p = torch.sigmoid(logits)
    expected = (-0.25 * (1 - p) ** 2 * torch.log(p)).mean()
    assert MaskedLoss(gamma=2.0, alpha=0.25)(logits, targets).item() == pytest.approx(expected.item(), rel=1e-5)


def test_unknown_labels_neither_count_nor_send_gradients() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    targets = torch.tensor([[1.0, float("nan"), 0.0]])
    loss = MaskedLoss(gamma=1.0)(logits, targets)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert logits.grad[0, 1] == 0
    assert (logits.grad[0, [0, 2]] != 0).all()


def test_rare_labels_get_larger_positive_weights() -> None:
    labels = torch.zeros(100, 2)
    labels[:50, 0] = 1
    labels[:4, 1] = 1
    weights = balancing_weights(labels)
    assert weights[0] == 1
    assert weights[1] == pytest.approx((96 / 4) ** 0.5)


def test_asymmetric_loss_equals_the_formula_of_the_paper() -> None:
    logits = torch.tensor([[2.0, -1.0, -4.0]])
    targets = torch.tensor([[1.0, 0.0, 0.0]])
    p = torch.sigmoid(logits)
    lowered = (p - 0.05).clamp(min=0)
    expected = torch.where(targets > 0.5, (1 - p) * torch.log(p), lowered**4 * torch.log(1 - lowered))
    loss = MaskedLoss(1.0, negative_gamma=4.0, clip=0.05)
    assert loss(logits, targets).item() == pytest.approx(-expected.mean().item(), rel=1e-4)
    assert loss.entries(logits, targets)[0, 2] == 0
