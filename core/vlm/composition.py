"""Reports for evidence that no report in the collection has: sentences of many reports, put together.

A collection of a few thousand reports shows each finding in little company. A writer that has read only these falls
back on the usual company when it is given an unusual one; here it meets every finding in any.
"""

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tqdm.auto import tqdm

from core.anatomy import Place
from core.anatomy.place import Side, Zone
from core.findings import BY_NAME, FINDINGS, LABELS
from core.labeler import presences
from core.labeler.sentences import sentences_in
from core.reporting.evidence import Decision, Evidence, FindingEvidence
from core.reporting.guard import Draft, examine_sentence
from core.reporting.wording import side_of
from core.vlm.reference_evidence import evidence_from_decisions
from core.vlm.text_metrics.normalisation import normalise
from core.vlm.typicality import Typicality

# Shares of the drawn evidence with so many findings called. Operating points of 90% specificity call many at once: on
# 12% of the shipped classifier's validation images nine or more.
_CALLED = {0: 0.06, 1: 0.2, 2: 0.2, 3: 0.16, 4: 0.1, 5: 0.08, 6: 0.06, 8: 0.06, 10: 0.04, 12: 0.03, 14: 0.01}
_SIDES: tuple[tuple[Side, ...], ...] = (("left",), ("right",), ("left", "right"))
_ZONES: tuple[Zone, ...] = ("upper", "middle", "lower")
_VIEWS = ("PA", "AP", None)
_SWAP = {"left": "right", "right": "left"}

_CALLS: tuple[Decision, ...] = ("present", "possible")

# Sentences that a normal report has at most, and steps of the search for each.
_LONGEST, _STEPS = 5, 500
# A sentence must stand in this many reports, and deny a finding at most so often in one.
_FEWEST, _DENIALS = 3, 2
_COOLING = 0.004
# A report shorter than this, in tokens, is filled up with what else the evidence bears out.
_SHORT = 26
_TRIES = 12


class _Key(NamedTuple):
    finding: str
    decision: Decision
    side: str | None


Weighted = tuple[list[str], list[float]]


def random_evidence(draw: random.Random) -> Evidence:
    """Evidence with any findings called, in any company, on any side; now and then some unknown."""
    count = draw.choices(list(_CALLED), list(_CALLED.values()))[0]
    called = set(draw.sample(LABELS, count))
    unknown = set(draw.sample(LABELS, draw.randint(1, 4))) - called if draw.random() < 0.06 else set()
    decisions: list[Decision] = []
    places: list[tuple[Place, ...]] = []
    for finding in FINDINGS:
        decision: Decision = "unknown" if finding.name in unknown else "absent"
        where: tuple[Place, ...] = ()
        if finding.name in called:
            decision = "present" if draw.random() < 0.65 else "possible"
            if not finding.diffuse and draw.random() < 0.8:
                sides, zone = draw.choice(_SIDES), draw.choice(_ZONES)
                where = tuple(Place(side, zone) for side in sides)
        decisions.append(decision)
        places.append(where)
    return evidence_from_decisions(decisions, places, seed=str(draw.random()), view=draw.choice(_VIEWS))


class SentenceBank:
    """Sentences of covered reports, by what they say, and normal reports made of them.

    Args:
        reports: evidence and draft of each.
        originals: the Findings of normal reports as they were written, which tell what is typical.
        normal_reports: normal reports to put together, at most.
        seed: of the search for them.
    """

    def __init__(
        self,
        reports: Sequence[tuple[Evidence, Draft]],
        originals: Sequence[str],
        *,
        normal_reports: int = 400,
        seed: int = 0,
    ) -> None:
        findings: dict[_Key, Counter[str]] = defaultdict(Counter)
        impressions: dict[_Key, Counter[str]] = defaultdict(Counter)
        denials: Counter[str] = Counter()
        conclusions: Counter[str] = Counter()
        for evidence, draft in reports:
            by_name = {item.finding.name: item for item in evidence.findings}
            for text, sentences, normal in (
                (draft.findings, findings, denials),
                (draft.impression, impressions, conclusions),
            ):
                for sentence in (f"{one.text}." for one in sentences_in(text)):
                    called, others = _called_in(sentence)
                    if not called and not others:
                        normal[sentence] += 1
                    elif len(called) == 1 and not others and called[0] in by_name:
                        sentences[_key(by_name[called[0]])][sentence] += 1
        self._findings = {key: _weighted(counts) for key, counts in findings.items()}
        self._impressions = {key: _weighted(counts) for key, counts in impressions.items()}
        self._conclusions = _weighted(conclusions)
        usual = [text for text, count in denials.items() if count >= _FEWEST] or list(denials)
        self._denials = (usual, [denials[text] ** 0.5 for text in usual])
        self._normal = _normal_reports(usual, Typicality(originals), normal_reports, random.Random(seed))

    def compose(self, evidence: Evidence, draw: random.Random) -> Draft:
        """A report for this evidence, not examined as a whole.

        A typical normal report, without what the evidence does not bear out, and with a sentence for each finding that
        it calls: in the order of the evidence, so that nothing but the wording is left to chance.
        """
        called = [item for decision in _CALLS for item in evidence.findings if item.decision == decision]
        sentences = [text for text in draw.choice(self._normal) if not examine_sentence(text, evidence)]
        for item in called:
            _insert(sentences, self._sentence(self._findings, item, draw))
        for _ in range(_TRIES):
            if sum(len(normalise(text).split()) for text in sentences) >= _SHORT:
                break
            filling = self._fitting(self._denials, evidence, draw)
            if filling and not _repetitive([*sentences, filling]):
                _insert(sentences, filling)
        impression = [self._sentence(self._impressions, item, draw) for item in called]
        if not called:
            impression = [self._fitting(self._conclusions, evidence, draw) or "No acute cardiopulmonary abnormality."]
        return Draft(" ".join(sentences), " ".join(dict.fromkeys(impression)))

    def _sentence(self, bank: dict[_Key, Weighted], item: FindingEvidence, draw: random.Random) -> str:
        key = _key(item)
        choices = [(text, weight, False) for text, weight in zip(*bank.get(key, ([], [])), strict=True)]
        if key.side in _SWAP:
            other = bank.get(key._replace(side=_SWAP[key.side]), ([], []))
            choices += [(text, weight, True) for text, weight in zip(*other, strict=True)]
        # A plain sentence always competes, and is all there is for findings that no report shows so.
        choices.append((_plain(item, draw), 2.0, False))
        text, _, mirrored = draw.choices(choices, [weight for _, weight, _ in choices])[0]
        return _mirror(text) if mirrored else text

    @staticmethod
    def _fitting(bank: Weighted, evidence: Evidence, draw: random.Random) -> str | None:
        """A sentence that the evidence bears out, or None where a dozen draws found none."""
        texts, weights = bank
        for text in draw.choices(texts, weights, k=_TRIES) if texts else ():
            if not examine_sentence(text, evidence):
                return text
        return None


