"""A network that was made elsewhere, as one that ChestLens can use: one grey channel in, a logit for each finding out.

Public classifiers take colour, name their outputs in their own way, and often choose one class among several. All of
that lies in ``ImportedNetwork``, so that prediction, heatmaps and evaluation know no difference.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from core.classifier.feature_maps import as_grid
from core.classifier.imported_architecture import ImportedArchitecture


class ImportedNetwork(nn.Module):
    """A classifier of timm or transformers behind one grey channel.

    Where outputs exclude each other, the logit of a label is the logarithm of its odds against all outputs that do not
    mean it, so that its sigmoid is the share that the softmax gives it.

    Args:
        body: the network as its library makes it.
        architecture: what is known of it.
    """

    def __init__(self, body: nn.Module, architecture: ImportedArchitecture) -> None:
        super().__init__()
        self.of_label: Tensor
        self.mean: Tensor
        self.std: Tensor
        self.body = body
        self.head = architecture.head
        of_label = torch.zeros(len(architecture.columns), architecture.n_outputs, dtype=torch.bool)
        for row, outputs in enumerate(architecture.columns):
            of_label[row, list(outputs)] = True
        # None of these is learned: they come from config.json.
        self.register_buffer("of_label", of_label, persistent=False)
        self.register_buffer("mean", torch.tensor(architecture.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(architecture.std).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Grey images (N, 1, S, S) in [0, 1] to logits (N, L)."""
        return self.logits_of(self.outputs(x))

    def outputs(self, x: Tensor) -> Tensor:
        """Grey images (N, 1, S, S) in [0, 1] to the network's own outputs (N, K)."""
        made = self.body((x - self.mean) / self.std)
        return cast(Tensor, made if isinstance(made, Tensor) else made.logits)

    def forward_features(self, x: Tensor) -> Tensor | None:
        """What the head takes, as the library lays it out, or None where it does not say."""
        x = (x - self.mean) / self.std
        base: Any = getattr(self.body, "base_model", self.body)
        if hasattr(base, "forward_features"):
            return cast(Tensor, base.forward_features(x))
        return cast(Tensor | None, getattr(base(x), "last_hidden_state", None)) if base is not self.body else None

    def get_classifier(self) -> nn.Module:
        """The layer that gives the outputs; ``nn.Identity`` where no linear layer does."""
        of_outputs = [
            layer
            for layer in self.body.modules()
            if isinstance(layer, nn.Linear) and layer.out_features == self.of_label.shape[1]
        ]
        return of_outputs[-1] if of_outputs else nn.Identity()

    def logits_of(self, outputs: Tensor) -> Tensor:
        """The network's outputs (N, K) to logits (N, L)."""
        if self.head == "sigmoid":
            return outputs[:, self._single_outputs()]
        each = outputs[:, None, :]
        return self._of_label(each).logsumexp(dim=-1) - self._of_others(each).logsumexp(dim=-1)

    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, L) and what each place (N, L, h, w) adds to them, to first order.

        Needs a head that is one linear layer on the mean over all places.
        """
        features = self.forward_features(x)
        assert features is not None
        grid = as_grid(features)
        assert grid is not None
        classifier = cast(nn.Linear, self.get_classifier())
        outputs = classifier(grid.mean(dim=(2, 3)))
        maps = torch.einsum("kc,nchw->nkhw", classifier.weight, grid)
        if self.head == "sigmoid":
            return self.logits_of(outputs), maps[:, self._single_outputs()]
        each = outputs[:, None, :]
        slopes = self._of_label(each).softmax(dim=-1) - self._of_others(each).softmax(dim=-1)
        return self.logits_of(outputs), torch.einsum("nlk,nkhw->nlhw", slopes, maps)

    def _single_outputs(self) -> Tensor:
        return self.of_label.int().argmax(dim=1)

    def _of_label(self, each: Tensor) -> Tensor:
        return each.masked_fill(~self.of_label, float("-inf"))

    def _of_others(self, each: Tensor) -> Tensor:
        return each.masked_fill(self.of_label, float("-inf"))


def build_imported(architecture: ImportedArchitecture) -> ImportedNetwork:
    """The untrained network of an architecture; reaches for no network, and runs no code but the library's own.

    Raises:
        Whatever the library raises where it does not know the architecture.
    """
    build = {"timm": _build_timm, "transformers": _build_transformers}[architecture.library]
    return ImportedNetwork(build(architecture.model), architecture)


def _build_timm(model: dict[str, Any]) -> nn.Module:
    import timm

    create = cast(Callable[..., nn.Module], timm.create_model)
    return create(
        model["architecture"], pretrained=False, pretrained_cfg=dict(model["pretrained_cfg"]), **model["model_args"]
    )


def _build_transformers(model: dict[str, Any]) -> nn.Module:
    from transformers import AutoConfig, AutoModelForImageClassification

    config = AutoConfig.for_model(**model)
    return cast(nn.Module, AutoModelForImageClassification.from_config(config, trust_remote_code=False))
