"""What an analysis found comes back from its files as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.anatomy import Admitted, admit
from core.classifier import Classifier
from core.findings import LABELS
from core.imaging.reader import read_radiograph
from core.reporting import Assessment, assess
from core.studies import results
from core.studies.cipher import Cipher, WrongKey
from core.studies.errors import Gone
from core.studies.storage import Storage, open_storage

STUDY = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def admitted(chest_dicom: Path) -> Admitted:
    return admit(read_radiograph(chest_dicom.read_bytes()))


@pytest.fixture(scope="module")
def assessment(admitted: Admitted, classifier: Classifier) -> Assessment:
    return assess(admitted, classifier)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = open_storage(str(tmp_path / "studies"), Cipher("k" * 32))
    storage.create(STUDY)
    return storage


def test_evidence_report_and_radiograph_come_back(storage: Storage, admitted: Admitted, assessment: Assessment) -> None:
    findings = list(assessment.evidence.findings)
    findings[3] = replace(findings[3], probability=None, operating_point=None, decision="unknown", places=())
    evidence = replace(assessment.evidence, findings=tuple(findings), warnings=("A doubt.",))
    results.write_result(storage, STUDY, admitted, replace(assessment, evidence=evidence))
    results.write_identifiers(storage, STUDY, {"PatientID": "SECRET-7"})
    result = results.read_result(storage, STUDY, rewritten=False)
    assert (result.evidence, result.report, result.rewriting) == (evidence, assessment.report, None)
    prediction = results.read_prediction(storage, STUDY, evidence)
    known = np.arange(14) != 3
    assert np.isnan(prediction.probabilities[3])
    np.testing.assert_array_equal(prediction.probabilities[known], assessment.prediction.probabilities[known])
    np.testing.assert_allclose(prediction.heatmaps, assessment.prediction.heatmaps, atol=0.5 / 255 + 1e-6)
    assert list(results.read_heatmaps(storage, STUDY)) == list(LABELS)
    radiograph = results.read_radiograph(storage, STUDY, result)
    np.testing.assert_allclose(radiograph.pixels, admitted.radiograph.pixels, atol=0.5 / 65535 + 1e-6)
    assert radiograph.source == {"PatientID": "SECRET-7"}
    assert (radiograph.metadata, radiograph.pixel_spacing_mm) == (admitted.radiograph.metadata, (0.7, 0.7))


def test_a_rewritten_report_stands_beside_the_template(
    storage: Storage, admitted: Admitted, assessment: Assessment
) -> None:
    results.write_result(storage, STUDY, admitted, assessment)
    rewritten = replace(assessment.report, source="vlm")
    results.write_rewrite(storage, STUDY, rewritten, {"status": "done"})
    result = results.read_result(storage, STUDY, rewritten=True)
    assert (result.template, result.report, result.rewriting) == (assessment.report, rewritten, {"status": "done"})


def test_what_was_decoded_is_left_exactly_and_without_identifiers(storage: Storage, admitted: Admitted) -> None:
    radiograph = replace(admitted.radiograph, source={"PatientID": "SECRET-7"})
    results.write_decoded(storage, STUDY, replace(admitted, radiograph=radiograph))
    found = results.read_decoded(storage, STUDY)
    np.testing.assert_array_equal(found.radiograph.pixels, radiograph.pixels)
    assert (found.gate, found.anatomy, found.radiograph.source) == (admitted.gate, admitted.anatomy, {})
    assert replace(found.radiograph, pixels=radiograph.pixels, source=radiograph.source) == radiograph


def test_what_identifies_is_encrypted_and_only_its_key_reads_it(storage: Storage, tmp_path: Path) -> None:
    storage.write(STUDY, results.UPLOAD, b"SECRET-7")
    results.write_identifiers(storage, STUDY, {"PatientID": "SECRET-7"})
    assert storage.read(STUDY, results.UPLOAD) == b"SECRET-7"
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"SECRET" not in path.read_bytes()
    other = open_storage(str(tmp_path / "studies"), Cipher("x" * 32))
    with pytest.raises(WrongKey, match=r"CHESTLENS_SECRET_KEY.*\.$"):
        other.read(STUDY, results.UPLOAD)


def test_after_a_study_is_condemned_nothing_is_read_or_written(storage: Storage) -> None:
    storage.write(STUDY, results.UPLOAD, b"bytes")
    storage.condemn(STUDY)
    with pytest.raises(Gone):
        storage.write(STUDY, results.RESULT, b"{}")
    with pytest.raises(Gone):
        storage.read(STUDY, results.UPLOAD)
    assert (storage.condemned(), list(storage.studies())) == ([STUDY], [])
    storage.forget(STUDY)
    assert (storage.condemned(), list(storage.studies())) == ([], [])
