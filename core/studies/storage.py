"""The files of studies: one folder for each, on a disk or in an object store.

A file appears whole or not at all. Deleting begins with a mark, which outlasts a kill, so that what was begun is always
brought to its end: mark, remove the files, remove the row, remove the mark.
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from core.atomic import replacing
from core.studies.cipher import Cipher
from core.studies.errors import BadSetting, Gone, Unavailable

ENCRYPTED = frozenset({"upload", "identifiers", "export", "record"})
"""Files that identify a patient, or tell of one what the image does not show."""

_CONDEMNED = ".deleted"
_STUDY_ID = re.compile(r"[0-9a-f]{32}")
# What a worker that had the folder open still adds to it while it is removed is gone at the next try.
_TRIES = 20


class Backend(Protocol):
    """Where files lie."""

    is_folder: bool

    def create(self, study_id: str) -> None:
        """Make room for a study."""

    def write(self, study_id: str, name: str, data: bytes, *, durable: bool) -> None:
        """Write a file whole or not at all; ``Gone`` where there is no room for the study."""

    def read(self, study_id: str, name: str) -> bytes:
        """Read a file; ``Gone`` where there is none."""

    def remove(self, study_id: str, name: str) -> None:
        """Remove a file, if it is there."""

    def condemn(self, study_id: str) -> None:
        """Mark a study for deletion; from then on, no file of it is found."""

    def empty(self, study_id: str) -> None:
        """Remove every file of a study that is marked."""

    def forget(self, study_id: str) -> None:
        """Remove the mark."""

    def condemned(self) -> list[str]:
        """Ids of the studies that are marked."""

    def studies(self) -> Iterator[str]:
        """Ids of the studies that have files."""

    def names(self, study_id: str) -> list[str]:
        """Names of a study's files."""

    def check(self) -> None:
        """Raise ``OSError`` where nothing can be written."""


