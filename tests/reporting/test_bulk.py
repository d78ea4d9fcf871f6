"""Files are taken by what they hold, whatever they are called, and each gets a folder of its own."""

import os
from pathlib import Path

from core.reporting.bulk import find_files, folders_for


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
