"""Serve ChestLens in the browser.

python app.py [--host 127.0.0.1] [--port 5000] [--checkpoint DIR] [--policy NAME] [--samples DIR] [--writer NAME]
    [--reasoning] [--writer_mode image] [--no_worker]
"""

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.command_line import add_traceback_option, run_command
from core.logs import set_up as set_up_logs
from core.memory import share_freed_memory
from core.options import BACKEND_HELP, CHECKPOINT_HELP, add_policy_option
from core.settings import WRITER_MODES, ServerSettings
from core.studies.supervision import WorkerProcess

if TYPE_CHECKING:
    from flask import Flask


def create_app(settings: ServerSettings | None = None, *, worker: bool = True) -> "Flask":
    """As ``core.web.create_app``, which is imported only now: a worker loads its own libraries meanwhile.

    Servers such as gunicorn, which call it without settings, get our logs, too.
    """
    from core import web

    if settings is None:
        settings = ServerSettings.from_environment()
        set_up_logs(settings.log)
    return web.create_app(settings, worker=worker)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1: this machine only]")
    parser.add_argument("--port", type=int, default=5000, help="port, 0 for any free one [5000]")
    parser.add_argument("--checkpoint", type=Path, help=CHECKPOINT_HELP)
    add_policy_option(parser, default=None)
    parser.add_argument(
        "--samples",
        type=Path,
        metavar="DIR",
        help="radiographs for the gallery of samples: a folder of DICOM, PNG or JPEG files. Where it has the layout "
        "of NIH ChestX-ray14 or Open-i, or a table.csv, its labels, boxes and reports stand beside ours [no gallery]",
    )
    parser.add_argument("--writer", metavar="NAME", help=f"{BACKEND_HELP}; off for none")
    parser.add_argument(
        "--reasoning", action="store_true", help="let the writer reason in ten steps before each report; takes longer"
    )
    parser.add_argument(
        "--writer_mode",
        choices=WRITER_MODES,
        help="evidence: the writer words what the evidence gives; image: it reports on its own, is judged claim by "
        "claim, and what the evidence does not bear out stands apart [evidence]",
    )
    parser.add_argument(
        "--no_worker", action="store_true", help="serve pages alone; studies wait for python -m core worker"
    )
    add_traceback_option(parser)
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error(f"--port must lie between 0 and 65535, not {options.port}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the server until it is interrupted; 1 on failure with one sentence on stderr."""
    options = parse_arguments(arguments)
    return run_command(lambda: run(options), name="app.py", show_traceback=options.traceback)


def run(options: argparse.Namespace) -> int:
    """Put the settings together and serve.

    Raises:
        ChestLensError, OSError: with the sentence that is told.
    """
    share_freed_memory()
    settings = replace(ServerSettings.from_environment(), host=options.host)
    set_up_logs(settings.log)
    if options.checkpoint:
        settings = replace(settings, checkpoint=options.checkpoint)
    if options.policy:
        settings = replace(settings, policy=options.policy)
    if options.writer:
        settings = replace(settings, writer=None if options.writer == "off" else options.writer)
    if options.reasoning:
        settings = replace(settings, reasoning=True)
    if options.writer_mode:
        settings = replace(settings, writer_mode=options.writer_mode)
    if options.samples:
        settings = replace(settings, samples=options.samples)
    with WorkerProcess(settings, wanted=not options.no_worker) as worker:
        return _serve(create_app(settings, worker=False), worker, options.host, options.port)


def _serve(app: "Flask", worker: WorkerProcess, host: str, port: int) -> int:
    """Answer requests until Ctrl-C or SIGTERM; those in hand are answered first."""
    from core.web import services_of
    from core.web.listening import listen

    try:
        worker.wait_until_ready()
        server = listen(app, host=host, port=port)
        # One name such as localhost can stand for several addresses, each with a socket of its own.
        addresses = getattr(server, "effective_listen", None) or [(server.effective_host, server.effective_port)]
        where = " and ".join(f"http://{host}:{port}" for host, port in addresses)
        signal.signal(signal.SIGTERM, _stop)
        print(f"ChestLens is ready at {where}  (stop with Ctrl-C)", flush=True)
        server.run()
    finally:
        services_of(app).close()
    return 0


def _stop(number: int, frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
