"""A place in the chest, as reports name one: a side, a zone, or both.

Sides are the patient's; the patient's right lies at the left of the picture. Zones are the thirds of a lung's height.
"""

from dataclasses import dataclass
from typing import Literal, Self, cast, get_args

from core.errors import ChestLensError

Side = Literal["right", "left"]
Zone = Literal["upper", "middle", "lower"]

_SIDES: tuple[str, ...] = get_args(Side)
_ZONES: tuple[str, ...] = get_args(Zone)


class PlaceError(ChestLensError):
    """There is no such place in the chest."""


@dataclass(frozen=True)
class Place:
    """One place; several places are several objects.

    Attributes:
        side: the patient's side; None where only the zone is known.
        zone: third of the lung's height; None where only the side is known.

    Raises:
        PlaceError: neither is given, or one is no such word.

    >>> Place("right", "lower").in_words(), Place("left").in_words(), Place(zone="upper").in_words()
    ('right lower zone', 'left lung', 'upper zones')
    """

    side: Side | None = None
    zone: Zone | None = None

    def __post_init__(self) -> None:
        if self.side is None and self.zone is None:
            raise PlaceError("A place needs a side or a zone.")
        if self.side not in (None, *_SIDES) or self.zone not in (None, *_ZONES):
            raise PlaceError(f"There is no place {self.side} {self.zone}: sides are right, left; zones {_ZONES}.")

    def in_words(self) -> str:
        """The place as a report names it, without an article; a zone without a side is that of both lungs."""
        if self.zone is None:
            return f"{self.side} lung"
        return f"{self.zone} zones" if self.side is None else f"{self.side} {self.zone} zone"

    @property
    def key(self) -> str:
        """The place as files and interfaces name it: ``right_lower_zone``, ``left_lung``, ``upper_zone``."""
        if self.zone is None:
            return f"{self.side}_lung"
        return f"{self.zone}_zone" if self.side is None else f"{self.side}_{self.zone}_zone"

    @classmethod
    def from_key(cls, text: str) -> Self:
        """The place of a key; the words ``zone`` and ``lung`` may be left out.

        >>> Place.from_key("left_lower") == Place.from_key("left_lower_zone") == Place("left", "lower")
        True

        Raises:
            PlaceError: the text names no place.
        """
        words = text.split("_")
        if words[-1] in ("zone", "lung"):
            words.pop()
        side = words.pop(0) if words and words[0] in _SIDES else None
        zone = words.pop(0) if words and words[0] in _ZONES else None
        if words or (side is None and zone is None):
            raise PlaceError(
                f"{text!r} names no place; a place is written like right_lower_zone, left_lung, upper_zone."
            )
        return cls(cast(Side | None, side), cast(Zone | None, zone))