class Storage:
    """The files of all studies. Names in ``ENCRYPTED`` are encrypted at rest.

    Args:
        backend: where they lie.
        cipher: encrypts and decrypts.

    Raises, in every method:
        Unavailable: the disk is full, the folder read-only or away, or the object store does not answer.
    """

    def __init__(self, backend: Backend, cipher: Cipher) -> None:
        self._backend, self._cipher = backend, cipher

    @property
    def is_folder(self) -> bool:
        """Whether files cost no way through a network."""
        return self._backend.is_folder

    def create(self, study_id: str) -> None:
        """Make room for a new study."""
        with _telling_what_passes():
            self._backend.create(study_id)

    def write(self, study_id: str, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write a file of a study whole or not at all.

        Args:
            study_id: whose.
            name: of the file.
            data: its content.
            durable: whether it must outlast a power failure.

        Raises:
            Gone: the study was deleted.
        """
        if name in ENCRYPTED:
            data = self._cipher.encrypt(data, f"{study_id}/{name}")
        with _telling_what_passes():
            self._backend.write(study_id, name, data, durable=durable)

    def read(self, study_id: str, name: str) -> bytes:
        """Read a file of a study.

        Raises:
            Gone: there is none.
            WrongKey: it was encrypted with another key.
        """
        if not _STUDY_ID.fullmatch(study_id):
            raise Gone
        with _telling_what_passes():
            data = self._backend.read(study_id, name)
        return self._cipher.decrypt(data, f"{study_id}/{name}") if name in ENCRYPTED else data

    def remove(self, study_id: str, name: str) -> None:
        """Remove a file of a study, if it is there."""
        with _telling_what_passes():
            self._backend.remove(study_id, name)

    def condemn(self, study_id: str) -> None:
        """Mark a study for deletion and remove its files. Needs no room on the disk."""
        with _telling_what_passes():
            self._backend.condemn(study_id)
            self._backend.empty(study_id)

    def forget(self, study_id: str) -> None:
        """Remove the mark, once the row is gone; with it whatever was written meanwhile."""
        with _telling_what_passes():
            self._backend.empty(study_id)
            self._backend.forget(study_id)

    def condemned(self) -> list[str]:
        """Ids of the studies whose deletion was begun."""
        with _telling_what_passes():
            return self._backend.condemned()

    def studies(self) -> Iterator[str]:
        """Ids of the studies that have files, one after another: there may be very many."""
        with _telling_what_passes():
            yield from self._backend.studies()

    def names(self, study_id: str) -> list[str]:
        """Names of a study's files; none where it was deleted."""
        with _telling_what_passes():
            return self._backend.names(study_id)

    def get(self, study_id: str, name: str) -> bytes:
        """A file as it is stored, encrypted where it is.

        Raises:
            Gone: there is none.
        """
        with _telling_what_passes():
            return self._backend.read(study_id, name)

    def put(self, study_id: str, name: str, data: bytes) -> None:
        """Store a file that ``get`` gave."""
        with _telling_what_passes():
            self._backend.write(study_id, name, data, durable=True)

    def check(self) -> None:
        """Raises ``Unavailable`` where nothing can be written."""
        with _telling_what_passes():
            self._backend.check()


def open_storage(place: str, cipher: Cipher) -> Storage:
    """The storage at a folder, or at an address that fsspec knows, such as ``s3://bucket/folder``.

    Raises:
        Unavailable: the folder cannot be made.
        BadSetting: fsspec knows no such address, or needs a package for it.
    """
    if "://" not in place:
        try:
            return Storage(_Folder(Path(place)), cipher)
        except OSError as error:
            raise Unavailable(f"The folder {place} for studies cannot be made: {error.strerror}.") from error
    from fsspec.core import url_to_fs

    try:
        # What another process wrote must be seen at once.
        filesystem, root = url_to_fs(place, use_listings_cache=False)
    except ImportError as error:
        raise BadSetting(f"CHESTLENS_STORAGE is {place}, which needs a package: {error}.") from None
    except ValueError as error:
        raise BadSetting(f"CHESTLENS_STORAGE is {place}, which cannot be used: {error}.") from None
    return Storage(_Objects(filesystem, root.rstrip("/")), cipher)


class _Folder:
    """A folder on a disk, which several machines may share."""

    is_folder = True

    def __init__(self, root: Path) -> None:
        self._root = root
        (root / _CONDEMNED).mkdir(parents=True, exist_ok=True)

    def create(self, study_id: str) -> None:
        (self._root / study_id).mkdir(exist_ok=True)

    def write(self, study_id: str, name: str, data: bytes, *, durable: bool) -> None:
        try:
            with replacing(self._root / study_id / name, durable=durable) as partial:
                partial.write_bytes(data)
        except FileNotFoundError:
            raise self._gone() from None

    def read(self, study_id: str, name: str) -> bytes:
        try:
            return (self._root / study_id / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise self._gone() from None

    def remove(self, study_id: str, name: str) -> None:
        (self._root / study_id / name).unlink(missing_ok=True)

    def condemn(self, study_id: str) -> None:
        mark = self._root / _CONDEMNED / study_id
        try:
            # One step: whoever writes by the old name finds no folder from here on.
            os.rename(self._root / study_id, mark)
        except FileNotFoundError:
            mark.mkdir(exist_ok=True)
        except OSError:
            # Marked before, by somebody who was killed, and written to since.
            if not mark.is_dir():
                raise
            shutil.rmtree(self._root / study_id)

    def empty(self, study_id: str) -> None:
        mark = self._root / _CONDEMNED / study_id
        for attempt in range(_TRIES):
            with contextlib.suppress(FileNotFoundError):
                for path in mark.iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                if not any(mark.iterdir()):
                    return
            time.sleep(0.01 * attempt)

    def forget(self, study_id: str) -> None:
        shutil.rmtree(self._root / _CONDEMNED / study_id, ignore_errors=True)

    def condemned(self) -> list[str]:
        return [path.name for path in (self._root / _CONDEMNED).iterdir()]

    def studies(self) -> Iterator[str]:
        with os.scandir(self._root) as found:
            yield from (entry.name for entry in found if _STUDY_ID.fullmatch(entry.name))

    def names(self, study_id: str) -> list[str]:
        folder = self._root / study_id
        return [path.name for path in folder.iterdir() if path.name[0] != "."] if folder.is_dir() else []

    def check(self) -> None:
        probe = self._root / _CONDEMNED / f".{os.getpid()}"
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()

    def _gone(self) -> Exception:
        # Without the folder of all studies, none of them is known to be gone.
        return Gone() if self._root.is_dir() else Unavailable("The folder of studies is away; try again in a moment.")


class _Objects:
    """An object store, where a file is whole or not there by itself, and folders are a way of speaking."""

    is_folder = False

    def __init__(self, filesystem: Any, root: str) -> None:
        self._fs, self._root = filesystem, root

    def create(self, study_id: str) -> None:
        pass

    def write(self, study_id: str, name: str, data: bytes, *, durable: bool) -> None:
        self._fs.pipe_file(self._path(study_id, name), data)

    def read(self, study_id: str, name: str) -> bytes:
        try:
            return bytes(self._fs.cat_file(self._path(study_id, name)))
        except FileNotFoundError:
            raise Gone from None

    def remove(self, study_id: str, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(study_id, name))

    def condemn(self, study_id: str) -> None:
        self._fs.pipe_file(self._path(_CONDEMNED, study_id), b"-")

    def empty(self, study_id: str) -> None:
        for path in self._names(study_id):
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(self._path(study_id, path))

    def forget(self, study_id: str) -> None:
        self.remove(_CONDEMNED, study_id)

    def condemned(self) -> list[str]:
        return self._names(_CONDEMNED)

    def studies(self) -> Iterator[str]:
        return (name for name in self._names("") if _STUDY_ID.fullmatch(name))

    def names(self, study_id: str) -> list[str]:
        return self._names(study_id)

    def check(self) -> None:
        self._fs.pipe_file(self._path(_CONDEMNED, ".check"), b"-")
        self._fs.rm_file(self._path(_CONDEMNED, ".check"))

    def _path(self, *parts: str) -> str:
        return "/".join((self._root, *filter(None, parts)))

    def _names(self, folder: str) -> list[str]:
        try:
            found = self._fs.ls(self._path(folder), detail=False)
        except FileNotFoundError:
            return []
        return [name for path in found if not (name := str(path).rstrip("/").rpartition("/")[2]).startswith(".")]


@contextmanager
def _telling_what_passes() -> Iterator[None]:
    """Turn whatever the system or an object store refuses into ``Unavailable``; none of it is the study's fault."""
    try:
        yield
    except (Gone, Unavailable):
        raise
    except OSError as error:
        raise Unavailable(f"Files cannot be stored: {error.strerror or type(error).__name__}.") from error
    except Exception as error:
        # Clients of object stores raise errors of their own.
        raise Unavailable(f"The object store cannot be used: {type(error).__name__}.") from error
