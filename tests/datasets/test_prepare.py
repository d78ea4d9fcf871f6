"""Preparation of resized copies."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.anatomy import upright
from core.datasets.parallel import in_processes
from core.datasets.preparation.copies import prepare_images
from core.datasets.preparation.pixels import png, read_grey, resized
from core.datasets.table import DatasetError, complete, read_table
from core.imaging import UnreadableImage, render_phantom
from core.imaging.reader import read_radiograph
from core.imaging.resampling import lanczos
from core.settings import ROOT

GREY = 1 / 255


def write_png(path: Path, pixels: np.ndarray, *, bits: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.round(pixels * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)).save(path)
    return path


def table_of(paths: list[Path], source: str = "nih") -> pd.DataFrame:
    frame = pd.DataFrame({"image_path": [str(path) for path in paths], "source": source, "split": "train"})
    return complete(frame.assign(patient_id=[str(n) for n in range(len(paths))], Mass=1.0))


def reference(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pillow's floating point Lanczos of (H, W) in [0, 1]."""
    image = Image.fromarray(pixels.astype(np.float32))
    return np.clip(np.asarray(image.resize(size[::-1], Image.Resampling.LANCZOS)), 0, 1)


def values(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("size", [(96, 128), (200, 333), (37, 1), (512, 700)])
def test_lanczos_is_pillows(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).uniform(0, 1, (150, 333)).astype(np.float32)
    expected = np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.LANCZOS))
    np.testing.assert_allclose(lanczos(pixels, size), expected, atol=1e-5)


def test_copies_have_the_wanted_size_and_the_pixels_of_a_plain_lanczos(tmp_path: Path) -> None:
    tall = render_phantom(size=400)[:, 60:340]
    tall[20:30, 20:60] = 1  # a burned-in letter: where rounding between the passes would show
    deep = render_phantom(size=300, seed=1) * 0.9 + 0.05
    paths = [write_png(tmp_path / "in/tall.png", tall), write_png(tmp_path / "in/deep.png", deep, bits=16)]
    for bits in (8, 16):
        prepared = prepare_images(table_of(paths), tmp_path / f"out{bits}", image_size=200, bits=bits, workers=1)
        for path, copy, size in zip(paths, prepared.table["image_path"], [(200, 140), (200, 200)], strict=True):
            found = values(copy)
            assert found.dtype == (np.uint8 if bits == 8 else np.uint16)
            assert found.shape == size
            expected = reference(read_radiograph(path.read_bytes()).pixels, size)
            assert np.abs(found / (2**bits - 1) - expected).max() <= GREY
        depth = len(np.unique(values(prepared.table["image_path"][1])))
        assert depth > 1000 if bits == 16 else depth <= 256


def test_square_copies_are_padded_with_black_on_both_sides(tmp_path: Path) -> None:
    wide = write_png(tmp_path / "wide.png", np.maximum(render_phantom(size=200)[40:160], 0.1))
    copy = prepare_images(table_of([wide]), tmp_path / "out", image_size=100, square=True, workers=1).table
    found = values(copy["image_path"][0])
    assert found.shape == (100, 100)
    assert not found[:20].any()
    assert not found[80:].any()
    assert found[20:80].min() > 10


@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "jpeg", "negative", "dicom"])
def test_the_quick_way_agrees_with_the_reader(kind: str, chest_dicom: Path) -> None:
    image = Image.fromarray(np.round(render_phantom(size=300) * 255).astype(np.uint8))
    file = io.BytesIO()
    if kind == "negative":
        image = Image.fromarray(255 - np.asarray(image))
    image.convert(kind if kind in ("RGB", "RGBA") else "L").save(file, "JPEG" if kind == "jpeg" else "PNG")
    data = chest_dicom.read_bytes() if kind == "dicom" else file.getvalue()
    pixels, note = resized(read_grey(data), 128)
    assert np.abs(pixels - reference(upright(read_radiograph(data)).pixels, (128, 128))).max() <= GREY
    assert ("inverted" in note) == (kind == "negative")


@pytest.mark.parametrize("bits", [8, 16])
def test_the_encoder_writes_what_pillow_reads(bits: int) -> None:
    pixels = render_phantom(size=90)[:, :70]
    with Image.open(io.BytesIO(png(pixels, bits=bits))) as image:
        assert (np.asarray(image) == np.round(pixels * np.float32(2**bits - 1))).all()


