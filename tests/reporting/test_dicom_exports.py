"""Structured report and secondary capture: valid DICOM, of the source's study, and saying what they are."""

import io
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage

from core import DISCLAIMER
from core.anatomy import admit
from core.classifier import Classifier
from core.classifier.reliability import HeatmapReliability
from core.findings import LABELS
from core.imaging import read_safely
from core.reporting import ReportedStudy, assess, export

Check = Callable[[bytes], list[str]]
# Of the files in table.csv, those that are chest radiographs and not damaged.
READABLE = (
    "CR-MONO1-10-chest_nopreamble_implicit.dcm",
    "DX_chest_J2K_lossless_mono1_12bit_966_fixed.dcm",
    "NIH_chest_DX_implicit_8bit.dcm",
    "RG1_chest_J2K_lossy_mono1_15bit.dcm",
    "RSNA_chest_JPEGbaseline_fakeMONO1.dcm",
    "RSNA_chest_JPEGbaseline_mono2_8bit.dcm",
)


def _read(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


def _referenced(report: Dataset) -> list[Dataset]:
    """Every image that the content tree refers to."""
    found = [report.ReferencedSOPSequence[0]] if "ReferencedSOPSequence" in report else []
    return found + [image for item in report.get("ContentSequence", ()) for image in _referenced(item)]


def _named(container: Dataset, meaning: str) -> list[Dataset]:
    return [item for item in container.ContentSequence if item.ConceptNameCodeSequence[0].CodeMeaning == meaning]


@pytest.mark.parametrize("kind", ["raster", "dicom", "stranger"])
@pytest.mark.parametrize("file_format", ["sr", "sc"])
def test_every_object_is_valid(
    raster_study: ReportedStudy, dicom_study: ReportedStudy, dciodvfy: Check, kind: str, file_format: str
) -> None:
    partly = {"PatientName": "Anonymized", "SOPClassUID": "1.2.840.10008.1.1", "StudyDate": "19010101"}
    study = {
        "raster": raster_study,
        "dicom": dicom_study,
        "stranger": replace(dicom_study, radiograph=replace(dicom_study.radiograph, source=partly)),
    }[kind]
    assert dciodvfy(export(study, file_format)) == []


@pytest.mark.real_data
@pytest.mark.parametrize("name", READABLE)
def test_objects_of_real_files_are_valid(shared_data: Path, classifier: Classifier, dciodvfy: Check, name: str) -> None:
    path = shared_data / "dicom" / name
    admitted = admit(read_safely(path.read_bytes()))
    made = assess(admitted, classifier)
    study = ReportedStudy(admitted.radiograph, made.prediction, made.evidence, made.report, name, datetime.now(UTC))
    header = dcmread(path, force=True, stop_before_pixels=True)
    objects = {file_format: export(study, file_format) for file_format in ("sr", "sc")}
    for data in objects.values():
        assert dciodvfy(data) == []
        written = _read(data)
        assert written.StudyInstanceUID == header.StudyInstanceUID
        assert written.PatientID == (header.get("PatientID") or "")
        assert written.SOPInstanceUID != header.SOPInstanceUID
        assert written.SeriesInstanceUID != header.SeriesInstanceUID
    assert {image.ReferencedSOPInstanceUID for image in _referenced(_read(objects["sr"]))} == {header.SOPInstanceUID}


def test_the_report_measures_and_decides_each_finding(dicom_study: ReportedStudy) -> None:
    report = highdicom.sr.srread(io.BytesIO(export(dicom_study, "sr")))
    assert report.SOPClassUID == ComprehensiveSRStorage
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    *groups, whole = report.content.get_image_measurement_groups()[: len(LABELS) + 1]
    assert [group.tracking_identifier for group in groups] == list(LABELS)
    for group, item in zip(groups, dicom_study.evidence.findings, strict=True):
        values = {measurement.name.meaning: measurement.value for measurement in group.get_measurements()}
        assert values["Calibrated probability of the finding"] == pytest.approx(item.probability, abs=1e-6)
        assert item.operating_point is not None
        called = values["Probability from which the finding is called present"]
        assert called == pytest.approx(item.operating_point.threshold, abs=1e-6)
        decision, *certainty = group.get_qualitative_evaluations()
        assert decision.value.meaning.lower() == item.decision
        assert [one.value.value for one in certainty] == ([item.certainty.replace("_", "-")] if item.certainty else [])
        assert values.get("Share of such calls that were right on validation") == (
            None if item.precision is None else pytest.approx(item.precision, abs=1e-6)
        )
        assert group.finding_type.meaning
    codes = {(group.finding_type.scheme_designator, group.finding_type.value) for group in groups}
    assert len(codes) == 14
    assert ("SCT", "36118008") in codes
    abnormal = dicom_study.evidence.abnormal
    assert abnormal is not None
    assert whole.tracking_identifier == "Abnormal"
    assert whole.get_measurements()[0].value == pytest.approx(abnormal.probability, abs=1e-6)


def test_the_report_names_its_algorithm_and_says_that_it_is_a_draft(dicom_study: ReportedStudy) -> None:
    report = _read(export(dicom_study, "sr"))
    assert (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag) == (
        "PARTIAL",
        "PRELIMINARY",
        "UNVERIFIED",
    )
    assert report.ContentQualification == "RESEARCH"
    (measurements,) = _named(report, "Imaging Measurements")
    *judged, measured = measurements.ContentSequence
    (name,) = _named(measured, "Algorithm Name")
    assert name.TextValue == "ChestLens anatomy"
    for group in judged:
        (name,), (version,) = _named(group, "Algorithm Name"), _named(group, "Algorithm Version")
        assert name.TextValue == dicom_study.evidence.model["name"]
        assert version.TextValue == dicom_study.evidence.model["version"]
    assert [item.TextValue for item in _named(report, "Impression")] == [dicom_study.report.text("impression")]
    assert [item.TextValue for item in _named(report, "Finding")] == [dicom_study.report.text("findings")]
    assert _named(report, "Comment")[-1].TextValue == DISCLAIMER


@pytest.mark.parametrize("file_format", ["sr", "sc"])
def test_objects_belong_to_the_patient_and_study_of_the_source(dicom_study: ReportedStudy, file_format: str) -> None:
    written = _read(export(dicom_study, file_format))
    source = dicom_study.radiograph.source
    for keyword in ("PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "AccessionNumber"):
        assert written[keyword].value == source[keyword]
    assert str(written.PatientName) == "Петрова^Анна"
    assert written.SeriesInstanceUID != source["SeriesInstanceUID"]
    assert "StudyDescription" not in written
    assert (written.ContentDate, str(written.ContentTime)[:6]) == ("20260102", "113015")


def test_report_and_overlay_refer_to_the_image_that_was_read(dicom_study: ReportedStudy) -> None:
    report, overlay = _read(export(dicom_study, "sr")), _read(export(dicom_study, "sc"))
    source = dicom_study.radiograph.source
    images = [*_referenced(report), overlay.SourceImageSequence[0]]
    assert len(images) >= len(LABELS) + 2
    for image in images:
        assert image.ReferencedSOPClassUID == source["SOPClassUID"]
        assert image.ReferencedSOPInstanceUID == source["SOPInstanceUID"]
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == source["StudyInstanceUID"]
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == source["SeriesInstanceUID"]


def test_a_picture_without_identity_gets_a_new_study_that_says_so(raster_study: ReportedStudy) -> None:
    report, overlay = _read(export(raster_study, "sr")), _read(export(raster_study, "sc"))
    assert report.StudyInstanceUID == overlay.StudyInstanceUID
    assert uuid.UUID(int=int(report.StudyInstanceUID.removeprefix("2.25."))).version == 5
    for written in (report, overlay):
        assert "no study" in written.StudyDescription
        assert not any(written[keyword].value for keyword in ("PatientID", "PatientName", "PatientBirthDate"))
    assert "SourceImageSequence" not in overlay
    assert {image.ReferencedSOPInstanceUID for image in _referenced(report)} == {overlay.SOPInstanceUID}
    # Another analysis of the same picture belongs to the same study, but it is another report.
    later = _read(export(replace(raster_study, created=datetime(2027, 1, 1, tzinfo=UTC)), "sr"))
    assert later.StudyInstanceUID == report.StudyInstanceUID
    assert later.SOPInstanceUID != report.SOPInstanceUID


def test_the_overlay_shows_the_chosen_finding(dicom_study: ReportedStudy) -> None:
    mass, pneumonia = (_read(export(dicom_study, "sc", finding=name)) for name in ("Mass", "Pneumonia"))
    assert mass.SOPClassUID == SecondaryCaptureImageStorage
    assert mass.SOPInstanceUID != pneumonia.SOPInstanceUID
    assert mass.SeriesInstanceUID == pneumonia.SeriesInstanceUID
    assert "lung mass" in mass.DerivationDescription
    for overlay in (mass, pneumonia):
        assert DISCLAIMER in overlay.DerivationDescription
    height, width = dicom_study.radiograph.pixels.shape
    shown = [overlay.pixel_array[:height, :width].astype(int) for overlay in (mass, pneumonia)]
    heatmaps = [dicom_study.prediction.heatmaps[LABELS.index(name)] for name in ("Mass", "Pneumonia")]
    assert np.abs(shown[0] - shown[1]).max() > 30
    for picture, heatmap in zip(shown, heatmaps, strict=True):
        row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
        peak = picture[row * height // heatmap.shape[0], column * width // heatmap.shape[1]]
        assert np.ptp(peak) > 60, "the strongest attention is coloured"
    burned_in = mass.pixel_array[height:]
    assert burned_in.max() > 200, "caption and disclaimer stand below the picture"


def test_the_overlay_says_how_far_its_heatmap_can_be_trusted(dicom_study: ReportedStudy) -> None:
    measured = HeatmapReliability(n_boxes=30, n_images=29, pointing_game=3 / 29, iobb=0.5, usual_place=0.28)

    def burned_in(reliability: HeatmapReliability | None) -> np.ndarray:
        findings = tuple(replace(item, reliability=reliability) for item in dicom_study.evidence.findings)
        study = replace(dicom_study, evidence=replace(dicom_study.evidence, findings=findings))
        return _read(export(study, "sc", finding="Mass")).pixel_array[dicom_study.radiograph.pixels.shape[0] :]

    assert burned_in(measured).shape != burned_in(None).shape, "a longer sentence takes more lines"


def test_losses_and_burned_in_text_of_the_source_are_passed_on(
    dicom_study: ReportedStudy, raster_study: ReportedStudy
) -> None:
    overlay = _read(export(dicom_study, "sc"))
    assert (overlay.LossyImageCompression, overlay.BurnedInAnnotation) == ("01", "NO")
    plain = _read(export(raster_study, "sc"))
    assert plain.LossyImageCompression == "00"
    assert "BurnedInAnnotation" not in plain
    jpeg = replace(raster_study, radiograph=replace(raster_study.radiograph, metadata={"format": "JPEG"}))
    assert _read(export(jpeg, "sc")).LossyImageCompression == "01"


def test_a_model_that_knows_nothing_still_gives_valid_objects(dicom_study: ReportedStudy, dciodvfy: Check) -> None:
    findings = tuple(
        replace(item, probability=None, operating_point=None, decision="unknown", places=())
        for item in dicom_study.evidence.findings
    )
    study = replace(dicom_study, evidence=replace(dicom_study.evidence, findings=findings))
    for file_format in ("sr", "sc"):
        assert dciodvfy(export(study, file_format)) == []
