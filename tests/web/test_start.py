import os
import socket
import subprocess
import sys
from pathlib import Path

from core.settings import ROOT

# Each takes long to import; the guard's patterns long to compile.
HEAVY = (
    "torch",
    "pandas",
    "scipy",
    "sklearn",
    "matplotlib",
    "transformers",
    "timm",
    "pydicom",
    "gdcm",
    "authlib",
    "alembic",
    "core.labeler",
    "core.reporting.guard",
)


def test_a_server_starts_without_libraries_that_serving_does_not_need(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from app import create_app\n"
        "from core.settings import ServerSettings\n"
        f"create_app(ServerSettings.from_environment({{'CHESTLENS_INSTANCE': {str(tmp_path)!r}}}))\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "app.py", "--port", str(port), "--no_worker"],
            cwd=ROOT,
            env=os.environ | {"CHESTLENS_INSTANCE": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"Cannot listen on 127.0.0.1, port {port}: " in done.stderr
