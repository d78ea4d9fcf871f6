"""Edited and signed reports in every format: the reviewer's words, who signed, and still valid."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydicom import Dataset, dcmread

from core import DISCLAIMER
from core.reporting import FORMATS, ReportedStudy, Review, SignOff, export
from core.reporting.review import disagreements, reviewed_report, state_in_words

TEXT = {
    "technique": "Single frontal chest radiograph.",
    "view": "PA, as stated in the file.",
    "findings": "1. Small left effusion.\n2. No pneumothorax, “clear” apices <b>&.",
    "impression": "Small left effusion. 胸水",
}
NAMES = ("Dr. Ada Reader", "O'Neil^Ann=x\\y", "Анна Петрова", "山田 太郎", "x" * 64)


def _signed(study: ReportedStudy, *, name: str = NAMES[0], version: int = 1) -> ReportedStudy:
    sign_off = SignOff(name, datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), "ab" * 32)
    return replace(study, review=Review(version, TEXT, sign_off))


def _edited(study: ReportedStudy) -> ReportedStudy:
    return replace(study, review=Review(1, TEXT))


def _report(study: ReportedStudy) -> Dataset:
    return dcmread(io.BytesIO(export(study, "sr")))


@pytest.mark.parametrize("name", NAMES)
def test_a_signed_structured_report_is_valid_and_verified(
    dicom_study: ReportedStudy, dciodvfy: Callable[[bytes], list[str]], name: str
) -> None:
    study = _signed(dicom_study, name=name)
    assert dciodvfy(export(study, "sr")) == []
    report = _report(study)
    (observer,) = report.VerifyingObserverSequence
    assert (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag) == ("COMPLETE", "FINAL", "VERIFIED")
    assert observer.VerificationDateTime == "20260304050607"
    family, *rest = str(observer.VerifyingObserverName).split("^")
    assert not any(rest)
    assert family.split() == name[:63].translate(dict.fromkeys(map(ord, "\\^="), " ")).split()
    assert report.ContentQualification == "RESEARCH"
    assert (report.ContentDate, str(report.ContentTime)[:6]) == ("20260304", "050607")


def test_an_edited_structured_report_is_valid_and_stays_unverified(
    raster_study: ReportedStudy, dciodvfy: Callable[[bytes], list[str]]
) -> None:
    study = _edited(raster_study)
    assert dciodvfy(export(study, "sr")) == []
    report = _report(study)
    assert (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag) == (
        "PARTIAL",
        "PRELIMINARY",
        "UNVERIFIED",
    )
    texts = [item.get("TextValue") for item in report.ContentSequence]
    assert TEXT["findings"].replace("\n", "\r\n") in texts
    assert "Edited, not signed, version 1." in texts
    assert raster_study.report.text("findings") not in texts


def test_each_text_and_signature_is_a_document_of_its_own_on_the_same_images(dicom_study: ReportedStudy) -> None:
    studies = [dicom_study, _edited(dicom_study), _signed(dicom_study), _signed(dicom_study, version=2)]
    reports = [_report(study) for study in studies]
    assert len({report.SOPInstanceUID for report in reports}) == 4
    assert len({report.SeriesInstanceUID for report in reports}) == 1
    overlays = {dcmread(io.BytesIO(export(study, "sc"))).SOPInstanceUID for study in studies}
    assert len(overlays) == 1


def test_an_amended_structured_report_names_the_signed_documents_that_it_replaces(
    dicom_study: ReportedStudy, dciodvfy: Callable[[bytes], list[str]]
) -> None:
    first = _signed(dicom_study)
    second = replace(first, review=replace(first.review, version=2, amends=first.review))
    third = replace(first, review=Review(3, TEXT, amends=second.review))
    before = {}
    for study in (first, second, third):
        assert dciodvfy(export(study, "sr")) == []
        report = _report(study)
        named = [
            item.ReferencedSOPInstanceUID
            for part in report.get("PredecessorDocumentsSequence", ())
            for series in part.ReferencedSeriesSequence
            for item in series.ReferencedSOPSequence
        ]
        assert sorted(named) == sorted(before)
        before[report.SOPInstanceUID] = report


@pytest.mark.parametrize("name", NAMES)
def test_a_signed_fhir_report_is_valid_final_and_names_who_signed(dicom_study: ReportedStudy, name: str) -> None:
    module = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is not installed")
    for version, status in ((1, "final"), (2, "amended")):
        data = json.loads(export(_signed(dicom_study, name=name, version=version), "fhir"))
        module.Bundle.model_validate(data)
        resources = {entry["fullUrl"]: entry["resource"] for entry in data["entry"]}
        report = data["entry"][0]["resource"]
        assert report["status"] == status
        assert report["conclusion"] == f"{TEXT['impression']} {DISCLAIMER}"
        assert report["issued"].startswith("2026-03-04T05:06:07")
        (interpreter,) = report["resultsInterpreter"]
        assert resources[interpreter["reference"]]["name"] == [{"text": name}]
        kinds = {item["status"] for item in resources.values() if item["resourceType"] == "Observation"}
        assert kinds == {"preliminary"}


def test_an_edited_fhir_report_is_preliminary_and_says_so(raster_study: ReportedStudy) -> None:
    report = json.loads(export(_edited(raster_study), "fhir"))["entry"][0]["resource"]
    assert report["status"] == "preliminary"
    assert "Edited, not signed" in report["code"]["text"]
    assert "resultsInterpreter" not in report


def test_the_pdf_says_in_its_head_who_signed(raster_study: ReportedStudy) -> None:
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")

    def read(study: ReportedStudy) -> str:
        pages = pypdf.PdfReader(io.BytesIO(export(study, "pdf"))).pages
        return " ".join(" ".join(page.extract_text() for page in pages).split())

    assert "DRAFT, not reviewed. Research only." in read(raster_study)
    assert "EDITED, not signed, version 1. Research only." in read(_edited(raster_study))
    signed = read(_signed(raster_study))
    assert "SIGNED by Dr. Ada Reader, 2026-03-04 05:06 UTC, version 1. Research only." in signed
    assert "1. Small left effusion. 2. No pneumothorax" in signed
    assert "ab" * 32 in signed.replace(" ", "")
    assert raster_study.report.text("impression") not in signed


def test_a_signed_text_of_any_length_fits_the_pdf(raster_study: ReportedStudy) -> None:
    long = Review(1, TEXT | {"findings": "\n".join(f"Line {number} says little." for number in range(400))})
    assert b"%%EOF" in export(replace(raster_study, review=long), "pdf")[-1024:]


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_signed_study_gives_the_same_bytes_again(dicom_study: ReportedStudy, file_format: str) -> None:
    study = _signed(dicom_study)
    assert export(study, file_format) == export(replace(study), file_format)


def test_state_is_one_line() -> None:
    assert state_in_words(None) == "Draft, not reviewed"
    assert state_in_words(Review(3, TEXT)) == "Edited, not signed, version 3"


def test_a_reviewed_report_loses_no_word_and_links_what_the_labeler_finds(raster_study: ReportedStudy) -> None:
    report = reviewed_report(TEXT, raster_study.report)
    for section in ("technique", "view", "findings", "impression"):
        assert report.text(section).split() == TEXT[section].split()  # type: ignore[arg-type]
    linked = {(sentence.text, sentence.kind): sentence.findings for sentence in report.sentences if sentence.findings}
    assert linked[("Small left effusion.", "finding")] == ("Effusion",)


def test_disagreements_follow_presence_and_decision(raster_study: ReportedStudy) -> None:
    def findings_called(decision: str) -> ReportedStudy:
        chance = {"present": 0.7, "possible": 0.3}.get(decision, 0.1)
        items = tuple(
            replace(item, decision=decision, probability=chance)
            if item.finding.name == "Effusion"
            else replace(item, decision="absent")
            for item in raster_study.evidence.findings
        )
        return replace(raster_study, evidence=replace(raster_study.evidence, findings=items))

    said = {
        "present": "There is an effusion.",
        "uncertain": "Possible effusion.",
        "absent": "No effusion.",
        "not mentioned": "The bones are intact.",
    }
    agreeing = {("present", "present"), ("possible", "uncertain"), ("absent", "absent"), ("absent", "not mentioned")}
    agreeing |= {("unknown", "absent"), ("unknown", "not mentioned")}
    for decision in ("present", "possible", "absent", "unknown"):
        study = findings_called(decision)
        for says, sentence in said.items():
            text = {"findings": sentence, "impression": ""}
            found = [
                item.says
                for item in disagreements(text, study.report, study.evidence)
                if item.finding.finding.name == "Effusion"
            ]
            assert found == ([] if (decision, says) in agreeing else [says]), (decision, says)
