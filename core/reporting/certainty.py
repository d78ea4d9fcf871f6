"""How certain a called finding is, in three bands, and the words that each band may be stated in.

This is the one place of these words: templates, writer, guard, pages and exports take them from here. Below one half a
statement must be hedged; at or above one half it must not be doubted.
"""

from dataclasses import dataclass
from typing import Literal

Certainty = Literal["likely", "possible", "cannot_be_excluded"]

# Lowest probability of the two upper bands.
LIKELY_FROM, POSSIBLE_FROM = 0.5, 0.2


@dataclass(frozen=True)
class Phrases:
    """The words of one band.

    Attributes:
        name: of the band, as it stands beside a finding: "possible".
        hedged: whether these words leave the finding in doubt.
        sentences: wordings with ``{}`` for the finding's phrase, such as "left pleural effusion"; the first is the
            standard one. A sentence begins with a capital letter once the phrase is in it.
        plural: how the verb reads where several findings share a sentence, by ``sentences``.
        meaning: the band in one plain sentence.
    """

    name: str
    hedged: bool
    sentences: tuple[str, ...]
    plural: tuple[str, ...]
    meaning: str


# The most certain first.
PHRASES: dict[Certainty, Phrases] = {
    "likely": Phrases(
        "likely",
        False,
        ("Likely {}.", "{} is likely.", "Probable {}."),
        ("Likely {}.", "{} are likely.", "Probable {}."),
        "More likely there than not.",
    ),
    "possible": Phrases(
        "possible",
        True,
        ("Possible {}.", "{} is possible.", "Findings may represent {}.", "Questionable {}."),
        ("Possible {}.", "{} are possible.", "Findings may represent {}.", "Questionable {}."),
        "There in one of two to five such cases.",
    ),
    "cannot_be_excluded": Phrases(
        "cannot be excluded",
        True,
        ("{} cannot be excluded.", "Cannot exclude {}.", "There may be {}."),
        ("{} cannot be excluded.", "Cannot exclude {}.", "There may be {}."),
        "There in fewer than one of five such cases.",
    ),
}
CERTAINTIES: tuple[Certainty, ...] = tuple(PHRASES)


def certainty_of(decision: str, probability: float | None, assured: float | None = None) -> Certainty | None:
    """The band of one finding.

    Args:
        decision: only ``present`` and ``possible`` have a band.
        probability: calibrated, in [0, 1]; where it is not known, the decision alone speaks.
        assured: lower bound of the share of such calls that were right on validation, in [0, 1], or None: from one
            half on, a call is likely whatever its own probability.
    """
    if decision not in ("present", "possible"):
        return None
    if probability is None:
        return "likely" if decision == "present" else "possible"
    if probability >= LIKELY_FROM or (assured is not None and assured >= LIKELY_FROM):
        return "likely"
    return "possible" if probability >= POSSIBLE_FROM else "cannot_be_excluded"


def stated(certainty: Certainty, phrase: str, *, wording: int = 0, several: bool = False) -> str:
    """A sentence of a band.

    Args:
        certainty: the band.
        phrase: what is stated, as inside a sentence: "left pleural effusion".
        wording: which of the band's sentences; 0 is the standard one.
        several: whether the phrase names several findings.
    """
    family = PHRASES[certainty]
    text = (family.plural if several else family.sentences)[wording].format(phrase)
    return text[0].upper() + text[1:]
