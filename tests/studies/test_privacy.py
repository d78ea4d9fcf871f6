"""What a file says of its patient stays in its own encrypted files: not in logs, rows, names or pages; nor for ever."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

from deployments import Deployment, files_in
from pydicom import dcmread
from pydicom.datadict import DicomDictionary
from sqlalchemy import create_engine, select

from core.settings import ServerSettings
from core.studies.tables import Base

WORD, NUMBER, DAY = "CANARY", "2.25.190733", "19010203"
_TEXTS = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_PAGES = ("/", "/studies/{}", "/api/studies", "/api/studies.csv", "/api/studies/{}", "/api/studies/{}/report.{}")
# Groups that say how a file or a message is written.
_OF_THE_FORMAT = (0x0000, 0x0002, 0x0004, 0x0028, 0x7FE0)
_PLAIN = ("txt", "json", "csv", "pdf")


def _marked(file: Path, *, torn: bool = False) -> bytes:
    """A radiograph with a canary in every text, person's name, number and date that a file can have at its top."""
    dataset = dcmread(file)
    for tag, (representation, multiplicity, _, retired, keyword) in DicomDictionary.items():
        if multiplicity != "1" or retired or not keyword or tag >> 16 in _OF_THE_FORMAT:
            continue
        if representation in _TEXTS:
            setattr(dataset, keyword, WORD)
        elif representation == "DA":
            setattr(dataset, keyword, DAY)
    for number, keyword in enumerate(("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"), start=1):
        setattr(dataset, keyword, f"{NUMBER}{number}")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{NUMBER}4"
    if torn:
        dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def _told(text: bytes) -> set[str]:
    return {canary for canary in (WORD, NUMBER, DAY, "1901-02-03") if canary.encode() in text}


def _texts_of(settings: ServerSettings) -> Iterator[bytes]:
    """Every row of every table as text, and every file of the server with its name."""
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            yield json.dumps([list(map(str, row)) for row in connection.execute(select(table))]).encode()
    engine.dispose()
    for path in settings.instance.parent.rglob("*"):
        yield str(path).encode()
        if path.is_file():
            yield path.read_bytes()


def test_no_identifier_leaves_its_encrypted_file_and_none_is_left_of_what_was_deleted(
    deployment: Deployment, chest_dicom: Path
) -> None:
    answer = deployment.upload("chest.dcm", _marked(chest_dicom))
    assert answer.status_code == 201, answer.text
    study_id = answer.json()["id"]
    refused = deployment.upload("torn.dcm", _marked(chest_dicom, torn=True))
    assert (refused.status_code, _told(refused.content)) == (400, set()), refused.text
    deployment.wait_for_all()
    for address in _PAGES:
        for kind in _PLAIN if address.endswith("report.{}") else ("",):
            page = deployment.get(address.format(study_id, kind), web=1)
            assert (page.status_code, _told(page.content)) == (200, set()), address
    # Where they belong they are: a DICOM object lies beside the image that it is about.
    assert _told(deployment.get(f"/api/studies/{study_id}/report.dcm").content) >= {WORD, NUMBER, DAY}
    for text in _texts_of(deployment.settings):
        assert _told(text) == set(), text[:200]

    assert deployment.delete(study_id).status_code == 204
    assert set(deployment.end()) == {0}
    assert files_in(deployment.settings) == set()
    for text in _texts_of(deployment.settings):
        assert _told(text) == set(), text[:200]
    assert b"Traceback" not in deployment.log.read_bytes()
