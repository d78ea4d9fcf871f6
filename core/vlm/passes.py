"""Impression, CheXpert labels and ICD-10-CM codes, each asked for with a prompt of its own.

A model in this process chooses among the allowed values while the JSON is written, so that none can be broken, and
biases act on their probabilities. A server writes freely; its JSON is repaired where it is broken. Either way the
evidence has the last word: what disagrees with it is listed, and not shown as a result.
"""

import json
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import json_repair
from PIL import Image

from core.findings import FINDINGS
from core.labeler import CHEXPERT, chexpert_values, presences
from core.reporting.evidence import Evidence
from core.reporting.guard import Draft
from core.reporting.report import Report
from core.vlm.backends.backend import Backend
from core.vlm.claims import Claim, judged
from core.vlm.icd import CodeSuggestion, candidates, codes_in, suggested_codes, supported
from core.vlm.pass_settings import DrawnPass, PassSettings
from core.vlm.prompts import Mode, render_structured

Read = Literal["chosen", "as written", "repaired", "fallback"]
"""How an answer was had: chosen among allowed values, read as written, read once repaired, or not at all."""

Label = int | None
Vote = TypeVar("Vote")
_VALUES: tuple[tuple[str, Label], ...] = (("1", 1), ("0", 0), ("-1", -1), ("null", None))
# The more cautious first: what a tie goes to.
_CAUTIOUS: tuple[Label, ...] = (None, 0, -1, 1)
_WORDS: dict[str, Label] = {
    "1": 1, "positive": 1, "present": 1, "yes": 1, "true": 1,
    "0": 0, "negative": 0, "absent": 0, "no": 0, "false": 0,
    "-1": -1, "uncertain": -1, "possible": -1,
    "null": None, "none": None, "": None, "not mentioned": None, "blank": None,
}  # fmt: skip
_NONE = "No Finding"
_OF_EVIDENCE: dict[str, Label] = {"present": 1, "possible": -1, "absent": 0, "unknown": None}


@dataclass(frozen=True)
class Passes:
    """What the three passes gave.

    Attributes:
        impression: shown: the model's where the evidence bears it out.
        chexpert: shown: 1, 0, -1 or None for each CheXpert label, in agreement with report and evidence.
        icd: shown: codes that exist, each with its reason.
        answered: what the model itself said for each CheXpert label.
        disagreements: labels and codes of the model that the evidence does not bear out, each with a sentence.
        apart: sentences of the model's impression that are not shown.
        read: how each answer was had.
        seconds: time of each pass.
        settings: in force.
        notes: settings that the backend could not follow.
    """

    impression: str
    chexpert: dict[str, Label]
    icd: tuple[CodeSuggestion, ...]
    answered: dict[str, Label]
    disagreements: tuple[str, ...]
    apart: tuple[Claim, ...]
    read: dict[str, Read]
    seconds: dict[str, float]
    settings: PassSettings
    notes: tuple[str, ...] = ()

    def as_object(self) -> dict[str, Any]:
        """How the results were had, as plain data; the results themselves stand beside it."""
        return {
            "answered": self.answered,
            "disagreements": list(self.disagreements),
            "apart": [one.as_object() for one in self.apart],
            "read": self.read,
            "settings": vars(self.settings),
            "notes": list(self.notes),
        }


@dataclass
class _Asked:
    """One study under the passes."""

    picture: Image.Image
    evidence: Evidence
    backend: Backend
    mode: Mode
    context: str
    record: Mapping[str, Any] | None
    settings: PassSettings
    seed: int
    read: dict[str, Read] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def prompt(self, name: str) -> str:
        given = self.evidence if self.mode == "evidence" else None
        return render_structured(name, given, context=self.context, names=tuple(CHEXPERT))

    def answer(self, name: str, *, tokens: int, temperature: float, draw: int = 0) -> str:
        decoding = replace(self.backend.decoding, max_new_tokens=tokens, temperature=temperature)
        return self.backend.answer(self.picture, self.prompt(name), seed=self.seed + draw, decoding=decoding)


