"""``Evidence`` and ``Report`` to plain data and plain text: json, txt and csv."""

import csv
import io
import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from core import DISCLAIMER
from core.classifier.reliability import HeatmapReliability
from core.findings import display_name
from core.reporting.evidence import DECISIONS, Evidence, FindingEvidence
from core.reporting.reliability import reliability_in_words
from core.reporting.report import SECTIONS, Report


def as_object(evidence: Evidence, report: Report) -> dict[str, Any]:
    """The study as plain data: the part of ``GET /api/studies/<id>`` that does not depend on the server."""
    return {
        "view": evidence.view,
        "gate": asdict(evidence.gate),
        "findings": [_finding_object(item) for item in evidence.findings],
        "report": {
            "source": report.source,
            **{section: report.text(section) for section in SECTIONS},
            "sentences": [asdict(sentence) for sentence in report.sentences],
            "disclaimer": DISCLAIMER,
        },
        "warnings": list(evidence.warnings),
        "model": evidence.model,
    }


def as_json(evidence: Evidence, report: Report, *, name: str = "") -> str:
    """``as_object`` under the study's name, as JSON."""
    return json.dumps({"name": name, **as_object(evidence, report)}, indent=2) + "\n"


def as_text(evidence: Evidence, report: Report, *, name: str = "") -> str:
    """The report as people read it, with the evidence table and the disclaimer."""
    lines = ["CHEST RADIOGRAPH REPORT" + (f": {name}" if name else ""), DISCLAIMER, ""]
    for section in SECTIONS:
        lines.append(section.upper())
        for sentence in report.sentences:
            if sentence.section == section:
                lines += textwrap.wrap(sentence.text, width=96, initial_indent="  ", subsequent_indent="    ")
        lines.append("")
    lines.append("EVIDENCE (calibrated probability, operating point, decision)")
    for item in evidence.decided(*DECISIONS):
        probability = "      " if item.probability is None else f"{item.probability:6.1%}"
        threshold = "      " if item.operating_point is None else f"{item.operating_point.threshold:6.1%}"
        lines.append(f"  {display_name(item.finding.name):<20}{probability}  {threshold}  {item.decision}")
    lines += ["", "HEATMAP RELIABILITY (against radiologists' boxes)"]
    called = evidence.decided("present", "possible")
    for item in called:
        words = "not measured." if item.reliability is None else reliability_in_words(item.reliability)
        text = f"{display_name(item.finding.name)}: {words}"
        lines += textwrap.wrap(text, width=96, initial_indent="  ", subsequent_indent="    ")
    if not called:
        lines.append("  No finding is present or possible.")
    lines += ["", f"Model: {evidence.model['name']} version {evidence.model['version']}", ""]
    return "\n".join(lines)


def as_csv(studies: Iterable[tuple[str, Evidence]]) -> str:
    """One row a finding of each study, given with its name."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        [
            "name",
            "finding",
            "probability",
            "threshold",
            "possible_threshold",
            "decision",
            "model_attention",
            "heatmap_reliability",
            "model",
            "disclaimer",
        ]
    )
    for name, evidence in studies:
        for item in evidence.findings:
            point = item.operating_point
            writer.writerow(
                [
                    name,
                    item.finding.name,
                    "" if item.probability is None else f"{item.probability:.6f}",
                    "" if point is None else f"{point.threshold:.6f}",
                    "" if point is None else f"{point.possible_threshold:.6f}",
                    item.decision,
                    item.region or "",
                    "" if item.reliability is None else reliability_in_words(item.reliability),
                    f"{evidence.model['name']} {evidence.model['version']}",
                    DISCLAIMER,
                ]
            )
    return file.getvalue()


def _finding_object(item: FindingEvidence) -> dict[str, Any]:
    point = item.operating_point
    return {
        "name": item.finding.name,
        "display_name": display_name(item.finding.name),
        "definition": item.finding.definition,
        "probability": item.probability,
        "threshold": point.threshold if point else None,
        "possible_threshold": point.possible_threshold if point else None,
        "sensitivity": point.sensitivity if point else None,
        "specificity": point.specificity if point else None,
        "n_positive": point.n_positive if point else None,
        "n_negative": point.n_negative if point else None,
        "decision": item.decision,
        "region": item.region,
        "heatmap_reliability": None if item.reliability is None else _reliability_object(item.reliability),
    }


def _reliability_object(reliability: HeatmapReliability) -> dict[str, Any]:
    return {
        "n_boxes": reliability.n_boxes,
        "n_images": reliability.n_images,
        "pointing_game": reliability.pointing_game,
        "iobb_0.25": reliability.iobb,
        "usual_place_pointing_game": reliability.usual_place,
        "words": reliability_in_words(reliability),
    }
