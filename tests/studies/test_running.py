"""What docs/running.md tells operators to do, done."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from deployments import Part, wait_until
from ports import free_port

from core.settings import ROOT

_PAGE = (ROOT / "docs" / "running.md").read_text()
_PROGRAMS = Path(sys.executable).parent


def _block(kind: str, wanted: str) -> str:
    (found,) = [text for text in re.findall(rf"```{kind}\n(.*?)```", _PAGE, re.S) if wanted in text]
    return found


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    unit, place = _block("ini", "[Service]"), "/opt/chestlens"
    assert f"ExecStart={place}/.venv/bin/python app.py" in unit
    here = unit.replace(f"{place}/.venv/bin/python", sys.executable).replace(place, str(ROOT))
    file = tmp_path / "chestlens.service"
    file.write_text(here)
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_gunicorn_and_a_worker_serve_as_they_are_told_to(tmp_path: Path, phantom_png_bytes: bytes) -> None:
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    (line,) = [line for line in _block("sh", "gunicorn --").splitlines() if line.startswith("gunicorn")]
    port = free_port()
    program, *arguments = shlex.split(line.replace("127.0.0.1:5000", f"127.0.0.1:{port}"))
    environment = {"CHESTLENS_INSTANCE": str(tmp_path / "instance"), "CHESTLENS_WRITER": "off", "CHESTLENS_LOG": "json"}
    address = f"http://127.0.0.1:{port}"
    worker = Part(["-m", "core", "worker"], environment, tmp_path / "worker.log")
    with (tmp_path / "web.log").open("wb") as log:
        web = subprocess.Popen(
            [str(_PROGRAMS / program), *arguments], cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: _answers(address))
        given = {"X-Request-ID": "of-the-operator"}
        answer = requests.post(
            f"{address}/api/studies", files={"file": ("a.png", phantom_png_bytes)}, headers=given, timeout=60
        )
        assert answer.status_code == 201
        url = address + answer.json()["links"]["self"]
        wait_until(lambda: requests.get(url, timeout=60).json()["status"] == "done")
    finally:
        web.send_signal(signal.SIGTERM)
        assert web.wait(60) == 0
        assert worker.end() == 0
    told = [json.loads(line) for line in (tmp_path / "web.log").read_text().splitlines() if line.startswith("{")]
    assert [(one["endpoint"], one["status"]) for one in told if one["request_id"] == "of-the-operator"] == [
        ("ingestion.create", 201)
    ]


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/readyz", timeout=60).status_code == 200
    except requests.ConnectionError:
        return False
