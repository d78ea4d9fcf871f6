"""What a chest radiograph report says is there, absent or in doubt."""

from core.labeler.labeler import (
    CHEXPERT,
    Mention,
    chexpert_values,
    describe,
    find_mentions,
    label_values,
    presences,
)
from core.labeler.presence import Presence

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
