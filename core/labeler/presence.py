"""How a report may speak of an observation."""

from typing import Literal, NamedTuple

Presence = Literal["present", "absent", "uncertain", "not mentioned"]


class Judgement(NamedTuple):
    """What the context says of one observation.

    Attributes:
        presence: the verdict.
        cue: the words that decided, empty where nothing but the observation itself did.
    """

    presence: Presence
    cue: str
