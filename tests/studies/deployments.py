"""Whole servers in processes of their own, with their database and queue; all of them may be killed or stopped."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from glob import glob
from pathlib import Path
from typing import Any

import requests
from ports import free_port
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from core.settings import ROOT, ServerSettings
from core.studies.database import Database
from core.studies.tables import Study

# Whether the connection that asks is encrypted.
ENCRYPTED = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


def wait_until(reached: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.05)


def files_in(settings: ServerSettings) -> set[str]:
    """Names of all that lies where files of studies do, what is marked for deletion included."""
    folders = Path(settings.storage)
    return {path.name for path in folders.iterdir() if path.name != ".deleted"} | {
        path.name for path in (folders / ".deleted").iterdir() if not path.name.startswith(".")
    }


def rows_in(database: Database) -> dict[str, str]:
    """Status of each study, by id."""
    with database.session() as session:
        return dict(session.execute(select(Study.id, Study.status)).tuples().all())


def rows_of(settings: ServerSettings) -> dict[str, str]:
    """The same of a server's database."""
    database = Database(settings.database_url)
    rows = rows_in(database)
    database.close()
    return rows


class Part:
    """One process of a server, which is started again after each kill."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self._command, self._log = [sys.executable, *arguments], log
        self._environment = os.environ | {"CHESTLENS_WRITER": "off"} | environment
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stderr=log, stdout=subprocess.PIPE
            )

        self._is_ready = False

    def wait_until_ready(self) -> None:
        if self._is_ready:
            return
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert b"ready" in said or b"works" in said, self._log.read_text()
        self._is_ready = True

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def kill(self) -> None:
        self.end(signal.SIGKILL)
        self.start()  # and may be killed again before it is ready

    def kill_child(self) -> None:
        """Kill the worker of ``app.py``, which starts it again by itself."""
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            with suppress(OSError):
                if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(int(child), signal.SIGKILL)


class Deployment:
    """A server of one command, or of several web processes and workers that share database, queue, files and key.

    Args:
        settings: of the whole; web processes and workers have an instance folder each.
        processes: number of web processes and of workers; 0 for the one command.
        log: where they log; beside their instance folders by default.
    """

    def __init__(self, settings: ServerSettings, processes: int = 0, log: Path | None = None) -> None:
        self.settings, folder = settings, settings.instance.parent
        self.log = log or folder / "server.log"
        shared = {"DATABASE_URL": settings.database_url, "CHESTLENS_STORAGE": settings.storage}
        shared |= {"REDIS_URL": settings.redis_url or "", "CHESTLENS_SECRET_KEY": settings.secret_key or ""}
        ports = [free_port() for _ in range(processes or 1)]
        self.addresses = [f"http://127.0.0.1:{port}" for port in ports]
        self.webs: list[Part] = []
        self.workers: list[Part] = []
        try:
            for number, port in enumerate(ports):
                alone = ["--no_worker"] if processes else []
                place = {"CHESTLENS_INSTANCE": str(folder / f"web{number}" if processes else settings.instance)}
                self.webs.append(Part([str(ROOT / "app.py"), "--port", str(port), *alone], shared | place, self.log))
            for number in range(processes):
                place = {"CHESTLENS_INSTANCE": str(folder / f"worker{number}")}
                self.workers.append(Part(["-m", "core", "worker"], shared | place, self.log))
            for part in (*self.webs, *self.workers):
                part.wait_until_ready()
        except BaseException:
            self.abandon()
            raise

    @property
    def kills(self) -> list[Callable[[], None]]:
        """What kills one part, and starts it again unless it is started anyhow."""
        return [part.kill for part in (*self.webs, *self.workers)] + ([] if self.workers else [self.webs[0].kill_child])

    def upload(self, name: str, data: bytes, *, web: int = 0, key: str = "", timeout: float = 60) -> requests.Response:
        address = self.addresses[web % len(self.addresses)]
        headers = {"Idempotency-Key": key} if key else {}
        return requests.post(f"{address}/api/studies", files={"file": (name, data)}, headers=headers, timeout=timeout)

    def get(self, path: str, *, web: int = 0) -> requests.Response:
        return requests.get(self.addresses[web % len(self.addresses)] + path, timeout=60)

    def delete(self, study_id: str) -> requests.Response:
        return requests.delete(f"{self.addresses[0]}/api/studies/{study_id}", timeout=60)

    def wait_for_all(self, seconds: float = 300) -> None:
        """Wait until no study waits or is worked on."""

        def ended() -> bool:
            with suppress(requests.RequestException, KeyError):
                return bool(self.get("/api/studies").json()["unfinished"] == 0)
            return False

        wait_until(ended, seconds)

    def end(self) -> list[int]:
        """Stop every part as an operator does, once it is ready; gives their exit statuses."""
        for part in (*self.webs, *self.workers):
            part.wait_until_ready()
        return [part.end() for part in (*self.webs, *self.workers)]

    def abandon(self) -> None:
        for part in (*self.webs, *self.workers):
            if part.process.poll() is None:
                part.end()


class Services:
    """A PostgreSQL and a Redis of these tests alone.

    Raises:
        FileNotFoundError: a program of them is not installed.
    """

    def __init__(self) -> None:
        self._bin = _postgresql_programs()
        redis = shutil.which("redis-server")
        if redis is None:
            raise FileNotFoundError("redis-server is not installed")
        self._redis_program = redis
        # PostgreSQL refuses to run as root; its folder must be another one than pytest's, which nobody else may enter.
        self._user: dict[str, Any] = {"user": "postgres"} if os.getuid() == 0 else {}
        self._folder = Path(tempfile.mkdtemp(prefix="chestlens-services-"))
        if self._user:
            shutil.chown(self._folder, "postgres")
        self._ports = free_port(), free_port()
        self._redis: subprocess.Popen[bytes] | None = None
        self._given = 0
        self._run("initdb", "-U", "postgres", "--auth=trust", "--no-sync")
        self.start_postgresql()
        self.start_redis()

    def new(self) -> tuple[str, str]:
        """Addresses of a database and of a queue that nobody has used."""
        self._given += 1
        server = f"postgresql+pg8000://postgres@127.0.0.1:{self._ports[0]}"
        engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE number_{self._given}"))
        engine.dispose()
        return f"{server}/number_{self._given}", f"redis://127.0.0.1:{self._ports[1]}/{self._given}"

    def start_postgresql(self) -> None:
        options = f"-p {self._ports[0]} -h 127.0.0.1 -k {self._folder}"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def encrypt(self, certificate: bytes, key: bytes) -> None:
        """Have PostgreSQL offer encryption to whoever connects from now on."""
        for name, content in (("server.crt", certificate), ("server.key", key)):
            (path := self._folder / "data" / name).write_bytes(content)
            path.chmod(0o600)
            if self._user:
                shutil.chown(path, "postgres")
        self._set_encryption(True)

    def stop_encrypting(self) -> None:
        self._set_encryption(False)

    def _set_encryption(self, wanted: bool) -> None:
        url = f"postgresql+pg8000://postgres@127.0.0.1:{self._ports[0]}/postgres"
        engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"ALTER SYSTEM SET ssl = {'on' if wanted else 'off'}"))
            connection.execute(text("SELECT pg_reload_conf()"))

        def is_so() -> bool:
            # The process that takes connections reads its settings anew when it comes to it.
            with suppress(SQLAlchemyError), engine.connect() as fresh:
                return fresh.execute(ENCRYPTED).scalar() is wanted
            return False

        wait_until(is_so)

    def stop_postgresql(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def start_redis(self) -> None:
        options = ["--port", str(self._ports[1]), "--bind", "127.0.0.1", "--save", "", "--dir", "/"]
        self._redis = subprocess.Popen([self._redis_program, *options], stdout=subprocess.DEVNULL)
        wait_until(self._redis_answers, 20)

    def stop_redis(self) -> None:
        """Redis ends, with all that it held."""
        assert self._redis is not None
        self._redis.kill()
        self._redis.wait()

    def close(self) -> None:
        self.stop_redis()
        with suppress(subprocess.CalledProcessError):
            self.stop_postgresql()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self._folder / "data"), *arguments]
        # What pg_ctl leaves running would hold a pipe open.
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=True, cwd="/", timeout=120, **quiet, **self._user)

    def _redis_answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._ports[1]), timeout=1):
            return True
        return False


def shared_by_all(settings: ServerSettings, services: Services) -> ServerSettings:
    """Settings of a server on several machines."""
    database, queue = services.new()
    return replace(settings, database_url=database, redis_url=queue, secret_key="of all processes" * 4)


def _postgresql_programs() -> Path:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else [Path(path) for path in glob("/usr/lib/postgresql/*/bin")]
    if not places:
        raise FileNotFoundError("PostgreSQL is not installed")
    return places[-1]
