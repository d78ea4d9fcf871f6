"""The image archive of ReXGradient-160K: a tar in numbered parts, from which only the wanted images are unpacked."""

import io
import re
import shutil
import tarfile
from pathlib import Path
from typing import IO, Protocol

import zstandard
from tqdm import tqdm

from core.atomic import replacing
from core.datasets.table import DatasetError

_PART = re.compile(r"deid_png\.part(\d+)")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ADVICE = "download the parts again (see huggingface.co/datasets/rajpurkarlab/ReXGradient-160K)"


class Wanted(Protocol):
    """Which members of the archive are wanted."""

    def __contains__(self, name: object, /) -> bool:
        """Whether the member of this path, such as ``deid_png/.../x.png``, is wanted."""


def archive_parts(folder: Path) -> list[Path]:
    """The parts in order; none where the folder has no archive.

    Raises:
        DatasetError: a part is missing in the sequence.
    """
    parts = {int(found[1]): path for path in folder.iterdir() if (found := _PART.fullmatch(path.name))}
    missing = [number for number in range(max(parts, default=-1)) if number not in parts]
    if missing:
        raise DatasetError(
            f"The archive in {folder} lacks its part deid_png.part{missing[0]:02d}: {_ADVICE}, for the parts are one "
            "file cut in pieces."
        )
    return [parts[number] for number in sorted(parts)]


def unpack(parts: list[Path], folder: Path, wanted: Wanted, *, expected: int | None = None) -> int:
    """Unpack the wanted images below a folder, in one pass over the parts.

    An image that is there already is not written again, so that a run that was cut off can be repeated. Each image
    is written beside its place and then moved there; a torn file is never seen. Links and paths that lead out of the
    folder are not followed.

    Args:
        parts: from ``archive_parts``.
        folder: images go to ``deid_png/...`` below it.
        wanted: paths of the wanted members, beginning with ``deid_png/``.
        expected: number of wanted images; the pass ends when all were met.

    Returns:
        The number of images written.

    Raises:
        DatasetError: the archive is damaged or ends early, or the disk is full. What was unpacked stays.
    """
    total = sum(path.stat().st_size for path in parts)
    written = met = 0
    with (
        tqdm(total=total, unit="B", unit_scale=True, desc="Unpacking ReXGradient images", disable=None) as progress,
        _Parts(parts, progress) as joined,
    ):
        try:
            with (
                _decompressed(io.BufferedReader(joined, 2**20)) as stream,
                tarfile.open(fileobj=stream, mode="r|") as archive,
            ):
                while expected is None or met < expected:
                    member = archive.next()
                    # tarfile keeps every member it met; there are 270,000.
                    archive.members = []  # type: ignore[attr-defined]
                    if member is None:
                        _refuse_early_end(archive)
                        break
                    name = member.name.removeprefix("./")
                    if not member.isfile() or name not in wanted or ".." in name.split("/") or name.startswith("/"):
                        continue
                    met += 1
                    target = folder / name
                    content = archive.extractfile(member)
                    if content is not None and not target.exists():
                        _write(content, target)
                        written += 1
        except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
            raise DatasetError(
                f"The archive {parts[0].name} to {parts[-1].name} is damaged or ends early ({error}): {_ADVICE}; the "
                f"{written} images unpacked so far stay."
            ) from error
    return written


def _write(content: IO[bytes], target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, durable=False) as partial, partial.open("wb") as file:
            shutil.copyfileobj(content, file)
    except OSError as error:
        raise DatasetError(
            f"{target} could not be written ({error.strerror}): make room on the disk and run the same again, which "
            "goes on where this stopped."
        ) from error


def _refuse_early_end(archive: tarfile.TarFile) -> None:
    """A tar ends with blocks of zeros; one that just stops was cut off between two members."""
    # tarfile takes a missing end for an end: only the place where it stopped tells that no block was there to read.
    stopped = archive.fileobj.tell() if archive.fileobj else 0
    if stopped - archive.offset < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("its end is missing")


def _decompressed(joined: io.BufferedReader) -> IO[bytes]:
    """The tar itself, whether the parts are compressed with Zstandard or not."""
    if joined.peek(4)[:4] != _ZSTD_MAGIC:
        return joined
    # Archives made with zstd --long need a larger window than the default allows.
    decompressor = zstandard.ZstdDecompressor(max_window_size=2**31)
    return io.BufferedReader(decompressor.stream_reader(joined, read_across_frames=True), 2**20)


class _Parts(io.RawIOBase):
    """Several files read as one."""

    def __init__(self, paths: list[Path], progress: tqdm) -> None:
        self._paths = list(paths)
        self._progress = progress
        self._file: IO[bytes] | None = None

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill the buffer from the current part or the next; 0 after the last."""
        while True:
            if self._file is None:
                if not self._paths:
                    return 0
                self._file = self._paths.pop(0).open("rb")
            content = self._file.read(len(buffer))
            if content:
                buffer[: len(content)] = content
                self._progress.update(len(content))
                return len(content)
            self._file.close()
            self._file = None

    def close(self) -> None:
        """Close the part that is open."""
        if self._file is not None:
            self._file.close()
        super().close()
