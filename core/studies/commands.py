"""``python -m core worker|backup|restore``."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from core.errors import sentence
from core.logs import set_up as set_up_logs
from core.memory import share_freed_memory
from core.settings import ServerSettings
from core.studies.supervision import READY


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the three commands to the parser of ``python -m core``."""
    worker = commands.add_parser(
        "worker",
        help="analyse studies and reword reports, without pages",
        description="Works on the studies of a server that runs elsewhere, until it is stopped. All processes share "
        "their settings: DATABASE_URL, REDIS_URL, CHESTLENS_STORAGE and CHESTLENS_SECRET_KEY on several machines, "
        "CHESTLENS_INSTANCE on one.",
    )
    # For app.py, whose end the worker sees by its standard input.
    worker.add_argument("--attached", action="store_true", help=argparse.SUPPRESS)
    worker.set_defaults(run=_work)
    backup = commands.add_parser(
        "backup",
        help="every study, review and account in one file, while the server runs",
        description="Writes database and files of the server into one archive, which only its owner can read.",
    )
    backup.add_argument("archive", type=Path, metavar="FILE", help="a .tar to write")
    backup.set_defaults(run=_back_up)
    restore = commands.add_parser(
        "restore",
        help="bring a backup into an empty server",
        description="Reads an archive of the backup command into the database and the storage of the settings, which "
        "must be empty; then start the server.",
    )
    restore.add_argument("archive", type=Path, metavar="FILE", help="the .tar to read")
    restore.set_defaults(run=_restore)


def _work(options: argparse.Namespace) -> int:
    share_freed_memory()
    settings = ServerSettings.from_environment()
    set_up_logs(settings.log)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        from core.studies.studies import Studies
        from core.studies.worker import Worker

        studies = Studies(settings)
        worker = Worker(studies)
    except (ValueError, OSError) as error:
        if not options.attached:
            raise
        print(sentence(error), flush=True)
        return 1
    worker.start()
    print(READY if options.attached else "ChestLens works on studies  (stop with Ctrl-C)", flush=True)
    if options.attached:
        # Ctrl-C goes to the server as well, which then says when to end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    while not stop.wait(60):
        pass
    worker.stop()
    studies.close()
    sys.stdout.flush()
    # A job that could not be ended in time must not hold the process; it is done again by another one.
    os._exit(0)


def _wait_for_end_of_input(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


def _back_up(options: argparse.Namespace) -> int:
    from core.studies.backup import back_up

    count = back_up(ServerSettings.from_environment(), options.archive)
    print(f"{count} studies are in {options.archive}.")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from core.studies.backup import restore

    count = restore(ServerSettings.from_environment(), options.archive)
    print(f"{count} studies were restored.")
    return 0
