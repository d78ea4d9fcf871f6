"""What one sentence says of each observation that it names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.datasets.labeler import Presence, find_mentions
from core.datasets.labeler.attributes import joined
from core.findings import BY_NAME
from core.reporting.guard.statements import Implication, Statement, implication
from core.reporting.guard.vocabulary import DETAIL_WORDS

WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
_PARTS_OF_SENTENCE = re.compile(
    r"[,;]|\b(?:and|but|(?<!consistent )(?<!compatible )(?<!keeping )with|without|however|while|although)\b"
)
_OR = re.compile(r"/|,? (?:and/or|or) (?:\w+ ){0,2}")


@dataclass(frozen=True)
class Claim:
    """What the sentence says of one observation.

    Attributes:
        observation: one of the 14 findings, or a further observation of the labeler.
        presence: as the labeler reads it.
        implied: how a further observation follows from the 14; None for the 14 themselves, and where it does not.
        side: ``left``, ``right``, ``bilateral`` or None.
        start, end: place of its words.
    """

    observation: str
    presence: Presence
    implied: Implication | None
    side: str | None
    start: int
    end: int

    @property
    def called(self) -> bool:
        """Whether it is stated as there, for certain or not."""
        return self.presence in ("present", "uncertain")

    @property
    def sided(self) -> bool:
        """Whether a side stated for its neighbours can hold for it: not for the heart, nor for what is diffuse."""
        return self.observation not in BY_NAME or not BY_NAME[self.observation].diffuse


def claims_in(sentence: str) -> tuple[Claim, ...]:
    """What a sentence says of each observation, from left to right."""
    mentions = find_mentions(sentence)
    labelled = {(one.start, one.end) for one in mentions if one.observation in BY_NAME}
    claims: list[Claim] = []
    for one in mentions:
        known = one.observation in BY_NAME
        # Words that name one of the 14 ("mass") say no more than that, though they also count as a lung lesion.
        if known or (one.start, one.end) not in labelled:
            words = one.words.lower()
            implied = None if known else implication(one.observation, words)
            claims.append(Claim(one.observation, one.presence, implied, one.laterality, one.start, one.end))
    # "Effusion and atelectasis on the left": the side behind the last of a list holds for the others too.
    lowered = sentence.lower()
    for index in range(len(claims) - 2, -1, -1):
        claim, following = claims[index], claims[index + 1]
        if claim.side is None and following.side and claim.sided and joined(lowered, claim.end, following.start):
            claims[index] = replace(claim, side=following.side)
    return tuple(claims)


def alternatives_in(lowered: str, claims: tuple[Claim, ...]) -> frozenset[int]:
    """Indices of claims that an "or" joins, so that it is open which of them holds."""
    open_: set[int] = set()
    for index in range(len(claims) - 1):
        between = lowered[claims[index].end : claims[index + 1].start]
        if _OR.fullmatch(between):
            open_.update((index, index + 1))
    return frozenset(open_)


def details_in(
    lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Words for a degree, extent, age or shape, each with the indices of the claims that it may qualify.

    Left out is what stands in a statement ("no acute abnormality") or names a further observation ("interstitial
    changes").
    """
    details = []
    for begin, end in parts_of(lowered):
        within = tuple(index for index, one in enumerate(claims) if one.start < end and begin < one.end)
        for word in WORD.finditer(lowered, begin, end):
            place = word.start()
            if word[0] not in DETAIL_WORDS or any(one.start <= place < one.end for one in statements):
                continue
            if not any(one.observation not in BY_NAME and one.start <= place < one.end for one in claims):
                details.append((word[0], within))
    return tuple(details)


def parts_of(lowered: str) -> Iterator[tuple[int, int]]:
    """The parts of a sentence in which a word still speaks of the findings beside it."""
    begin = 0
    for stop in _PARTS_OF_SENTENCE.finditer(lowered):
        yield begin, stop.start()
        begin = stop.start()
    yield begin, len(lowered)