def _normal_reports(sentences: list[str], typicality: Typicality, count: int, draw: random.Random) -> list[list[str]]:
    """Reports of a normal chest, each the best of a search of its own (simulated annealing)."""
    tokens = {text: normalise(text) for text in sentences}

    def joined(report: list[str]) -> str:
        return " ".join(tokens[text] for text in report)

    pool: dict[tuple[str, ...], None] = {}
    for _ in tqdm(range(count), desc="normal reports", unit="report", disable=None):
        best: list[str] = []
        best_score = score = 0.0
        report: list[str] = []
        for _ in range(_STEPS):
            changed = _changed(report, sentences, draw)
            if _repetitive(changed):
                continue
            value = typicality.bleu(joined(changed))
            if value > score or draw.random() < math.exp((value - score) / _COOLING):
                report, score = changed, value
            if score > best_score:
                best, best_score = report, score
        orders = [draw.sample(best, len(best)) for _ in range(_TRIES)] + [best]
        chosen = max(orders, key=lambda order: typicality.score(joined(order)))
        pool[tuple(chosen)] = None
    return [list(report) for report in pool]


def _repetitive(report: list[str]) -> bool:
    counts = Counter(name for text in report for name in _named(text))
    return len(set(report)) < len(report) or max(counts.values(), default=0) > _DENIALS


@lru_cache(maxsize=10_000)
def _named(sentence: str) -> frozenset[str]:
    return frozenset(presences(sentence))


def _changed(report: list[str], sentences: list[str], draw: random.Random) -> list[str]:
    """The report with one sentence more, less, or other."""
    changed = list(report)
    step = draw.random()
    if not changed or (step < 0.5 and len(changed) < _LONGEST):
        changed.insert(draw.randint(0, len(changed)), draw.choice(sentences))
    elif step < 0.6 and len(changed) > 1:
        changed.pop(draw.randrange(len(changed)))
    elif step < 0.9:
        changed[draw.randrange(len(changed))] = draw.choice(sentences)
    else:
        draw.shuffle(changed)
    return changed


def _called_in(sentence: str) -> tuple[list[str], bool]:
    """The findings that a sentence calls, and whether it calls anything else."""
    stated = [name for name, presence in presences(sentence).items() if presence in ("present", "uncertain")]
    return [name for name in stated if name in BY_NAME], any(name not in BY_NAME for name in stated)


def _key(item: FindingEvidence) -> _Key:
    return _Key(item.finding.name, item.decision, side_of(item.places))


def _weighted(counts: Counter[str]) -> Weighted:
    # The square root lets rarer wordings be heard beside the usual one.
    return list(counts), [count**0.5 for count in counts.values()]


def _plain(item: FindingEvidence, draw: random.Random) -> str:
    side = side_of(item.places)
    phrase = f"{side} {item.finding.phrase}" if side else item.finding.phrase
    if item.decision == "possible":
        forms: Sequence[str] = ("Possible {}.", "Findings may represent {}.", "Questionable {}.")
    else:
        forms = ("{}.", "{} is present.", "Findings of {}.")
    text = draw.choice(forms).format(phrase)
    return text[0].upper() + text[1:]


def _mirror(text: str) -> str:
    def swap(match: re.Match[str]) -> str:
        word = match[0]
        other = _SWAP[word.lower()]
        return other.capitalize() if word[0].isupper() else other

    return re.sub(r"\b(?:left|right)\b", swap, text, flags=re.IGNORECASE)


def _insert(sentences: list[str], text: str) -> None:
    """Put a sentence before the first that belongs further on: the heart first, then lungs, then pleura."""
    place = _place(text)
    for index, other in enumerate(sentences):
        if _place(other) > place:
            sentences.insert(index, text)
            return
    sentences.append(text)


@lru_cache(maxsize=10_000)
def _place(text: str) -> int:
    named = _named(text)
    if "Cardiomegaly" in named:
        return 0
    return 2 if named and named <= {"Effusion", "Pneumothorax", "Pleural_Thickening"} else 1
