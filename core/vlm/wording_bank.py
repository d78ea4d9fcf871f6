"""How radiologists say that something is not there: sentences and sentence patterns of training reports.

What is called is worded in the phrase families of ``core.reporting.certainty``; what is not called may be said in as
many ways as reports have.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.atomic import write_json
from core.datasets.conversations import clean_report
from core.findings import BY_NAME, LABELS
from core.labeler import find_mentions
from core.labeler.sentences import sentences_in
from core.reporting.evidence import Evidence
from core.reporting.guard import Draft, examine_sentence, link
from core.reporting.plan import StatementKind, plan_of
from core.vlm.reference_evidence import evidence_from_decisions

# Reports that a sentence or a pattern must stand in, and how many of the most usual ones are kept of a kind.
_FEWEST, _MOST = 3, 16
# Words that deny less than they seem to ("no large effusion"), look back at what another sentence says, or speak of the
# mediastinum, of which the evidence says nothing; and slips of the pen.
_UNFIT = re.compile(
    r"\b(?:large|significant(?:ly)?|sizable|definite(?:ly)?|gross(?:ly)?|appreciable|typical|obvious|specifically|other"
    r"|otherwise|overt|essentially)\b|\band mediastinal\b|/| [A-Z]"
)
_DENIAL = re.compile(
    r"(?:No|There is no|(?:There is )?[Nn]o evidence of|Negative for) (?P<list>[a-z, -]+?)"
    r"(?: is)?(?: (?:seen|identified|noted|demonstrated))?\."
)
_SLOT = "{}"


@dataclass(frozen=True)
class WordingBank:
    """Sentences by what they say.

    Attributes:
        normal: sentences that a part of the chest, or all of it, is normal, by the kind of their statement.
        denials: patterns with ``{}`` for a list of what is not called.
    """

    normal: dict[StatementKind, tuple[str, ...]]
    denials: tuple[str, ...]


def learn_wordings(reports: Iterable[str]) -> WordingBank:
    """Collect the sentences of reports that say just what a statement of a normal plan says.

    Args:
        reports: findings and impressions, of training studies only.
    """
    normal = evidence_from_decisions(["absent"] * len(LABELS), [()] * len(LABELS), seed="normal")
    kinds = {frozenset(one.findings): one.kind for one in plan_of(normal).statements}
    sentences: dict[StatementKind, Counter[str]] = {kind: Counter() for kind in kinds.values()}
    denials: Counter[str] = Counter()
    for sentence in _sentences(reports):
        if _UNFIT.search(sentence) or examine_sentence(sentence, normal):
            continue
        kind = kinds.get(_denied(sentence, normal))
        if kind is not None:
            sentences[kind][sentence] += 1
        if pattern := _pattern(sentence):
            denials[pattern] += 1
    return WordingBank({kind: _usual(counts) for kind, counts in sentences.items()}, _usual(denials))


def save_wordings(bank: WordingBank, path: Path) -> None:
    """Write a bank as JSON."""
    write_json(path, {"normal": bank.normal, "denials": bank.denials}, indent=1)


@lru_cache(maxsize=4)
def load_wordings(path: Path) -> WordingBank:
    """Read a bank that ``save_wordings`` wrote."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return WordingBank({kind: tuple(texts) for kind, texts in stored["normal"].items()}, tuple(stored["denials"]))


def _sentences(reports: Iterable[str]) -> Iterator[str]:
    for report in reports:
        for one in sentences_in(clean_report(report) or ""):
            yield f"{one.text}."


def _denied(sentence: str, normal: Evidence) -> frozenset[str]:
    return frozenset(name for one in link(Draft(sentence, ""), normal) if one.kind == "normal" for name in one.findings)


def _pattern(sentence: str) -> str | None:
    """The sentence with its list of denied findings as a slot; None for any other sentence."""
    found = _DENIAL.fullmatch(sentence)
    if found is None or " or " not in found["list"]:
        return None
    mentions = [one for one in find_mentions(sentence) if one.observation in BY_NAME]
    if len(mentions) < 2 or any(one.presence != "absent" for one in mentions):
        return None
    return f"{sentence[: found.start('list')]}{_SLOT}{sentence[found.end('list') :]}"


def _usual(counts: Counter[str]) -> tuple[str, ...]:
    return tuple(text for text, count in counts.most_common(_MOST) if count >= _FEWEST)
