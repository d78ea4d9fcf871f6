"""Several networks as one: the mean of their logits, and of what each place of the image adds to them."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from core.classifier.errors import ClassifierError
from core.classifier.imported_network import ImportedNetwork

# Between the timm names of an architecture that has several members.
SEPARATOR = "+"


class MeanOfNetworks(nn.Module):
    """Networks of one input and the same outputs, which look at the same image (Lakshminarayanan et al., NeurIPS 2017).

    Args:
        members: timm models.
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, S, S) to logits (N, L)."""
        return torch.stack([member(x) for member in self.members]).mean(dim=0)


def members_in(network: nn.Module) -> list[nn.Module]:
    """The networks of one timm model each, in their order."""
    return list(network.members) if isinstance(network, MeanOfNetworks) else [network]


def members_of(network: nn.Module, architecture: str) -> dict[str, nn.Module]:
    """The networks of one timm model each, by their names; the first of those that share one.

    Args:
        network: of a checkpoint.
        architecture: as its configuration names it.

    Raises:
        ClassifierError: the network was imported.
    """
    if isinstance(network, ImportedNetwork):
        raise ClassifierError(
            f"{architecture} was imported: it can be served and evaluated, but nothing starts from it."
        )
    found: dict[str, nn.Module] = {}
    for name, member in zip(architecture.split(SEPARATOR), members_in(network), strict=True):
        found.setdefault(name, member)
    return found
