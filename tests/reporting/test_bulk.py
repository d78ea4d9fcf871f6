"""Files are taken by what they hold, whatever they are called, and each gets a folder of its own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from core.anatomy import admit
from core.classifier import SHIPPED, Classifier
from core.imaging import render_phantom
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


def test_files_judged_at_one_time_come_in_their_order_with_what_each_has_alone(tmp_path: Path) -> None:
    # A checkpoint of its own: the shipped network would be asked once for each picture, and agree with itself.
    classifier = Classifier(shutil.copytree(SHIPPED, tmp_path / "checkpoint"))
    files = []
    for seed in range(9):
        files.append(tmp_path / f"{seed}.png")
        Image.fromarray(np.round(render_phantom(size=128, seed=seed) * 255).astype(np.uint8)).save(files[-1])
    files[4].write_bytes(files[4].read_bytes()[:500])
    scored = list(score(files, classifier))
    assert [item.path for item in scored] == files
    assert [item.gate == "unread" for item in scored] == [number == 4 for number in range(9)]
    for item in scored:
        if item.error is None:
            alone = classifier.probabilities(admit(read_radiograph(item.path.read_bytes())).radiograph)
            np.testing.assert_allclose(item.probabilities, alone, atol=1e-5)


def test_a_run_that_is_given_up_reads_no_further_files(tmp_path: Path, classifier: Classifier) -> None:
    class Asked(list[Path]):
        number = 0

        def __iter__(self) -> Iterator[Path]:
            for path in super().__iter__():
                self.number += 1
                yield path

    files = Asked(tmp_path / f"{number}.png" for number in range(100))
    run = score(files, classifier)
    assert next(run).gate == "unread"
    run.close()
    assert files.number < 20
