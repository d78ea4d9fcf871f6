"""Generated reports against reference reports: how near their words are, and whether they state the same."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm.auto import tqdm

from core.errors import ChestLensError
from core.evaluation.bootstrap import RESAMPLES
from core.findings import LABELS
from core.reporting.evidence import Evidence
from core.reporting.guard import Draft, Violation, examine
from core.vlm.evaluation_baselines import BASELINES, TEMPLATE, baselines
from core.vlm.evaluation_manifest import BEFORE_GUARD, GENERATED, REFERENCE, aligned, evidence_of, report_text
from core.vlm.text_metrics.elsewhere import Unavailable
from core.vlm.text_metrics.labels import (
    ABSENT,
    NOT_MENTIONED,
    PRESENT,
    UNCERTAIN,
    VOCABULARIES,
    agreement,
    asserted,
    code_measure,
    contradictions,
    pathology_measures,
    rate_measure,
    statements,
)
from core.vlm.text_metrics.learned import LearnedScore
from core.vlm.text_metrics.measures import FloatArray, Measure, Score, mean_measure, resample, score_of
from core.vlm.text_metrics.normalisation import normalise
from core.vlm.text_metrics.overlap import bleu_measure, rouge_l_each

PATHOLOGIES = ("Cardiomegaly", "Consolidation", "Edema", "Effusion", "Pneumonia", "Pneumothorax")
"""Whose accuracy other report writers publish."""

PUBLISHED: dict[str, dict[str, tuple[float, float]]] = {
    "LLaVA-1.5-7B, fine-tuned": {
        "Cardiomegaly": (0.79, 0.86),
        "Consolidation": (0.84, 0.29),
        "Edema": (0.66, 0.84),
        "Effusion": (0.72, 0.68),
        "Pneumonia": (0.83, 0.65),
        "Pneumothorax": (0.82, 0.69),
    },
    "GPT-4V": {
        "Cardiomegaly": (0.65, 0.77),
        "Consolidation": (0.80, 0.20),
        "Edema": (0.68, 0.71),
        "Effusion": (0.66, 0.39),
        "Pneumonia": (0.67, 0.79),
        "Pneumothorax": (0.88, 0.03),
    },
    "Gemini Pro": {
        "Cardiomegaly": (0.65, 0.78),
        "Consolidation": (0.55, 0.41),
        "Edema": (0.61, 0.69),
        "Effusion": (0.53, 0.61),
        "Pneumonia": (0.71, 0.82),
        "Pneumothorax": (0.97, 0.00),
    },
}
"""Accuracy and F1 that CXR-LLaVA's authors published for MIMIC-CXR: other images, so a scale and no comparison."""

_TABLES = ("references", "studies")
_STATED = {"present": PRESENT, "possible": UNCERTAIN, "absent": ABSENT, "unknown": NOT_MENTIONED}


@dataclass(frozen=True)
class SystemScores:
    """What one system reached.

    Attributes:
        scores: by name; parts of a name are joined by dots (``nih14.micro_f1``, ``pathologies.Edema.f1``).
        differences: the same scores less those of the first system, resampled as pairs; empty for the first.
        distinct: number of distinct reports.
        violations: what the guard finds in the reports, by kind.
        guard_actions: what the guard did to them, where the manifest says so.
    """

    scores: dict[str, Score]
    differences: dict[str, Score]
    distinct: int
    violations: dict[str, int]
    guard_actions: dict[str, int]


