"""Reports for evidence that no report in the collection has: sentences of many reports, put together.

A collection of a few thousand reports shows each finding in few company. A writer that has read only these falls back
on the usual company when it is given an unusual one; here it meets every finding in any.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.datasets.labeler import find_mentions, presences
from core.datasets.labeler.sentences import sentences_in
from core.findings import BY_NAME, FINDINGS, LABELS
from core.reporting.evidence import Decision, Evidence, FindingEvidence
from core.reporting.guard import Draft, examine_sentence
from core.vlm.prompts import side_of
from core.vlm.reference_evidence import evidence_from_decisions

# Shares of the drawn evidence with so many findings called.
_CALLED = {0: 0.05, 1: 0.25, 2: 0.25, 3: 0.18, 4: 0.11, 5: 0.08, 6: 0.05, 8: 0.03}
_REGIONS = ("left {} zone", "right {} zone", "{} zones of both sides")
_ZONES = ("upper", "middle", "lower")
_VIEWS = ("PA", "AP", None)
_SWAP = {"left": "right", "right": "left"}
_NEGATIVE_SENTENCES = (1, 2, 2, 3, 3, 4)


class _Key(NamedTuple):
    finding: str
    decision: Decision
    side: str | None


def random_evidence(draw: random.Random) -> Evidence:
    """Evidence with any findings called, in any company, on any side; now and then some unknown."""
    count = draw.choices(list(_CALLED), list(_CALLED.values()))[0]
    called = set(draw.sample(LABELS, count))
    unknown = set(draw.sample(LABELS, draw.randint(1, 4))) - called if draw.random() < 0.06 else set()
    decisions: list[Decision] = []
    regions: list[str | None] = []
    for finding in FINDINGS:
        decision: Decision = "unknown" if finding.name in unknown else "absent"
        region = None
        if finding.name in called:
            decision = "present" if draw.random() < 0.65 else "possible"
            if not finding.diffuse and draw.random() < 0.8:
                region = draw.choice(_REGIONS).format(draw.choice(_ZONES))
        decisions.append(decision)
        regions.append(region)
    return evidence_from_decisions(decisions, regions, seed=str(draw.random()), view=draw.choice(_VIEWS))


class SentenceBank:
    """Sentences of covered reports, by what they say.

    Args:
        reports: evidence and draft of each.
    """

    def __init__(self, reports: Iterable[tuple[Evidence, Draft]]) -> None:
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
                for sentence in sentences_in(text):
                    called, others = _statements(sentence.text)
                    if not called:
                        normal[sentence.text] += 1
                    elif len(called) == 1 and not others and called[0] in by_name:
                        item = by_name[called[0]]
                        sentences[_key(item)][sentence.text] += 1
        self._findings = {key: _weighted(counts) for key, counts in findings.items()}
        self._impressions = {key: _weighted(counts) for key, counts in impressions.items()}
        self._denials = _weighted(denials)
        self._conclusions = _weighted(conclusions)

    def compose(self, evidence: Evidence, draw: random.Random) -> Draft:
        """A report for this evidence; not examined as a whole."""
        called = [item for item in evidence.findings if item.decision in ("present", "possible")]
        draw.shuffle(called)
        findings = [self._sentence(self._findings, item, draw) for item in called]
        for _ in range(draw.choice(_NEGATIVE_SENTENCES)):
            sentence = self._fitting(self._denials, evidence, draw)
            if sentence and sentence not in findings:
                findings.append(sentence)
        # The heart comes first in most reports, the pleura last.
        findings.sort(key=lambda text: _place(text) + draw.random())
        impression = [self._sentence(self._impressions, item, draw) for item in called]
        if not called:
            impression = [self._fitting(self._conclusions, evidence, draw) or "No acute cardiopulmonary abnormality."]
        return Draft(" ".join(findings), " ".join(dict.fromkeys(impression)))

    def _sentence(
        self, bank: dict[_Key, tuple[list[str], list[float]]], item: FindingEvidence, draw: random.Random
    ) -> str:
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
    def _fitting(bank: tuple[list[str], list[float]], evidence: Evidence, draw: random.Random) -> str | None:
        """A sentence that the evidence bears out, or None where a dozen draws found none."""
        texts, weights = bank
        for text in draw.choices(texts, weights, k=12) if texts else ():
            if not examine_sentence(text, evidence):
                return text
        return None


def _statements(sentence: str) -> tuple[list[str], bool]:
    """The findings that a sentence calls, and whether it calls anything else."""
    stated = [name for name, presence in presences(sentence).items() if presence in ("present", "uncertain")]
    return [name for name in stated if name in BY_NAME], any(name not in BY_NAME for name in stated)


def _key(item: FindingEvidence) -> _Key:
    return _Key(item.finding.name, item.decision, side_of(item.region))


def _weighted(counts: Counter[str]) -> tuple[list[str], list[float]]:
    # The square root lets rarer wordings be heard beside the usual one.
    return list(counts), [count**0.5 for count in counts.values()]


def _plain(item: FindingEvidence, draw: random.Random) -> str:
    side = side_of(item.region)
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


def _place(text: str) -> float:
    named = {mention.observation for mention in find_mentions(text)}
    if "Cardiomegaly" in named:
        return 0.0
    if named & {"Effusion", "Pneumothorax", "Pleural_Thickening"}:
        return 1.6
    return 0.8
