import re
import shutil

import pytest

from core.__main__ import main
from core.evaluation.bench.viewer import BROWSERS
from core.precision import resolve_precision


def test_training_is_measured_against_bare_passes(capsys: pytest.CaptureFixture) -> None:
    command = ["bench", "training", "--backbone", "resnet10t", "--image_size", "64", "--batch_size", "4"]
    assert main(command) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"resnet10t at 64 x 64, batches of 4, {resolve_precision('auto')}: training ")
    trained, bare, share = (float(figure) for figure in re.findall(r"([\d.]+)(?: images/s,| images/s \(|%)", line))
    assert trained > 0
    # The line rounds all three.
    assert share == pytest.approx(100 * trained / bare, abs=1 + 10 / bare)


@pytest.mark.xdist_group("browser")
def test_the_viewer_is_measured_in_a_browser(capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("playwright")
    if not any(map(shutil.which, BROWSERS)):
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    assert main(["bench", "viewer", "--side", "300", "--repeats", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("300 x 300 pixels of 16 bits")
    assert any(line.startswith("fitted: heatmap on or off median ") for line in lines)
    for line in lines[1:]:
        figures = re.search(r"median ([\d.]+) ms, .* slowest ([\d.]+) ms; ([\d.]+) ms of work each$", line)
        assert figures, line
        median, slowest, work = map(float, figures.groups())
        assert 0 < median <= slowest
        assert work > 0