@dataclass(frozen=True)
class TextEvaluation:
    """All figures of an evaluation.

    Attributes:
        n_studies: studies.
        n_findings, n_impression: of them those whose reference has that section.
        reference_words: mean number of words in a reference report.
        reference_distinct: number of distinct reference reports.
        positives: references that call each of the pathologies.
        systems: in the order given, then the baselines.
        unavailable: scores that could not be had, and why.
        references: ``id`` and the reference texts.
        studies: a row for each study of each system, with its texts and what was found in them.
        resamples: of the intervals.
    """

    n_studies: int
    n_findings: int
    n_impression: int
    reference_words: float
    reference_distinct: int
    positives: dict[str, int]
    systems: dict[str, SystemScores]
    unavailable: dict[str, str]
    references: pd.DataFrame
    studies: pd.DataFrame
    resamples: int

    def to_json(self) -> dict[str, Any]:
        """The object of ``metrics.json``; dots in the names of scores become levels."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _TABLES}
        systems = {
            name: {
                **asdict(system),
                "scores": _nested(system.scores),
                "differences": _nested(system.differences),
                "baseline": name in BASELINES,
            }
            for name, system in self.systems.items()
        }
        return plain | {"systems": systems}


def evaluate(
    systems: Mapping[str, pd.DataFrame],
    *,
    studies: pd.DataFrame | None = None,
    learned: Sequence[LearnedScore] = (),
    unavailable: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> TextEvaluation:
    """Score systems beside a constant report, a tuned one, and the template.

    Args:
        systems: manifests by name, the one to compare with first; see ``core.vlm.evaluation_manifest.checked``.
            Texts from before the guard become a system of their own.
        studies: references, for the baselines alone (see ``studies_of``); there are no systems then.
        learned, unavailable: from ``load_learned``.
        resamples, seed: of the intervals; studies are drawn, or patients where there is a column ``patient_id``.

    Raises:
        DatasetError: a manifest is not as it should be, or they do not match.
    """
    if taken := set(systems) & set(BASELINES):
        raise ChestLensError(f"A system cannot be called {min(taken)!r}: a baseline has that name.")
    tables = aligned(systems) if studies is None else {}
    first = next(iter(tables.values())) if studies is None else studies
    rows = {}
    for name, table in tables.items():
        rows[name] = table
        if set(BEFORE_GUARD) <= set(table.columns):
            rows[f"{name} before guard"] = table.assign(
                **{kept: table[before] for kept, before in zip(GENERATED, BEFORE_GUARD, strict=True)}
            ).drop(columns="guard_action", errors="ignore")
    rows |= baselines(first)

    reference = _Reference(first)
    patients = first["patient_id"] if "patient_id" in first.columns else first["id"]
    clusters = patients.where(patients != "", first["id"]).to_numpy()
    # The guard judges drafts; what the template says of probabilities is none of a writer's business.
    failed: dict[str, str] = dict(unavailable or {})
    judged = {
        name: _judge(table, reference, learned, failed, guard=name != TEMPLATE)
        for name, table in tqdm(rows.items(), desc="reading", unit="system", disable=None)
    }
    resampled = {name: resample(one.measures, clusters, resamples=resamples, seed=seed) for name, one in judged.items()}
    base = next(iter(resampled.values()))
    found = {}
    for index, (name, one) in enumerate(judged.items()):
        own = resampled[name]
        found[name] = SystemScores(
            scores={score: score_of(values) for score, values in own.items()},
            differences={score: score_of(own[score] - base[score]) for score in own if score in base} if index else {},
            distinct=one.studies["normalised"].nunique(),
            violations=dict(Counter(kind for kinds in one.studies["violations"] for kind in kinds.split(";") if kind)),
            guard_actions=_actions(rows[name]),
        )
    return TextEvaluation(
        n_studies=len(first),
        n_findings=int(reference.counted["findings"].sum()),
        n_impression=int(reference.counted["impression"].sum()),
        reference_words=float(np.mean([_words(report) for report in reference.reports])),
        reference_distinct=len({normalise(report) for report in reference.reports}),
        positives={label: int(reference.asserted[:, LABELS.index(label)].sum()) for label in PATHOLOGIES},
        systems=found,
        unavailable=failed,
        references=first[["id", *REFERENCE, *(("image_path",) if "image_path" in first.columns else ())]],
        studies=pd.concat(
            [one.studies.drop(columns="normalised").assign(system=name) for name, one in judged.items()],
            ignore_index=True,
        ),
        resamples=resamples,
    )


class _Reference:
    """What is the same for all systems: the references in the forms that scores read."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.raw = {section: table[column].tolist() for section, column in zip(GENERATED, REFERENCE, strict=True)}
        self.tokens = {section: [normalise(text) for text in texts] for section, texts in self.raw.items()}
        self.counted = {section: np.array([bool(text) for text in texts]) for section, texts in self.tokens.items()}
        self.reports = [report_text(row, REFERENCE) for row in table.to_dict("records")]
        self.stated = {vocabulary: statements(self.reports, vocabulary) for vocabulary in VOCABULARIES}
        self.asserted = asserted(self.stated["nih14"])


@dataclass(frozen=True)
class _Judged:
    measures: list[Measure]
    studies: pd.DataFrame


