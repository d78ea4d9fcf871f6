"""Files are taken by what they hold, whatever they are called, and each gets a folder of its own."""

import os
from pathlib import Path

import numpy as np

from core.classifier import Classifier
from core.imaging.reader import read_radiograph
from core.reporting.bulk import find_files, folders_for, score


def test_content_decides_and_not_the_name(tmp_path: Path, phantom_png_bytes: bytes, chest_dicom: Path) -> None:
    (tmp_path / "1.2.840.113.7").write_bytes(chest_dicom.read_bytes())
    (tmp_path / "film").write_bytes(phantom_png_bytes)
    (tmp_path / "photo.jfif").write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "notes.txt").write_text("no radiograph")
    (tmp_path / "broken.png").write_text("told of later")
    strange = os.fsencode(tmp_path) + b"/\xff\xe4.png"
    Path(os.fsdecode(strange)).write_bytes(phantom_png_bytes)
    found = {os.fsencode(path.name) for path in find_files([tmp_path])}
    assert found == {b"1.2.840.113.7", b"film", b"photo.jfif", b"broken.png", b"\xff\xe4.png"}


def test_equal_names_in_different_folders_get_folders_of_their_own() -> None:
    files = [Path("/d/p1/view1.png"), Path("/d/p2/view1.png"), Path("/d/p2/other.png")]
    assert folders_for(files) == {
        files[0]: Path("p1/view1-png"),
        files[1]: Path("p2/view1-png"),
        files[2]: Path("other-png"),
    }


def test_heatmaps_are_drawn_where_they_are_asked_for_and_change_nothing_else(
    tmp_path: Path, phantom_png_bytes: bytes, classifier: Classifier
) -> None:
    (tmp_path / "a.png").write_bytes(phantom_png_bytes)
    (plain,) = score([tmp_path / "a.png"], classifier)
    (drawn,) = score([tmp_path / "a.png"], classifier, heatmaps=True)
    assert plain.heatmaps is None
    assert plain.row() == drawn.row()
    expected = classifier.predict(read_radiograph(phantom_png_bytes))
    np.testing.assert_allclose(drawn.heatmaps, expected.heatmaps, atol=1e-5)
    np.testing.assert_allclose(plain.probabilities, expected.probabilities, atol=1e-5)