def run_passes(
    picture: Image.Image,
    evidence: Evidence,
    backend: Backend,
    report: Report,
    *,
    mode: Mode = "evidence",
    context: str = "",
    record: Mapping[str, Any] | None = None,
    settings: PassSettings | None = None,
    seed: int = 0,
) -> Passes:
    """Ask for impression, labels and codes; without sampling the same input gives the same result.

    Args:
        picture: as ``core.vlm.pictures`` makes it.
        evidence: what may be said.
        backend: who is asked.
        report: whose Findings stand, and whose Impression where the model's cannot.
        mode: whether the prompts give the evidence.
        context: the record in one line.
        record: the record, whose conditions may be coded.
        settings: votes, biases, sampling, limits.
        seed: of the draws.

    Raises:
        BackendError: a server does not answer.
    """
    settings = settings or PassSettings()
    asked = _Asked(picture, evidence, backend, mode, context, record, settings, seed)
    impression, apart = _timed(asked, "impression", lambda: _impression(asked, report))
    answered = _timed(asked, "chexpert", lambda: _labels(asked))
    text = f"FINDINGS: {report.text('findings')}\nIMPRESSION: {impression}"
    chexpert, disagreements = _agreed(answered, text, evidence, keywords=settings.enable_label_keywords)
    codes, refused = _timed(asked, "icd", lambda: _codes(asked))
    biased = [settings.chexpert_positive_bias, settings.chexpert_negative_bias]
    biased += [settings.icd_positive_bias, settings.icd_negative_bias]
    notes = () if backend.weighs or not any(biased) else ("A server takes no biases; they had no effect.",)
    return Passes(
        impression, chexpert, codes, answered, (*disagreements, *refused), apart, asked.read, asked.seconds, settings,
        notes,
    )  # fmt: skip


def read_object(text: str) -> tuple[Any, Read]:
    """The JSON of an answer, repaired where it is broken; None where there is none."""
    start = min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=-1)
    if start < 0:
        return None, "fallback"
    try:
        return json.loads(text[start:]), "as written"
    except ValueError:
        found = json_repair.loads(text[start:])
        return (found, "repaired") if found not in ("", [], {}) else (None, "fallback")


def read_labels(text: str) -> tuple[dict[str, Label], Read]:
    """CheXpert labels of a free answer, None for each that it does not give."""
    found, how = read_object(text)
    names = {_plain(name): name for name in CHEXPERT}
    given = {}
    for key, value in found.items() if isinstance(found, dict) else ():
        word = "null" if value is None else str(int(value)) if isinstance(value, bool | float) else str(value)
        if (name := names.get(_plain(str(key)))) and word.strip().lower() in _WORDS:
            given[name] = _WORDS[word.strip().lower()]
    return dict.fromkeys(CHEXPERT) | given, how if given else "fallback"


def majority(votes: Sequence[Label]) -> Label:
    """The value that most votes have; of several, the most cautious."""
    counts = Counter(votes)
    most = max(counts.values())
    return next(value for value in _CAUTIOUS if counts[value] == most)


def _timed(asked: _Asked, name: str, run: Any) -> Any:
    started = time.perf_counter()
    result = run()
    asked.seconds[name] = round(time.perf_counter() - started, 3)
    return result


def _impression(asked: _Asked, report: Report) -> tuple[str, tuple[Claim, ...]]:
    own = report.text("impression")
    if asked.mode == "evidence" and asked.backend.weighs:
        # The report's own was chosen word by word from what the plan allows.
        asked.read["impression"] = "chosen"
        return own, ()
    text = asked.answer("impression", tokens=asked.settings.imp_max_new_tokens, temperature=0)
    found, asked.read["impression"] = read_object(text)
    given = found.get("impression") if isinstance(found, dict) else None
    if not isinstance(given, str) or not given.strip():
        asked.read["impression"] = "fallback"
        return own, ()
    shown, _, apart = judged(Draft(report.text("findings"), " ".join(given.split())), asked.evidence, report)
    return shown.text("impression"), tuple(one for one in apart if one.section == "impression")


def _votes(
    asked: _Asked,
    name: DrawnPass,
    choose: Callable[[_Asked, float, random.Random], Vote],
    read: Callable[[str], tuple[Vote, Read]],
) -> list[Vote]:
    """The answers that count: as many as are voted on, chosen among allowed values or read from free texts."""
    draws = asked.settings.draws(name)
    votes = []
    for draw in range(draws.votes):
        if asked.backend.weighs:
            votes.append(choose(asked, draws.temperature, random.Random(asked.seed + draw)))
            asked.read[name] = "chosen"
        else:
            text = asked.answer(name, tokens=draws.max_new_tokens, temperature=draws.temperature, draw=draw)
            vote, asked.read[name] = read(text)
            votes.append(vote)
    return votes


