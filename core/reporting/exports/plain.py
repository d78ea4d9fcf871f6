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
from core.anatomy import Anatomy, Place
from core.classifier.abnormality import Abnormal
from core.classifier.reliability import HeatmapReliability
from core.findings import display_name
from core.plain_text import csv_cell
from core.reporting.certainty import PHRASES
from core.reporting.evidence import CALLED, DECISIONS, Evidence, FindingEvidence
from core.reporting.heatmap_trust import reliability_in_words
from core.reporting.report import SECTIONS, Report
from core.reporting.review import Review, reviewed_report, state_in_words
from core.reporting.wording import in_words
from core.reporting.worth import abnormal_in_words, precision_in_words


def as_object(evidence: Evidence, report: Report) -> dict[str, Any]:
    """The study as plain data: the part of ``GET /api/studies/<id>`` that does not depend on the server."""
    return {
        "view": evidence.view,
        "gate": asdict(evidence.gate),
        "abnormal": None if evidence.abnormal is None else _abnormal_object(evidence.abnormal),
        "policy": evidence.policy,
        "policy_chosen_for": evidence.policy_chosen_for,
        "anatomy": None if evidence.anatomy is None else anatomy_object(evidence.anatomy),
        "findings": [_finding_object(item) for item in evidence.findings],
        "report": report_object(report),
        "warnings": list(evidence.warnings),
        "model": evidence.model,
    }


def anatomy_object(anatomy: Anatomy) -> dict[str, Any]:
    """Ratio, lines and outlines as plain data; places in shares of the upright picture's width and height."""
    widths = anatomy.cardiothoracic
    outlines = {"right_lung": anatomy.right_lung, "left_lung": anatomy.left_lung, "heart": anatomy.heart}
    return {
        "cardiothoracic_ratio": None if widths is None else round(widths.ratio, 3),
        "lines": None if widths is None else asdict(widths),
        "outlines": outlines if anatomy.right_lung and anatomy.left_lung else None,
    }


def anatomy_lines(evidence: Evidence) -> list[str]:
    """What was seen of the picture itself, in words: whether it is a frontal chest, and the cardiothoracic ratio."""
    gate, anatomy = evidence.gate, evidence.anatomy
    verdict = f"{gate.verdict}, judged because somebody insisted" if gate.forced else gate.verdict
    lines = [f"Frontal chest radiograph: {verdict} (probability {gate.frontal:.1%})"]
    if anatomy is not None and anatomy.cardiothoracic_ratio is not None:
        lines.append(f"Cardiothoracic ratio: {anatomy.cardiothoracic_ratio:.2f}, from the outlines of heart and lungs")
    return lines


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
    lines.append(f"EVIDENCE (calibrated probability, certainty of what is called; policy {evidence.policy})")
    if evidence.abnormal is not None:
        lines.append(f"  {abnormal_in_words(evidence.abnormal)}")
    for item in evidence.decided(*DECISIONS):
        probability = "      " if item.probability is None else f"{item.probability:6.1%}"
        decision = item.decision if item.certainty is None else f"{item.decision}, {PHRASES[item.certainty].name}"
        lines.append(f"  {display_name(item.finding.name):<20}{probability}  {decision}")
    if called := evidence.decided(*CALLED):
        lines += ["", "WORTH OF THE CALLS"]
    for item in called:
        text = f"{display_name(item.finding.name)}: {precision_in_words(item)}"
        lines += textwrap.wrap(text, width=96, initial_indent="  ", subsequent_indent="    ")
    lines += ["", "HEATMAP RELIABILITY (against radiologists' boxes)"]
    for item in called:
        words = "not measured." if item.reliability is None else reliability_in_words(item.reliability)
        text = f"{display_name(item.finding.name)}: {words}"
        lines += textwrap.wrap(text, width=96, initial_indent="  ", subsequent_indent="    ")
    if not called:
        lines.append("  No finding is present or possible.")
    lines += ["", *anatomy_lines(evidence)]
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
            "certainty",
            "precision",
            "abnormal",
            "policy",
            "places",
            "heatmap_reliability",
            "gate",
            "cardiothoracic_ratio",
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
                    csv_cell(name),
                    item.finding.name,
                    "" if item.probability is None else f"{item.probability:.6f}",
                    "" if point is None else f"{point.threshold:.6f}",
                    "" if point is None else f"{point.possible_threshold:.6f}",
                    item.decision,
                    item.certainty or "",
                    "" if item.precision is None else f"{item.precision:.6f}",
                    "" if evidence.abnormal is None else f"{evidence.abnormal.probability:.6f}",
                    evidence.policy,
                    in_words(item.places),
                    "" if item.reliability is None else reliability_in_words(item.reliability),
                    evidence.gate.verdict,
                    _ratio(evidence),
                    f"{evidence.model['name']} {evidence.model['version']}",
                    state_in_words(review),
                    DISCLAIMER,
                ]
            )
    return file.getvalue()


def _ratio(evidence: Evidence) -> str:
    ratio = evidence.anatomy.cardiothoracic_ratio if evidence.anatomy else None
    return "" if ratio is None else f"{ratio:.3f}"


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
        "possible_sensitivity": point.possible_sensitivity if point else None,
        "possible_specificity": point.possible_specificity if point else None,
        "n_positive": point.n_positive if point else None,
        "n_negative": point.n_negative if point else None,
        "decision": item.decision,
        "certainty": item.certainty,
        "certainty_words": None if item.certainty is None else PHRASES[item.certainty].name,
        "precision": item.precision,
        "precision_ci95": item.precision_ci95,
        "precision_words": precision_in_words(item),
        "places": [_place_object(place) for place in item.places],
        "heatmap_reliability": None if item.reliability is None else _reliability_object(item.reliability),
    }


def _abnormal_object(abnormal: Abnormal) -> dict[str, Any]:
    return asdict(abnormal) | {"words": abnormal_in_words(abnormal)}


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
