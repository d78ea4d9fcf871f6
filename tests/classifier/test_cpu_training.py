"""Training on a CPU takes quicker ways to the same gradients."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import timm
import torch
from timm.models import register_model
from torch import nn

from core.classifier import Classifier
from core.classifier.training import TrainingError, TrainingSettings, train
from core.classifier.training.cpu import quicken_depthwise


def _gradients(network: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    network.zero_grad()
    x = x.clone().requires_grad_()
    network(x).square().mean().backward()
    assert x.grad is not None
    return [x.grad, *(p.grad for p in network.parameters() if p.grad is not None)]


# Odd and even sides: a stride leaves another remainder of each.
@pytest.mark.parametrize("side", [63, 64, 65])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kind", [nn.Conv2d, timm.layers.Conv2dSame])
def test_depthwise_convolutions_keep_outputs_and_gradients(side: int, kernel: int, stride: int, kind: type) -> None:
    torch.manual_seed(0)
    padding = 0 if kind is timm.layers.Conv2dSame else kernel // 2
    plain = nn.Sequential(kind(8, 8, kernel, stride=stride, padding=padding, groups=8, bias=False)).double()
    quick = copy.deepcopy(plain)
    quicken_depthwise(quick)
    assert type(quick[0]) is not type(plain[0])
    x = torch.randn(2, 8, side, side, dtype=torch.double)
    assert torch.equal(quick(x), plain(x))
    # float64 throughout but for large kernels, whose gradient is summed in float32.
    for expected, found in zip(_gradients(plain, x), _gradients(quick, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_a_whole_network_keeps_its_weights_names_and_gradients_in_bf16() -> None:
    torch.manual_seed(0)
    plain = timm.create_model("tf_efficientnet_lite0", num_classes=14, in_chans=1).eval()
    quick = copy.deepcopy(plain)
    quicken_depthwise(quick)
    assert list(quick.state_dict()) == list(plain.state_dict())
    assert sum(type(m) is not type(n) for m, n in zip(quick.modules(), plain.modules(), strict=True)) == 16
    x = torch.randn(2, 1, 96, 96)
    with torch.autocast("cpu", torch.bfloat16):
        expected, found = _gradients(plain, x), _gradients(quick, x)
    for one, other in zip(expected, found, strict=True):
        # Each is a bf16 approximation of the same gradient.
        assert torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.99
    assert [p.data_ptr() for p in copy.deepcopy(quick).parameters()] != [p.data_ptr() for p in quick.parameters()]


def test_other_convolutions_stay_as_they_are() -> None:
    network = nn.Sequential(
        nn.Conv2d(8, 8, 3, groups=4),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Conv2d(8, 8, 3, groups=8, bias=False, dilation=2),
        nn.Conv2d(8, 16, 3, groups=8, bias=False),
        nn.Conv2d(8, 8, (3, 5), groups=8, bias=False),
    )
    before = list(network)
    quicken_depthwise(network)
    assert list(network) == before


class OneConvolution(nn.Module):
    """The least that is a backbone: compiling takes a C++ compiler some seconds a layer."""

    def __init__(self, num_classes: int, in_chans: int, **_options: Any) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_chans, 16, 8, stride=8)
        self.head = nn.Linear(16, num_classes)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return self.stem(x).relu()

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        x = x.mean((2, 3))
        return x if pre_logits else self.head(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        return self.head


@register_model
def one_convolution(pretrained: bool = False, **options: Any) -> nn.Module:
    return OneConvolution(**options)


COMPILED = TrainingSettings(
    backbone="one_convolution", initial_weights="none", image_size=64, epochs=1, batch_size=4, compile=True
)


def test_a_compiled_training_learns_the_same(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._inductor.config

    # What the processor says of itself is believed; a compiled program for each of its vector units took ten seconds.
    monkeypatch.setattr(torch._inductor.config.cpp, "vec_isa_ok", True)
    plain = train(table, tmp_path / "plain", replace(COMPILED, compile=False), data_settings={})
    compiled = train(table, tmp_path / "compiled", COMPILED, data_settings={})
    losses = [pd.read_csv(folder.parent / "summary.csv")["train_loss"].item() for folder in (plain, compiled)]
    assert losses[1] == pytest.approx(losses[0], abs=0.02)  # fused operations round less often in bf16
    assert Classifier(compiled).config.architecture == "one_convolution"


def test_a_machine_that_cannot_compile_is_told_to_leave_it_out(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._inductor.config

    torch.compiler.reset()
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("there-is-no-such-compiler",))
    with pytest.raises(TrainingError, match="leave out --compile"):
        train(table, tmp_path, replace(COMPILED, image_size=96), data_settings={})
