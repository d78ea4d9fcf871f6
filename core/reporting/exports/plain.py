"""``Evidence`` and ``Report`` to plain data and plain text: json, txt and csv."""

import csv
import io
import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC
from typing import Any

from core import DISCLAIMER
from core.anatomy import Place
from core.classifier.reliability import HeatmapReliability
from core.findings import display_name
from core.reporting.evidence import DECISIONS, Evidence, FindingEvidence
from core.reporting.reliability import reliability_in_words
from core.reporting.report import SECTIONS, Report
from core.reporting.review import Review, reviewed_report, state_in_words
from core.reporting.wording import in_words


def as_object(evidence: Evidence, report: Report) -> dict[str, Any]:
    """The study as plain data: the part of ``GET /api/studies/<id>`` that does not depend on the server."""
    return {
        "view": evidence.view,
        "gate": asdict(evidence.gate),
        "findings": [_finding_object(item) for item in evidence.findings],
        "report": report_object(report),
        "warnings": list(evidence.warnings),
        "model": evidence.model,
    }


def report_object(report: Report) -> dict[str, Any]:
    """A report as plain data."""
    return {
        "source": report.source,
        **{section: report.text(section) for section in SECTIONS},
        "sentences": [asdict(sentence) for sentence in report.sentences],
        "disclaimer": DISCLAIMER,
    }


def as_json(evidence: Evidence, report: Report, review: Review | None = None, *, name: str = "") -> str:
    """``as_object`` under the study's name, as JSON.

    ``report`` is the text that stands; beside a reviewer's the draft is kept as ``draft``.
    """
    content = {"name": name, **as_object(evidence, report), "review": _review_object(review)}
    if review is not None:
        content["draft"] = content["report"]
        # A report joins its sentences by spaces; the reviewer's own lines stand as they were written.
        content["report"] = report_object(reviewed_report(review.text, report)) | dict(review.text)
    return json.dumps(content, indent=2) + "\n"


def as_text(evidence: Evidence, report: Report, review: Review | None = None, *, name: str = "") -> str:
    """The report as people read it, with the evidence table and the disclaimer."""
    lines = ["CHEST RADIOGRAPH REPORT" + (f": {name}" if name else ""), state_in_words(review), DISCLAIMER, ""]
    for section in SECTIONS:
        lines.append(section.upper())
        sentences = [sentence.text for sentence in report.sentences if sentence.section == section]
        for paragraph in sentences if review is None else review.text.get(section, "").splitlines():
            lines += textwrap.wrap(paragraph, width=96, initial_indent="  ", subsequent_indent="    ")
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
    lines += ["", f"Model: {evidence.model['name']} version {evidence.model['version']}"]
    if review and review.sign_off:
        lines.append(f"Record of the review, SHA-256: {review.sign_off.record}")
    lines.append("")
    return "\n".join(lines)


def as_csv(studies: Iterable[tuple[str, Evidence, Review | None]]) -> str:
    """One row a finding of each study, given with its name and, where somebody reviewed it, its review."""
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
            "places",
            "heatmap_reliability",
            "model",
            "report_state",
            "disclaimer",
        ]
    )
    for name, evidence, review in studies:
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
                    in_words(item.places),
                    "" if item.reliability is None else reliability_in_words(item.reliability),
                    f"{evidence.model['name']} {evidence.model['version']}",
                    state_in_words(review),
                    DISCLAIMER,
                ]
            )
    return file.getvalue()


def _review_object(review: Review | None) -> dict[str, Any]:
    if review is None:
        return {"state": "draft"}
    signed = review.sign_off
    return {
        "state": review.state,
        "version": review.version,
        "signed_by": signed.name if signed else None,
        "signed_at": signed.time.astimezone(UTC).isoformat(timespec="seconds") if signed else None,
        "record_sha256": signed.record if signed else None,
    }


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
        "places": [_place_object(place) for place in item.places],
        "heatmap_reliability": None if item.reliability is None else _reliability_object(item.reliability),
    }


def _place_object(place: Place) -> dict[str, Any]:
    return {"key": place.key, "side": place.side, "zone": place.zone, "words": place.in_words()}


def _reliability_object(reliability: HeatmapReliability) -> dict[str, Any]:
    return {
        "n_boxes": reliability.n_boxes,
        "n_images": reliability.n_images,
        "pointing_game": reliability.pointing_game,
        "iobb_0.25": reliability.iobb,
        "usual_place_pointing_game": reliability.usual_place,
        "words": reliability_in_words(reliability),
    }
