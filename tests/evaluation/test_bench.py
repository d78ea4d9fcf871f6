import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from core.__main__ import main
from core.evaluation.bench.viewer import BROWSERS
from core.precision import resolve_precision


def test_training_is_measured_against_bare_passes(capsys: pytest.CaptureFixture) -> None:
    command = ["bench", "training", "--backbone", "test_resnet", "--image_size", "64", "--batch_size", "4"]
    assert main(command) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"test_resnet at 64 x 64, batches of 4, {resolve_precision('auto')}: training ")
    trained, bare, share = (float(figure) for figure in re.findall(r"([\d.]+)(?: images/s,| images/s \(|%)", line))
    assert trained > 0
    # The line rounds all three.
    assert share == pytest.approx(100 * trained / bare, abs=1 + 10 / bare)


def test_the_viewer_is_measured_in_a_browser(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the writer has in hand would have to be waited for at the end.
    monkeypatch.setenv("CHESTLENS_WRITER", "off")
    pytest.importorskip("playwright")
    if not any(map(shutil.which, BROWSERS)):
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    assert main(["bench", "viewer", "--side", "300", "--repeats", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("300 x 300 pixels of 16 bits")
    assert any(line.startswith("fitted: heatmap on or off median ") for line in lines)
    for line in lines[1:]:
        figures = re.search(
            r"median ([\d.]+) ms, 95% within (\d+) ms, slowest (\d+) ms; ([\d.]+) ms of work each$", line
        )
        assert figures, line
        median, late, slowest, work = map(float, figures.groups())
        assert 0 < median <= late <= slowest
        assert work > 0


def test_growth_is_told_in_lines_json_and_a_plot(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    output = tmp_path / "growth.json"
    # Each point is a process of its own.
    command = ["bench", "growth", "--most_images", "2", "--most_studies", "20", "--repeats", "2"]
    command += ["--sides", "224", "300"]
    assert main([*command, "--output", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:4]] == [
        *(f"2 images of {side} pixels" for side in (224, 300)),
        *(f"{count} studies kept" for count in (10, 20)),
    ]
    figures = json.loads(output.read_text())["figures"]
    assert all(point["failed"] == 0 and point["seconds"] > 0 for point in figures[:2])
    assert all(min(point[name] for name in ("upload_s", "first_page_s", "delete_s")) > 0 for point in figures[2:4])
    with Image.open(output.with_suffix(".png")) as plot:
        assert min(plot.size) > 300


def test_the_labeler_is_set_beside_a_peer_that_has_an_environment_of_its_own(capsys: pytest.CaptureFixture) -> None:
    assert main(["bench", "labeler"]) == 0
    assert "pip install negspacy" in capsys.readouterr().out


def test_a_peer_that_does_not_run_is_told_of(capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("torchxrayvision")
    # This environment has no negspacy.
    assert main(["bench", "labeler", "--rounds", "1", "--peer_python", sys.executable]) == 1
    assert "failed: ModuleNotFoundError" in capsys.readouterr().err
