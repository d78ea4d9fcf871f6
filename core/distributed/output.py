"""Where rows of a cluster go: Parquet files in a folder, or at an address that fsspec knows."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec

if TYPE_CHECKING:
    import pyarrow as pa

ABOUT = "_about.json"
"""File of an output that says what it hangs on."""


def holds_parts(path: Path) -> bool:
    """Whether a path is a folder into which ``distribute`` wrote."""
    return (path / ABOUT).is_file() and any(path.glob("part-*.parquet"))


def read_parts(output: str, columns: list[str] | None = None) -> "pa.Table":
    """The rows that ``distribute`` wrote, in order.

    Args:
        output: of the run.
        columns: names, or None for all.
    """
    import pyarrow as pa
    from pyarrow import parquet

    files, root = fsspec.core.url_to_fs(output)
    files.invalidate_cache()
    tables = []
    for part in sorted(files.glob(f"{root}/part-*.parquet")):
        with files.open(part, "rb") as stream:
            tables.append(parquet.read_table(stream, columns=columns))
    return pa.concat_tables(tables)


@contextmanager
def placing(output: str, name: str) -> Iterator[Path]:
    """Give the path of a file to write, which then lies below an output, whole or not at all.

    What was there under the name is replaced, and gone where nothing was written. The file's folder must be there.

    Args:
        output: folder, or an address that fsspec knows.
        name: of the file, from there.
    """
    files, root = fsspec.core.url_to_fs(output)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / Path(name).name
        yield made
        if not made.exists():
            if files.exists(f"{root}/{name}"):
                files.rm_file(f"{root}/{name}")
            return
        # Under a name of its own until it is whole; two that write the same file do not meet.
        draft = f"{root}/.{uuid.uuid4().hex}"
        files.put_file(str(made), draft)
        files.mv(draft, f"{root}/{name}")
