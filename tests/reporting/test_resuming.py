"""A run of ``python -m core predict`` that is killed goes on, and ends with the table of one that was not."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.__main__ import main
from core.reporting import bulk
from core.reporting.resuming import PartialTable
from core.settings import ROOT

COLUMNS = ("path", "Mass", "error")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"{number}.png" for number in range(5)]
    for path in made:
        path.write_bytes(b"x")
        os.utime(path, (1, 1))
    return made


def _begun(output: Path, files: list[Path], rows: int, judged_by: str = "a") -> PartialTable:
    table = PartialTable(output, COLUMNS, {"model": judged_by})
    kept, _ = table.resume(files, str)
    assert kept == 0
    with table.append() as file:
        writer = csv.writer(file, lineterminator="\n")
        for path in files[:rows]:
            writer.writerow([path, "0.5", 'torn,\n"quoted"' if path == files[1] else ""])
    return table


def test_whole_rows_of_unchanged_files_are_kept(files: list[Path], tmp_path: Path) -> None:
    table = _begun(tmp_path / "out.csv", files, 3)
    assert table.resume(files, str) == (3, 1)
    table.finish()
    assert [row["path"] for row in csv.DictReader((tmp_path / "out.csv").open(newline=""))] == list(map(str, files[:3]))
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".png"] == ["out.csv"]


@pytest.mark.parametrize("torn_bytes", range(1, 60, 7))
def test_a_line_that_the_kill_tore_is_done_again(files: list[Path], tmp_path: Path, torn_bytes: int) -> None:
    table = _begun(tmp_path / "out.csv", files, 3)
    rows = tmp_path / "out.csv.partial"
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-torn_bytes])
    kept, _ = table.resume(files, str)
    assert kept < 3
    assert whole.startswith(rows.read_bytes())
    assert len(list(csv.reader(rows.open(newline="")))) == kept + 1


def test_what_no_longer_holds_is_thrown_away(files: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    table = _begun(output, files, 4)
    os.utime(files[2], (time.time() + 60, time.time() + 60))
    assert table.resume(files, str) == (2, 1), "a file that changed since, and all after it"
    assert PartialTable(output, COLUMNS, {"model": "b"}).resume(files, str) == (0, 0), "another model"
    _begun(output, files, 4, judged_by="c")
    assert PartialTable(output, COLUMNS, {"model": "c"}).resume([tmp_path / "new.png", *files], str) == (0, 0)
    (tmp_path / "out.csv.partial.json").write_text("{torn")
    assert PartialTable(output, COLUMNS, {"model": "c"}).resume(files, str) == (0, 0)


def test_a_killed_run_goes_on_and_judges_nothing_twice(
    tmp_path: Path, phantom_png_bytes: bytes, command: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, output = tmp_path / "films", tmp_path / "predictions.csv"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02d}.png").write_bytes(phantom_png_bytes)
    (folder / "00.png").write_bytes(b"broken")
    process = subprocess.Popen(
        [sys.executable, "-m", "core", "predict", str(folder), "--output", str(output)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    rows = output.with_name("predictions.csv.partial")
    while process.poll() is None and (not rows.is_file() or rows.read_bytes().count(b"\n") < 4):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists(), "the run was over before it was killed"
    before = rows.read_bytes()
    done = len(list(csv.reader(rows.open(newline="")))) - 1
    assert 3 <= done < 40

    judged = []
    read = bulk.file_bytes
    monkeypatch.setattr(bulk, "file_bytes", lambda path: judged.append(path.name) or read(path))
    command(main, "predict", folder, "--output", output)
    assert 40 - done <= len(judged) <= 41 - done, "a line may have been torn"
    table = list(csv.DictReader(output.open(newline="")))
    assert [Path(row["path"]).name for row in table] == [f"{number:02d}.png" for number in range(40)]
    assert [row["gate"] for row in table] == ["unread"] + ["accepted"] * 39
    assert len({row["Mass"] for row in table[1:]}) == 1
    assert output.read_bytes().startswith(before[: before.rindex(b"\n")])
