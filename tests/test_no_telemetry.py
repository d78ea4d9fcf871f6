"""No library reports to its maker that it is used, nor keeps what it would report."""

import os
import subprocess
import sys
from pathlib import Path

from core.settings import ROOT

_USE = """
import socket
connected = []
plain = socket.socket.connect
socket.socket.connect = lambda self, address: connected.append(address) or plain(self, address)
from core.anatomy import shipped_looker
from core.classifier import Classifier
from core.imaging import Radiograph, render_phantom
import albumentations
radiograph = Radiograph(render_phantom(size=128))
shipped_looker().look(radiograph.pixels)
Classifier().predict(radiograph)
assert not connected, connected
"""


def test_models_are_used_without_a_word_to_anybody(tmp_path: Path) -> None:
    # What libraries take for a sign of a test, and the variables that this process has set itself.
    told = ("CI", "ORT_", "HF_", "DO_NOT_TRACK", "NO_ALBUMENTATIONS", "RAY_", "XDG_", "PYTEST")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(told)}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", _USE], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.rglob("*") if "onnx" in path.name.lower() or "telemetry" in path.name] == []
