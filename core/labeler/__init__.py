"""What a chest radiograph report says is there, absent or in doubt."""

from core.labeler.context import Presence
from core.labeler.labeler import (
    CHEXPERT,
    Mention,
    chexpert_values,
    describe,
    find_mentions,
    label_values,
    presences,
)

__all__ = [
    "CHEXPERT",
    "Mention",
    "Presence",
    "chexpert_values",
    "describe",
    "find_mentions",
    "label_values",
    "presences",
]