def test_copies_are_compressed() -> None:
    pixels = render_phantom(size=256)
    assert len(png(pixels, bits=8)) < 0.7 * pixels.size


def test_equal_names_of_two_sources_or_folders_stay_apart_and_the_folder_can_be_moved(tmp_path: Path) -> None:
    paths = [write_png(tmp_path / name / "1.png", render_phantom(size=80, seed=n)) for n, name in enumerate("abc")]
    table = pd.concat([table_of(paths[:2], "nih"), table_of(paths[2:], "open i/..")])
    prepared = prepare_images(table, tmp_path / "out", image_size=64, workers=1)
    assert prepared.table["image_path"].nunique() == 3
    (tmp_path / "out").rename(tmp_path / "moved")
    moved = read_table(tmp_path / "moved" / "table.csv")
    assert all(Path(path).is_file() for path in moved["image_path"])
    assert list(moved["source"]) == ["nih", "nih", "open i/.."]
    assert list(moved["Mass"]) == [1.0] * 3


def test_broken_and_missing_files_are_listed_and_left_out(tmp_path: Path) -> None:
    good = write_png(tmp_path / "good.png", render_phantom(size=100))
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:3000])
    (tmp_path / "text.png").write_text("no image")
    flat = write_png(tmp_path / "flat.png", np.full((100, 100), 0.5))
    paths = [tmp_path / "cut.png", good, tmp_path / "text.png", flat, tmp_path / "absent.png"]
    prepared = prepare_images(table_of(paths), tmp_path / "out", image_size=64, workers=1)
    assert list(prepared.table["patient_id"]) == ["1"]
    listed = pd.read_csv(tmp_path / "out" / "problems.csv").set_index("item")["reason"]
    assert set(listed.index) == {str(path) for path in paths if path != good}
    assert "no such file" in listed[str(tmp_path / "absent.png")]
    assert "truncated" in listed[str(tmp_path / "cut.png")]
    assert {problem.item for problem in prepared.problems} == set(listed.index)


def test_a_second_run_does_only_what_is_missing_or_changed(tmp_path: Path) -> None:
    paths = [write_png(tmp_path / f"{n}.png", render_phantom(size=100, seed=n)) for n in range(4)]
    copies = [
        Path(p) for p in prepare_images(table_of(paths), tmp_path / "out", image_size=64, workers=1).table.image_path
    ]
    before = [copy.stat().st_mtime_ns for copy in copies]
    copies[1].unlink()
    copies[2].write_bytes(b"torn")
    write_png(paths[3], 1 - render_phantom(size=100))
    (tmp_path / "out/images/nih/.half.1.partial.png").write_bytes(b"half")
    again = prepare_images(table_of(paths), tmp_path / "out", image_size=64, workers=1)
    assert [copy.stat().st_mtime_ns > old for copy, old in zip(copies, before, strict=True)] == [
        False,
        True,
        True,
        True,
    ]
    assert "inverted" in again.problems[0].reason
    assert not list((tmp_path / "out").rglob("*.partial*"))
    # What was said of a finished copy is said again.
    assert prepare_images(table_of(paths), tmp_path / "out", image_size=64, workers=1).problems == again.problems


