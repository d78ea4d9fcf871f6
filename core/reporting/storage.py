"""``Evidence``, ``Report`` and heatmaps to files and back, so that a finished study can be exported later."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.anatomy import Anatomy, Gate, Place
from core.atomic import replacing, write_json
from core.classifier import Prediction
from core.classifier.abnormality import Abnormal
from core.classifier.policies import OperatingPoint
from core.classifier.reliability import HeatmapReliability
from core.findings import BY_NAME, LABELS
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.report import Report, Sentence

_EVIDENCE, _HEATMAPS = "evidence.json", "heatmaps.npz"


def store(folder: Path, prediction: Prediction, evidence: Evidence, report: Report) -> None:
    """Write the three into a study's folder; heatmaps in 256 steps."""
    heatmaps = np.round(prediction.heatmaps * 255).astype(np.uint8)
    with replacing(folder / _HEATMAPS) as partial:
        np.savez(partial, **dict(zip(LABELS, heatmaps, strict=True)))
    stored = {"evidence": asdict(evidence), "report": asdict(report)}
    for item in stored["evidence"]["findings"]:
        # What is known of a finding in general is the program's, not the study's.
        item["finding"] = item["finding"]["name"]
    write_json(folder / _EVIDENCE, stored)


def store_rewrite(folder: Path, report: Report) -> None:
    """Make a rewritten report the one that is shown and exported; the template's stays beside it."""
    stored = json.loads((folder / _EVIDENCE).read_text())
    stored.setdefault("template", stored["report"])
    stored["report"] = asdict(report)
    write_json(folder / _EVIDENCE, stored)


def restore_report(folder: Path, *, template: bool = False) -> tuple[Evidence, Report]:
    """Read evidence and report of a study's folder.

    Args:
        folder: of the study.
        template: the template's report, even where a rewritten one is shown.

    Raises:
        FileNotFoundError: nothing was stored there, or it was deleted.
    """
    stored = json.loads((folder / _EVIDENCE).read_text())
    evidence, report = stored["evidence"], stored["report"]
    evidence["findings"] = tuple(map(_finding_evidence, evidence["findings"]))
    evidence["gate"] = Gate(**{**evidence["gate"], "checks": tuple(evidence["gate"]["checks"])})
    anatomy = evidence.get("anatomy")
    evidence["anatomy"] = None if anatomy is None else Anatomy.from_stored(anatomy)
    evidence["warnings"] = tuple(evidence["warnings"])
    evidence["abnormal"] = _abnormal(evidence["abnormal"])
    return Evidence(**evidence), _report(stored.get("template", report) if template else report)


def restore(folder: Path) -> tuple[Prediction, Evidence, Report]:
    """Read all that ``store`` wrote.

    Raises:
        FileNotFoundError: nothing was stored there, or it was deleted.
    """
    evidence, report = restore_report(folder)
    probabilities = [np.nan if item.probability is None else item.probability for item in evidence.findings]
    heatmaps = np.stack(list(restore_heatmaps(folder).values()))
    return Prediction(np.array(probabilities, dtype=np.float32), heatmaps), evidence, report


def restore_heatmaps(folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read all heatmaps (h, w) in [0, 1], by finding.

    Raises:
        FileNotFoundError: nothing was stored there, or it was deleted.
    """
    with np.load(folder / _HEATMAPS) as maps:
        return {name: np.asarray(maps[name].astype(np.float32) / 255) for name in LABELS}


def restore_heatmap(folder: Path, finding: str) -> npt.NDArray[np.float32]:
    """Read one finding's heatmap (h, w) in [0, 1]."""
    with np.load(folder / _HEATMAPS) as maps:
        return np.asarray(maps[finding].astype(np.float32) / 255)


def _abnormal(stored: dict[str, Any] | None) -> Abnormal | None:
    return None if stored is None else Abnormal(**{**stored, "interval": tuple(stored["interval"])})


def _report(stored: dict[str, Any]) -> Report:
    sentences = (Sentence(**{**one, "findings": tuple(one["findings"])}) for one in stored["sentences"])
    return Report(source=stored["source"], sentences=tuple(sentences))


def _finding_evidence(stored: dict[str, Any]) -> FindingEvidence:
    point, reliability = stored["operating_point"], stored["reliability"]
    return FindingEvidence(
        finding=BY_NAME[stored["finding"]],
        probability=stored["probability"],
        operating_point=None if point is None else OperatingPoint.from_json(point),
        decision=stored["decision"],
        # Versions that named a region in words did not ask whether the heatmap can be trusted to point.
        places=tuple(Place(**place) for place in stored.get("places", ())),
        reliability=None if reliability is None else HeatmapReliability(**reliability),
    )
