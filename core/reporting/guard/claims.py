"""What one sentence says of each observation that it names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.findings import BY_NAME
from core.labeler import Presence, find_mentions
from core.reporting.guard.places import in_one_list, leading_side, levels_in, near, sides_in
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
        levels: of the lung, that are stated for it.
        start, end: place of its words.
    """

    observation: str
    presence: Presence
    implied: Implication | None
    side: str | None
    levels: frozenset[str]
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
    lowered = sentence.lower()
    mentions = find_mentions(sentence)
    labelled = {(one.start, one.end) for one in mentions if one.observation in BY_NAME}
    claims: list[Claim] = []
    for one in mentions:
        known = one.observation in BY_NAME
        # Words that name one of the 14 ("mass") say no more than that, though they also count as a lung lesion.
        if known or (one.start, one.end) not in labelled:
            implied = None if known else implication(one.observation, lowered, one.start, one.end)
            none: frozenset[str] = frozenset()
            claims.append(Claim(one.observation, one.presence, implied, one.laterality, none, one.start, one.end))
    return _placed(lowered, claims)


def _placed(lowered: str, claims: list[Claim]) -> tuple[Claim, ...]:
    """The claims with side and levels, also where these are stated once for several of them."""
    spans = [(one.start, one.end) for one in claims]
    leading = leading_side(lowered)
    for index, claim in enumerate(claims):
        words = tuple(near(lowered, spans, index))
        levels = next(filter(None, map(levels_in, words)), frozenset())
        side = claim.side
        if side is None and claim.sided:
            side = leading or next(("bilateral" for part in words if "bilateral" in sides_in(part)), None)
        claims[index] = replace(claim, side=side, levels=levels)
    # "Left basal effusion and atelectasis", and "effusion and atelectasis at the left base".
    ahead = [(index - 1, index) for index in range(1, len(claims))]
    for source, target in (*ahead, *((other, one) for one, other in reversed(ahead))):
        if claims[target].sided and in_one_list(lowered, spans, min(source, target)):
            claims[target] = replace(
                claims[target],
                side=claims[target].side or claims[source].side,
                levels=claims[target].levels or claims[source].levels,
            )
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