def test_other_settings_and_sizes_out_of_range_are_refused(tmp_path: Path) -> None:
    table = table_of([write_png(tmp_path / "1.png", render_phantom(size=80))])
    prepare_images(table, tmp_path / "out", image_size=64, workers=1)
    assert json.loads((tmp_path / "out/settings.json").read_text()) == {"image_size": 64, "bits": 8, "square": False}
    with pytest.raises(DatasetError, match="other settings"):
        prepare_images(table, tmp_path / "out", image_size=65, workers=1)
    for size in (0, 1025):
        with pytest.raises(DatasetError, match="from 1 to 1024"):
            prepare_images(table, tmp_path / "other", image_size=size)
    with pytest.raises(DatasetError, match="None of the 1 images"):
        prepare_images(table_of([tmp_path / "absent.png"]), tmp_path / "none", image_size=64, workers=1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    table = table_of([write_png(tmp_path / "1.png", render_phantom(size=80))])
    prepare_images(table, tmp_path / "out", image_size=64, workers=1)
    copy = next((tmp_path / "out/images/nih").iterdir())
    copy.unlink()
    # Every write to this device fails as on a full disk.
    copy.with_name(f".{copy.stem}.known.partial{copy.suffix}").symlink_to("/dev/full")
    with pytest.MonkeyPatch.context() as patch:
        # Here and not in another process, so that the name of the half-written file is known.
        here = lambda copy, tasks, **_: ((task, copy(task)) for task in tasks)  # noqa: E731
        patch.setattr("core.datasets.preparation.copies.in_processes", here)
        patch.setattr("core.atomic.secrets.token_hex", lambda length: "known")
        patch.setattr("core.datasets.preparation.copies.os.unlink", lambda path: None)
        with pytest.raises(DatasetError, match="full: free some space"):
            prepare_images(table, tmp_path / "out", image_size=64, workers=1)


def _die_over_seven(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * 2


def test_a_process_that_dies_takes_only_its_own_item_with_it() -> None:
    results = dict(in_processes(_die_over_seven, range(40), workers=2))
    assert results == {number: None if number == 7 else number * 2 for number in range(40)}


def test_worker_processes_do_not_load_the_network_library() -> None:
    code = "import sys, core.datasets.preparation.copies, core.datasets.quality.files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_can_be_resumed(tmp_path: Path, how: signal.Signals) -> None:
    first = write_png(tmp_path / "in/0.png", render_phantom(size=640))
    paths = [first]
    for number in range(1, 300):
        paths.append(tmp_path / f"in/{number}.png")
        os.link(first, paths[-1])
    table = table_of(paths)
    table.to_pickle(tmp_path / "table.pkl")
    code = (
        "import signal, pandas, core.datasets.preparation.copies as p\n"
        # A shell lets what it runs in the background ignore Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"p.prepare_images(pandas.read_pickle({str(tmp_path / 'table.pkl')!r}), "
        f"{str(tmp_path / 'out')!r}, image_size=32, workers=2)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    record = tmp_path / "out/finished.csv"
    deadline = time.monotonic() + 30
    while (not record.exists() or record.read_text().count("\n") < 3) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(how)
    assert process.wait(timeout=20) != 0
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/images/nih").glob("*.png")}
    assert 0 < len(done) < 300
    assert not (tmp_path / "out/table.csv").exists()
    time.sleep(0.5)  # what the orphans of a killed run still do
    recorded = {line.split(",")[0] for line in record.read_text().splitlines()[1:]}
    assert len(prepare_images(table, tmp_path / "out", image_size=32, workers=2).table) == 300
    assert all(
        path.stat().st_mtime_ns == changed for path, changed in done.items() if f"images/nih/{path.name}" in recorded
    )


def test_polarity_is_judged_alike_on_every_size() -> None:
    file = io.BytesIO()
    Image.fromarray(np.round((1 - render_phantom(size=1024)) * 255).astype(np.uint8)).save(file, "PNG")
    for side in (16, 1024):
        pixels, note = resized(read_grey(file.getvalue()), side)
        assert note
        assert pixels[side // 2, side // 4] < pixels[side // 2, side // 2]  # lung dark, mediastinum bright


def test_a_copy_has_square_pixels_where_the_file_says_that_they_are_not() -> None:
    file = io.BytesIO()
    squeezed = np.round(render_phantom(size=256)[:, ::2] * 255).astype(np.uint8)
    Image.fromarray(squeezed).save(file, "PNG", dpi=(100, 200))  # pixels twice as wide as high
    pixels, _ = resized(read_grey(file.getvalue()), 128)
    assert pixels.shape == (128, 128)


def test_a_file_whose_decoder_makes_up_pixels_gets_no_copy() -> None:
    file = io.BytesIO()
    Image.fromarray(np.round(render_phantom(size=256) * 255).astype(np.uint8)).save(file, "JPEG")
    whole = file.getvalue()
    lacking = whole[: len(whole) // 2] + b"\xff\xd9"
    assert np.asarray(Image.open(io.BytesIO(lacking))).shape == (256, 256)  # Pillow says nothing of it
    with pytest.raises(UnreadableImage, match="truncated or broken"):
        read_grey(lacking)


@pytest.mark.real_data
def test_real_radiographs_keep_their_pixels_within_one_grey_level(shared_data: Path) -> None:
    for path in sorted((shared_data / "nih/images").iterdir())[::250]:
        data = path.read_bytes()
        pixels, _ = resized(read_grey(data), 320)
        assert np.abs(pixels - reference(upright(read_radiograph(data)).pixels, pixels.shape)).max() <= GREY