def _labels(asked: _Asked) -> dict[str, Label]:
    votes = _votes(asked, "chexpert", _chosen_labels, read_labels)
    return {name: majority([vote[name] for vote in votes]) for name in CHEXPERT}


def _chosen_labels(asked: _Asked, temperature: float, draw: random.Random) -> dict[str, Label]:
    biases = (asked.settings.chexpert_positive_bias, asked.settings.chexpert_negative_bias, 0.0, 0.0)
    text = asked.backend.begin(asked.picture, asked.prompt("chexpert"))
    labels: dict[str, Label] = {}
    before = "{"
    for name in CHEXPERT:
        text.add(f'{before}"{name}": ')
        chances = text.likelihoods([word for word, _ in _VALUES])
        place = _choose([one + bias for one, bias in zip(chances, biases, strict=True)], temperature, draw)
        labels[name] = _VALUES[place][1]
        before = f"{_VALUES[place][0]}, "
    return labels


def _codes(asked: _Asked) -> tuple[tuple[CodeSuggestion, ...], tuple[str, ...]]:
    """Codes that are shown, and why others of the model are not."""
    votes = _votes(asked, "icd", _chosen_codes, _read_codes)
    counts = Counter(code for vote in votes for code in vote)
    shown: dict[str, CodeSuggestion] = {}
    refused = []
    for code in (code for code, count in counts.items() if count > len(votes) / 2):
        found = supported(code, asked.evidence, asked.record)
        if isinstance(found, CodeSuggestion):
            shown[found.code] = found
        else:
            refused.append(found)
    for one in suggested_codes(asked.evidence):
        shown.setdefault(one.code, one)
    return tuple(shown.values()), tuple(refused)


def _read_codes(text: str) -> tuple[list[str], Read]:
    found, how = read_object(text)
    codes = codes_in(json.dumps(found) if found is not None else text)
    return codes, how if codes else "fallback"


def _chosen_codes(asked: _Asked, temperature: float, draw: random.Random) -> list[str]:
    settings = asked.settings
    text = asked.backend.begin(asked.picture, asked.prompt("icd"))
    chosen = []
    before = ""
    for one in candidates(asked.evidence, asked.record):
        text.add(f"{before}{one.code} {one.meaning}: ")
        yes, no = text.likelihoods(["yes", "no"])
        place = _choose([yes + settings.icd_positive_bias, no + settings.icd_negative_bias], temperature, draw)
        if place == 0:
            chosen.append(one.code)
        before = f"{('yes', 'no')[place]}\n"
    return chosen


def _choose(scores: Sequence[float], temperature: float, draw: random.Random) -> int:
    best = max(scores)
    if temperature <= 0:
        return scores.index(best)
    weights = [math.exp((score - best) / temperature) for score in scores]
    return draw.choices(range(len(scores)), weights)[0]


def _agreed(
    answered: Mapping[str, Label], text: str, evidence: Evidence, *, keywords: bool
) -> tuple[dict[str, Label], list[str]]:
    """Labels that may be shown, and what the model said otherwise.

    Labels of the 14 findings are the evidence's. The others are what the report's words say where keywords are
    allowed, and open otherwise: nothing vouches for the model's own.
    """
    by_name = {item.finding.name: item for item in evidence.findings}
    own = {one.chexpert: by_name[one.name] for one in FINDINGS if one.chexpert and one.name in by_name}
    words = chexpert_values(presences(text)) if keywords else dict.fromkeys(CHEXPERT)
    shown: dict[str, Label] = {}
    disagreements = []
    for name in (name for name in CHEXPERT if name != _NONE):
        item = own.get(name)
        if item is None:
            shown[name] = words[name]
        else:
            # What is called below one half is uncertain, as the report says it.
            doubted = item.decision == "present" and (item.probability or 0) < 0.5
            shown[name] = -1 if doubted else _OF_EVIDENCE[item.decision]
        if answered[name] in (1, -1) and shown[name] not in (1, -1):
            why = "the evidence does not call it" if item is not None else "the evidence does not cover it"
            disagreements.append(f"The model answers {answered[name]} for {name}, but {why}.")
        elif shown[name] in (1, -1) and answered[name] == 0:
            disagreements.append(f"The model denies {name}, which the report calls.")
    nothing = not any(value in (1, -1) for name, value in shown.items() if name != "Support Devices")
    return {_NONE: 1 if nothing else None} | shown, disagreements


def _plain(name: str) -> str:
    return name.lower().replace("_", " ").replace("-", " ").strip()
