"""Files that appear whole or not at all, whenever the process or the machine stops. Imports nothing of ChestLens."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: str | Path, *, durable: bool = True) -> Iterator[Path]:
    """Give the path of a file to write in place of another one, which it replaces when the block ends without error.

    The new file lies beside the old one under a name that nobody else has, ends with the same suffix, and is gone when
    the block fails.

    Args:
        path: of the file.
        durable: whether it must outlast a power failure too. Of thousands of files that can be made again, waiting
            for the disk each time would take most of the time.

    Raises:
        OSError: the folder is missing or read-only, or the disk is full; the old file stands.
    """
    target = Path(path)
    partial = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.partial{target.suffix}")
    try:
        yield partial
        if durable:
            publish(partial, target)
        else:
            os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def publish(finished: Path, path: Path) -> None:
    """Give a file its final name, once its content is on the disk."""
    _flush(finished)
    os.replace(finished, path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _flush(path.parent)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as partial:
        partial.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a file of UTF-8 text, with its line ends as they are, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, content: Any, *, indent: int | None = None) -> None:
    """Write a file of JSON whole or not at all; indented ones end with a line break, for people."""
    write_text(path, json.dumps(content, indent=indent) + ("" if indent is None else "\n"))


def _flush(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
