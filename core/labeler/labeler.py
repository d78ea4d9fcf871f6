"""Report text to findings: what a chest radiograph report says is there, absent or in doubt, and in which words.

The labeler makes labels for sources that ship reports only, and it is the judge of every rewritten report. Others would
draw some lines elsewhere; it draws them here:

- Present: "probable", "likely", "consistent with", "compatible with", "most suggestive of"; a finding that is only
  compared or described ("not loculated", "no change in"), that is partly gone, or that is named as the subject of
  doubt about its course ("unclear whether the effusion has grown").
- Absent: "unlikely", "low suspicion for", "rather than"; what has resolved, gone or been removed.
- Uncertain: "possible", "may represent", "suggests", "concerning for", "cannot be excluded", "less likely", "versus"
  and "either ... or" on both sides, a question mark.
- Not mentioned: history and request, former illness ("in 2009", "history of"), conditions ("if", "would"), purposes
  ("to exclude"), and other parts of the body.
- Borderline heart size and a cardiothoracic ratio above one half are cardiomegaly, the upper limit of normal is not. A
  fibronodular change is nodules (as in the coding of Open-i), a nodular opacity is a lesion only. Fluid in a fissure
  and blood in the pleura are effusions; "collapse" is atelectasis.
- Of several statements in one report the firmest holds, and an addendum overrules what precedes it. A preliminary
  reading counts only where there is no final one.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from core.findings import BY_NAME, LABELS
from core.labeler import attributes
from core.labeler.characters import plain
from core.labeler.context import judge_terms
from core.labeler.lexicon import Term, terms_in
from core.labeler.lines import unwrapped
from core.labeler.observations import (
    CONGESTION,
    DEVICE,
    ENLARGED_MEDIASTINUM,
    FRACTURE,
    INFECTION,
    LESION,
    OPACITY,
    PLEURAL_OTHER,
)
from core.labeler.presence import Judgement, Presence
from core.labeler.sentences import pieces_in, sentences_in, trimmed
from core.labeler.wording import Wording, standard_wording

CHEXPERT: dict[str, tuple[str, ...]] = {
    "No Finding": (),
    "Enlarged Cardiomediastinum": (ENLARGED_MEDIASTINUM,),
    "Cardiomegaly": ("Cardiomegaly",),
    "Lung Opacity": (OPACITY, "Infiltration"),
    "Lung Lesion": (LESION,),
    "Edema": ("Edema", CONGESTION),
    "Consolidation": ("Consolidation",),
    "Pneumonia": ("Pneumonia", INFECTION),
    "Atelectasis": ("Atelectasis",),
    "Pneumothorax": ("Pneumothorax",),
    "Pleural Effusion": ("Effusion",),
    "Pleural Other": (PLEURAL_OTHER,),
    "Fracture": (FRACTURE,),
    "Support Devices": (DEVICE,),
}
"""The 14 CheXpert names (Irvin et al., AAAI 2019), in its order, and the observations that each one gathers."""

# When a report speaks of a finding more than once, the firmest statement holds: it is named as absent in one sentence
# ("no large effusion") and present in another ("small effusion") more often than it is withdrawn.
_FIRMNESS: dict[Presence, int] = {"not mentioned": 0, "absent": 1, "uncertain": 2, "present": 3}
_VALUES: dict[Presence, int | None] = {"present": 1, "absent": 0, "uncertain": -1, "not mentioned": None}


@dataclass(frozen=True)
class Mention:
    """One place in a report that speaks of an observation.

    Attributes:
        observation: one of the 14 labels, or a further observation of the lexicon.
        presence: ``present``, ``absent``, ``uncertain``, or ``not mentioned`` where the words only speak of it (the
            patient's history, a recommendation, a limit of the study).
        words: the words of the report that name it.
        cue: the words that decided the presence, empty where nothing qualifies the observation.
        severity: as stated (``small``, ``mild to moderate``), or None.
        laterality: ``left``, ``right``, ``bilateral``, or None where no side is stated.
        sentence: the sentence it rests on, as written.
        section: ``findings``, ``impression``, or ``""`` where the text has no headings.
        start, end: place of ``words`` in the text, in characters.
    """

    observation: str
    presence: Presence
    words: str
    cue: str
    severity: str | None
    laterality: str | None
    sentence: str
    section: str
    start: int
    end: int


def find_mentions(report: str) -> list[Mention]:
    """Every mention of an observation in a report, in the order of the text.

    Sections that do not describe the images (indication, history, comparison, technique) are passed over.
    """
    mentions: list[Mention] = []
    for sentence in sentences_in(report):
        wording, judged = _judged_terms(sentence.plain)
        text = wording.text
        previous_side: str | None = None
        for index, (term, judgement) in enumerate(judged):
            before = judged[index - 1][0].end if index else 0
            after = judged[index + 1][0].start if index + 1 < len(judged) else len(text)
            place = (text, term.start, term.end, min(before, term.start), max(after, term.end))
            laterality = attributes.side(*place)
            if laterality is None and index and _has_side(term) and attributes.joined(text, before, term.start):
                laterality = previous_side
            previous_side = laterality if _has_side(term) else None
            severity = attributes.severity(*place)
            start, end = sentence.original(*wording.original(term.start, term.end))
            mentions += [
                Mention(
                    observation,
                    judgement.presence,
                    report[start:end],
                    judgement.cue,
                    severity,
                    laterality,
                    sentence.text,
                    sentence.section,
                    start,
                    end,
                )
                for observation in term.observations
            ]
    return mentions


def presences(report: str) -> dict[str, Presence]:
    """The firmest statement about each observation that a report speaks of; an addendum overrules the rest."""
    firmest: dict[str, Presence] = {}
    amended: dict[str, Presence] = {}
    for piece, _, section in pieces_in(unwrapped(plain(report)).text):
        into = amended if section == "addendum" else firmest
        for observation, presence, firmness in _statements(piece):
            known = into.get(observation)
            if known is None or firmness >= _FIRMNESS[known]:
                into[observation] = presence
    return firmest | {name: presence for name, presence in amended.items() if presence != "not mentioned"}


def label_values(found: dict[str, Presence]) -> dict[str, int | None]:
    """The 14 labels as 1 (present), 0 (said to be absent), -1 (uncertain) or None (not mentioned)."""
    return {label: _VALUES[found.get(label, "not mentioned")] for label in LABELS}


def chexpert_values(found: dict[str, Presence]) -> dict[str, int | None]:
    """The CheXpert-14 vocabulary with the same values.

    ``No Finding`` is 1 where nothing but support devices is present or uncertain, and None otherwise.
    """
    values = {name: _VALUES[_firmest(found.get(part) for part in parts)] for name, parts in CHEXPERT.items()}
    abnormal = any(values[name] in (1, -1) for name in CHEXPERT if name not in ("No Finding", "Support Devices"))
    return values | {"No Finding": None if abnormal else 1}


def describe(report: str) -> dict[str, Any]:
    """Labels, CheXpert labels and mentions of one report as plain data for JSON."""
    found = presences(report)
    return {
        "labels": label_values(found),
        "chexpert": chexpert_values(found),
        "mentions": [asdict(mention) for mention in find_mentions(report)],
    }


def _firmest(statements: Iterable[Presence | None]) -> Presence:
    return max((one for one in statements if one is not None), key=_FIRMNESS.__getitem__, default="not mentioned")


def _has_side(term: Term) -> bool:
    """Whether a side stated for one member of a list can hold for this one: not for the heart, not for a catheter."""
    return not any(name == DEVICE or (name in BY_NAME and BY_NAME[name].diffuse) for name in term.observations)


@lru_cache(maxsize=100_000)
def _statements(piece: str) -> tuple[tuple[str, Presence, int], ...]:
    """Observation, presence and firmness of all that a piece between two stops states."""
    sentence, _ = trimmed(piece)
    return tuple(
        (observation, judgement.presence, _FIRMNESS[judgement.presence])
        for term, judgement in _judged_terms(sentence)[1]
        for observation in term.observations
    )


# Reports repeat their sentences: three of five in Open-i are exact copies of an earlier one.
@lru_cache(maxsize=100_000)
def _judged_terms(sentence: str) -> tuple[Wording, tuple[tuple[Term, Judgement], ...]]:
    wording = standard_wording(sentence)
    terms = terms_in(wording.text)
    if not terms:
        return wording, ()
    return wording, tuple(zip(terms, judge_terms(wording.text, terms), strict=True))
