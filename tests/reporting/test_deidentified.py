"""The archive for people who must not know whose a study is."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

from core.reporting import ReportedStudy, Review, Sentence, SignOff, export

CANARY = "CANARY"


@pytest.fixture(scope="module")
def marked(dicom_study: ReportedStudy) -> ReportedStudy:
    """A study with a canary in everything that may say whose it is, and in what people write freely."""
    source = dict.fromkeys(dicom_study.radiograph.source, CANARY) | {"StudyDate": "19840229", "AccessionNumber": CANARY}
    radiograph = replace(dicom_study.radiograph, source=source, metadata={"format": CANARY})
    evidence = replace(dicom_study.evidence, warnings=(f"The file says {CANARY}.",), view=CANARY)
    text = dict.fromkeys(("technique", "view", "findings", "impression"), CANARY)
    review = Review(1, text, SignOff(CANARY, datetime(1984, 2, 29, 12, tzinfo=UTC), "0" * 64))
    sentences = (*dicom_study.report.sentences, Sentence("view", f"View: {CANARY}.", (), "note"))
    return replace(
        dicom_study,
        report=replace(dicom_study.report, sentences=sentences),
        radiograph=radiograph,
        evidence=evidence,
        review=review,
        name=f"{CANARY}.dcm",
        created=datetime(1984, 2, 29, 13, tzinfo=UTC),
    )


def _files(study: ReportedStudy) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(export(study, "deidentified"))) as archive:
        assert archive.testzip() is None
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def test_nothing_says_whose_it_is_or_when_it_was(marked: ReportedStudy) -> None:
    for name, content in _files(marked).items():
        assert CANARY not in name
        assert CANARY.encode() not in content, name
        if not name.endswith(".png"):
            assert b"1984" not in content, name


def test_every_pixel_is_there_with_what_the_model_found(marked: ReportedStudy) -> None:
    files = {name.partition("/")[2]: content for name, content in _files(marked).items()}
    assert set(files) == {"README.txt", "radiograph.png", "facts.json", "heatmap.png", "report.txt", "report.json"}
    pixels = cv2.imdecode(np.frombuffer(files["radiograph.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.dtype == np.uint16
    np.testing.assert_allclose(pixels / 65535, marked.radiograph.pixels, atol=1 / 65535)
    probabilities = [item["probability"] for item in json.loads(files["report.json"])["findings"]]
    assert probabilities == pytest.approx(marked.prediction.probabilities)
    facts = json.loads(files["facts.json"])
    assert (facts["rows"], facts["columns"], facts["view"]) == (*marked.radiograph.pixels.shape, None)
    impression = [item.text for item in marked.report.sentences if item.section == "impression"]
    assert all(sentence in " ".join(files["report.txt"].decode().split()) for sentence in impression)


def test_the_number_of_a_study_tells_nothing_of_the_identifiers(marked: ReportedStudy) -> None:
    other = replace(marked, radiograph=replace(marked.radiograph, source={"PatientID": "another"}))
    assert list(_files(other)) == list(_files(marked))
