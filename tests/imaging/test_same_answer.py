"""One radiograph in many encodings must give one answer."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import chest, compressed, jpeg_baseline, save
from PIL import Image
from pydicom.uid import JPEGLSLossless, RLELossless

from core.classifier import Classifier
from core.imaging import render_phantom
from core.imaging.reader import read_radiograph

TOLERANCE = 0.03


def _integers(pixels: np.ndarray, bits: int) -> np.ndarray:
    return np.round(pixels * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def _raster(values: np.ndarray, kind: str = "PNG", **options: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind, **options)
    return file.getvalue()


ENCODINGS: dict[str, Callable[[np.ndarray], bytes]] = {
    "16-bit PNG": lambda p: _raster(_integers(p, 16)),
    "12 bits in a 16-bit PNG": lambda p: _raster(_integers(p, 12)),
    "RGB PNG": lambda p: _raster(_integers(p, 8)[..., None].repeat(3, axis=2)),
    "JPEG of quality 95": lambda p: _raster(_integers(p, 8), "JPEG", quality=95),
    "MONOCHROME2, 8 bits": lambda p: save(chest(_integers(p, 8), 8)),
    "MONOCHROME2, 12 bits": lambda p: save(chest(_integers(p, 12), 12)),
    "MONOCHROME2, 16 bits": lambda p: save(chest(_integers(p, 16), 16)),
    "MONOCHROME1, 12 bits": lambda p: save(chest(_integers(1 - p, 12), 12, PhotometricInterpretation="MONOCHROME1")),
    "MONOCHROME1, 16 bits": lambda p: save(chest(_integers(1 - p, 16), 16, PhotometricInterpretation="MONOCHROME1")),
    "wide window": lambda p: save(chest(_integers(p, 12), 12, WindowCenter=2048, WindowWidth=4096)),
    "rescaled": lambda p: save(chest(_integers(p, 12), 12, RescaleSlope=2, RescaleIntercept=-1000)),
    "RLE": lambda p: compressed(chest(_integers(p, 12), 12), RLELossless),
    "JPEG-LS": lambda p: compressed(chest(_integers(p, 12), 12), JPEGLSLossless),
    "JPEG baseline": lambda p: jpeg_baseline(_integers(p, 8)),
}


@pytest.fixture(scope="module")
def phantom_answer(classifier: Classifier) -> np.ndarray:
    return classifier.predict(read_radiograph(_raster(_integers(render_phantom(size=512), 8)))).probabilities


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_phantom_gets_the_same_probabilities_in_every_encoding(
    classifier: Classifier, phantom_answer: np.ndarray, encoding: str
) -> None:
    data = ENCODINGS[encoding](render_phantom(size=512))
    assert classifier.predict(read_radiograph(data)).probabilities == pytest.approx(phantom_answer, abs=TOLERANCE)


@pytest.mark.real_data
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_real_radiographs_get_the_same_probabilities_in_every_encoding(
    classifier: Classifier, shared_data: Path, encoding: str
) -> None:
    for path in sorted((shared_data / "nih" / "images").iterdir())[:2000:400]:
        original = read_radiograph(path.read_bytes())
        expected = classifier.predict(original).probabilities
        found = classifier.predict(read_radiograph(ENCODINGS[encoding](original.pixels))).probabilities
        assert found == pytest.approx(expected, abs=TOLERANCE), path.name
