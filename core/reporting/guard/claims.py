"""What one sentence says of each observation that it names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.findings import BY_NAME
from core.labeler import Mention, Presence, find_mentions
from core.reporting.guard.places import in_one_list, leading_side, levels_in, near, sides_in
from core.reporting.guard.presuppositions import Presupposition, presupposition
from core.reporting.guard.signs import signs_in
from core.reporting.guard.statements import Implication, Statement, implication
from core.reporting.guard.vocabulary import ALARMING_WORDS, DETAIL_WORDS

WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
# "In the right upper zone and left lower zone" is one place, whatever is said of it.
_AND = (
    r"and(?! (?:the |in the |at the )?(?:(?:left|right|upper|middle|mid|lower) ){1,2}(?:lung )?(?:zone|lobe"
    r"|base|lung|side|apex)s?\b"
    r"(?! (?:is|are|shows?|has|demonstrates?|appears?)\b))"
)
_PARTS_OF_SENTENCE = re.compile(
    rf"[,;:]|\b(?:{_AND}|but|(?<!consistent )(?<!compatible )(?<!keeping )(?<!associated )with|without|however|while"
    r"|although|though|whereas)\b"
)
_OR = re.compile(r"/|,? (?:and/or|or) (?:\w+ ){0,2}")
_PLURAL = re.compile(
    r"\b(?:nodules|masses|effusions|pneumothoraces|consolidations|infiltrates|hernias|herniae|lesions|tumou?rs|spots"
    r"|lumps|pneumonias)$"
)
_SEVERAL_OF = re.compile(r"\b(?:areas|foci|patches|zones|regions|pockets|collections|sites) of (?:\w+ )?$")
_DETAILS = DETAIL_WORDS | ALARMING_WORDS
# A degree of what has changed, and no degree of the finding: "a significant interval decrease in the effusion".
_OF_CHANGE = re.compile(
    r"[- ](?:to[- ]\w+ )?(?:interval )?(?:chang|increas|decreas|improv|wors|progress|regress|resol"
    r"|clear(?:ing|ed)|reduc|growth|re-?expan)\w*"
)
_ENLARGED = re.compile(r"\b(?:cardiomegaly|enlarged|enlargement|dilated)\b")


@dataclass(frozen=True)
class Claim:
    """What the sentence says of one observation.

    Attributes:
        observation: one of the 14 findings, or a further observation of the labeler or of ``signs.py``.
        presence: as the labeler reads it, except where a denial governs something else and the finding stands.
        implied: how a further observation follows from the 14; None for the 14 themselves, and where it does not.
        side: ``left``, ``right``, ``bilateral`` or None.
        levels: of the lung, that are stated for it.
        start, end: place of its words.
        presupposed: what the sentence takes for known of it.
        plural: whether its words speak of several.
    """

    observation: str
    presence: Presence
    implied: Implication | None
    side: str | None
    levels: frozenset[str]
    start: int
    end: int
    presupposed: Presupposition | None = None
    plural: bool = False

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
            claims.append(_claim(one.observation, one, implied, lowered))
    claims += [_claim(sign.observation, one, sign.implied, lowered) for sign, one in signs_in(sentence, mentions)]
    return _placed(lowered, sorted(claims, key=lambda one: one.start))


def _claim(observation: str, mention: Mention, implied: Implication | None, lowered: str) -> Claim:
    taken = presupposition(lowered, mention.start, mention.end)
    stands = taken == "complement" and mention.presence in ("absent", "not mentioned")
    stands = stands or (taken in ("known", "another") and mention.presence == "not mentioned")
    return Claim(
        observation,
        "present" if stands else mention.presence,
        implied,
        _side(mention, lowered),
        frozenset(),
        mention.start,
        mention.end,
        taken,
        _PLURAL.search(lowered[: mention.end], mention.start) is not None
        or _SEVERAL_OF.search(lowered, 0, mention.start) is not None,
    )


def _side(mention: Mention, lowered: str) -> str | None:
    """The side as stated; "both" is none where it counts findings: "effusion and atelectasis, both on the right"."""
    if mention.laterality != "bilateral":
        return mention.laterality
    named = sides_in(lowered)
    return next(iter(named)) if len(named) == 1 else "bilateral" if named else None


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
    """Words for a degree, extent, age, shape or number, each with the indices of the claims that it may qualify.

    Left out is what stands in a statement ("no acute abnormality") or names a further observation ("interstitial
    changes").
    """
    details = []
    for begin, end in parts_of(lowered):
        within = tuple(index for index, one in enumerate(claims) if one.start < end and begin < one.end)
        for word in WORD.finditer(lowered, begin, end):
            place = word.start()
            if word[0] not in _DETAILS or any(one.start <= place < one.end for one in statements):
                continue
            if any(one.observation not in BY_NAME and one.start <= place < one.end for one in claims):
                continue
            if _OF_CHANGE.match(lowered, word.end()):
                continue
            # "The heart is large" says no more than that it is enlarged.
            alone = word[0] in ("large", "big") and not _ENLARGED.search(lowered, begin, end)
            meant = tuple(index for index in within if not (alone and claims[index].observation == "Cardiomegaly"))
            if meant or not within:
                details.append((word[0], meant))
    return tuple(details)


def parts_of(lowered: str) -> Iterator[tuple[int, int]]:
    """The parts of a sentence in which a word still speaks of the findings beside it."""
    begin = 0
    for stop in _PARTS_OF_SENTENCE.finditer(lowered):
        yield begin, stop.start()
        begin = stop.start()
    yield begin, len(lowered)