def _judge(
    table: pd.DataFrame,
    reference: _Reference,
    learned: Sequence[LearnedScore],
    failed: dict[str, str],
    *,
    guard: bool,
) -> _Judged:
    """Measures of one system, and what was found study by study; a score whose package fails is told, and left out."""
    reports = [report_text(row, GENERATED) for row in table.to_dict("records")]
    tokens = {section: [normalise(text) for text in table[section]] for section in GENERATED}
    measures, each_rouge = _overlap(tokens, reference)
    for score in learned:
        if score.name in failed:
            continue
        ours = reports if score.reads == "report" else table["findings"].tolist()
        theirs = reference.reports if score.reads == "report" else reference.raw["findings"]
        counted = np.array([bool(text) for text in theirs])
        try:
            measures += score.measures(ours, theirs, counted)
        except Unavailable as reason:
            failed[score.name] = str(reason)

    stated = {vocabulary: statements(reports, vocabulary) for vocabulary in VOCABULARIES}
    for vocabulary, (labels, _) in VOCABULARIES.items():
        measures += agreement(vocabulary, labels, asserted(stated[vocabulary]), asserted(reference.stated[vocabulary]))
    called, truth = asserted(stated["nih14"]), reference.asserted
    for label in PATHOLOGIES:
        column = LABELS.index(label)
        measures.append(pathology_measures("pathologies", label, called[:, column], truth[:, column]))
    against_reference = contradictions(stated["nih14"], reference.stated["nih14"])
    measures.append(rate_measure("contradiction_rate", against_reference))

    violations: list[tuple[Violation, ...]] = [()] * len(table)
    if "evidence" in table.columns and table["evidence"].notna().all():
        evidences = evidence_of(table)
        given = _given(evidences)
        known = given != NOT_MENTIONED
        measures += agreement("evidence", LABELS, called, asserted(given), known)
        measures.append(rate_measure("evidence_contradiction_rate", contradictions(stated["nih14"], given)))
        if guard:
            texts = zip(*(table[section] for section in GENERATED), evidences, strict=True)
            violations = [examine(Draft(findings=one, impression=other), evidence) for one, other, evidence in texts]
            measures.append(rate_measure("violation_rate", np.array([[bool(found)] for found in violations])))
    measures.append(mean_measure("words", [_words(report) for report in reports]))
    measures += _codes(table)
    studies = table[["id", *GENERATED]].assign(
        normalised=[f"{one}|{other}" for one, other in zip(*tokens.values(), strict=True)],
        rouge_l=each_rouge,
        stated=_label_names(called),
        contradicts=_label_names(against_reference),
        violations=[";".join(sorted(one.kind for one in found)) for found in violations],
        seconds=table["seconds"] if "seconds" in table.columns else "",
    )
    return _Judged(measures, studies)


def _overlap(tokens: dict[str, list[str]], reference: _Reference) -> tuple[list[Measure], FloatArray]:
    """BLEU and ROUGE-L of each section that both sides have; and ROUGE-L of each study's findings."""
    measures: list[Measure] = []
    each: dict[str, FloatArray] = {}
    for section, prefix in zip(GENERATED, ("", "impression_"), strict=True):
        counted = reference.counted[section]
        each[section] = np.where(counted, rouge_l_each(tokens[section], reference.tokens[section]), np.nan)
        if not counted.any() or not any(tokens[section]):
            continue
        # A study without this section in its reference adds nothing to the sums.
        ours = [text if here else "" for text, here in zip(tokens[section], counted, strict=True)]
        measures.append(bleu_measure(f"{prefix}bleu", ours, reference.tokens[section]))
        measures.append(mean_measure(f"{prefix}rouge_l", each[section], counted))
    return measures, each["findings"]


def _given(evidences: Sequence[Evidence]) -> npt.NDArray[np.int8]:
    """(N, 14) decisions in the numbers of ``statements``; unknown is as if not mentioned."""
    return np.array([[_STATED[item.decision] for item in one.findings] for one in evidences], dtype=np.int8)


def _codes(table: pd.DataFrame) -> list[Measure]:
    """F1 of ICD-10-CM codes, and of their three-character categories, where the manifest has codes."""
    if not {"icd", "reference_icd"} <= set(table.columns):
        return []
    ours, theirs = ([_code_set(cell) for cell in table[column]] for column in ("icd", "reference_icd"))
    categories = ([frozenset(code[:3] for code in codes) for codes in side] for side in (ours, theirs))
    return [code_measure("icd_f1", ours, theirs), code_measure("icd_category_f1", *categories)]


def _code_set(cell: str) -> frozenset[str]:
    return frozenset(code.strip().upper().replace(".", "") for code in cell.split(";") if code.strip())


def _label_names(flags: npt.NDArray[np.bool_]) -> list[str]:
    return [";".join(label for label, flag in zip(LABELS, row, strict=True) if flag) for row in flags]


def _words(report: str) -> int:
    return sum(token != "." for token in normalise(report).split())


def _actions(table: pd.DataFrame) -> dict[str, int]:
    if "guard_action" not in table.columns:
        return {}
    return {str(action): int(count) for action, count in table["guard_action"].value_counts().items() if action}


def _nested(scores: Mapping[str, Score]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, score in scores.items():
        *levels, last = name.split(".")
        branch = tree
        for level in levels:
            branch = branch.setdefault(level, {})
        branch[last] = asdict(score)
    return tree
