import re

import pytest

from core.__main__ import main


def test_training_is_measured_against_bare_passes(capsys: pytest.CaptureFixture) -> None:
    command = ["bench", "training", "--backbone", "resnet10t", "--image_size", "64", "--batch_size", "4"]
    assert main(command) == 0
    line = capsys.readouterr().out
    assert line.startswith("resnet10t at 64 x 64, batches of 4, bf16: training ")
    trained, bare, share = (float(figure) for figure in re.findall(r"([\d.]+)(?: images/s,| images/s \(|%)", line))
    assert trained > 0
    assert share == pytest.approx(100 * trained / bare, abs=2)
