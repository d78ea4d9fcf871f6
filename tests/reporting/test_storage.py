from dataclasses import replace
from pathlib import Path

import numpy as np

from core.findings import LABELS
from core.reporting import ReportedStudy, export
from core.reporting.storage import restore, restore_heatmap, restore_report, store


def test_evidence_and_report_come_back_as_they_were(dicom_study: ReportedStudy, tmp_path: Path) -> None:
    findings = list(dicom_study.evidence.findings)
    findings[3] = replace(findings[3], probability=None, operating_point=None, decision="unknown", places=())
    evidence = replace(dicom_study.evidence, findings=tuple(findings), warnings=("A doubt.",))
    store(tmp_path, dicom_study.prediction, evidence, dicom_study.report)
    assert restore_report(tmp_path) == (evidence, dicom_study.report)
    prediction, *_ = restore(tmp_path)
    assert np.isnan(prediction.probabilities[3])
    known = np.arange(14) != 3
    np.testing.assert_array_equal(prediction.probabilities[known], dicom_study.prediction.probabilities[known])
    np.testing.assert_allclose(prediction.heatmaps, dicom_study.prediction.heatmaps, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(restore_heatmap(tmp_path, "Mass"), prediction.heatmaps[LABELS.index("Mass")])


def test_a_stored_study_is_exported_to_the_same_bytes(dicom_study: ReportedStudy, tmp_path: Path) -> None:
    store(tmp_path, dicom_study.prediction, dicom_study.evidence, dicom_study.report)
    prediction, evidence, report = restore(tmp_path)
    restored = replace(dicom_study, prediction=prediction, evidence=evidence, report=report)
    for file_format in ("json", "pdf", "sr", "sc", "fhir"):
        assert export(restored, file_format) == export(dicom_study, file_format)


def test_nothing_of_the_patient_is_stored(dicom_study: ReportedStudy, tmp_path: Path) -> None:
    store(tmp_path, dicom_study.prediction, dicom_study.evidence, dicom_study.report)
    for path in tmp_path.iterdir():
        assert b"SECRET" not in path.read_bytes()
