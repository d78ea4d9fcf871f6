"""Zip archives of radiographs, member by member, with bounded memory.

They come from strangers: members are never written by their own names, and what the archive says of itself is checked
before anything is unpacked.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from core.imaging import MAX_FILE_BYTES, ImagingError, TooLarge, UnreadableImage, UnsupportedType
from core.plain_text import clean_name
from core.web.archive_names import member_names

MAX_ARCHIVE_BYTES = 1000 * 2**20
MAX_MEMBERS = 2000
MAX_UNPACKED_BYTES = 4 * 2**30
# Radiographs shrink to between a half and a fiftieth; deflate reaches a thousandth on what holds nothing.
_MAX_RATIO = 200
_RATIO_FROM_BYTES = 2**20
_CHUNK = 2**20
# 2,000 members with long names and further fields; a larger directory would be read in one piece.
_MAX_DIRECTORY = 4 * 2**20
# Bytes before a member's name, and the flag that says how the name is encoded (APPNOTE sections 4.3.7 and 4.4.4).
_LOCAL_HEADER, _UTF8_NAME = 30, 1 << 11
_MAGIC = b"PK\x03\x04"
_EMPTY_MAGIC = b"PK\x05\x06"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ARCHIVE_MAGICS = (_MAGIC, _EMPTY_MAGIC, b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf\x27\x1c", b"BZh", b"\xfd7zXZ")
# Media Storage Directory Storage, in the first elements of a DICOMDIR (PS3.10 section 8).
_DIRECTORY_CLASS = b"1.2.840.10008.1.3.10"
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
# What zipfile raises on broken archives. RuntimeError holds its answer to a version or a patch that it does not know.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OSError, struct.error)


def is_archive(start: bytes) -> bool:
    """Whether a file that begins so is a zip archive."""
    return start.startswith((_MAGIC, _EMPTY_MAGIC))


def is_system_file(path: str) -> bool:
    """Whether the operating system put the file there: hidden ones, ``__MACOSX``, ``Thumbs.db``, ``desktop.ini``."""
    parts = path.replace("\\", "/").split("/")
    hidden = (part.startswith(".") and part.strip(".") for part in parts)
    return any(hidden) or "__MACOSX" in parts or parts[-1].lower() in _SYSTEM_FILES


class Archive:
    """A zip archive whose directory was found to be sound.

    Args:
        file: seekable; stays open as long as members are read.

    Raises:
        UnreadableImage: it is damaged, or holds no file.
        TooLarge: it has too many members, or would unpack to too much.
        UnsupportedType: it is an Office document.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            # zipfile reads the whole directory at once, however large the archive says that it is.
            self._zip = zipfile.ZipFile(_ShortReads(file))
            entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        except _DAMAGED as error:
            if isinstance(error, _TooMuch):
                raise _too_many("very many") from None
            raise UnreadableImage("The zip archive is damaged or incomplete; make it again.") from None
        # Word, Excel and PowerPoint files are zip archives inside.
        if any(entry.filename == "[Content_Types].xml" for entry in entries):
            raise UnsupportedType("The file is an Office document; send the radiograph as DICOM, PNG or JPEG.")
        named = zip(entries, member_names(entries), strict=True)
        self._entries = [(entry, name) for entry, name in named if not is_system_file(name)]
        self.skipped = len(entries) - len(self._entries)
        if len(self._entries) > MAX_MEMBERS:
            raise _too_many(f"{len(self._entries):,}")
        if not self._entries:
            raise UnreadableImage("The zip archive holds no file; choose the one that holds the radiographs.")
        if _overlap(entries):
            raise UnreadableImage("Several files of the zip archive share the same bytes; make the archive again.")
        # What zipfile unpacks of a member never exceeds the size that its directory entry states.
        if sum(entry.file_size for entry, _ in self._entries) > MAX_UNPACKED_BYTES:
            raise TooLarge(
                f"The zip archive would unpack to more than {MAX_UNPACKED_BYTES // 2**30} GB; divide it into several."
            )

    def __len__(self) -> int:
        return len(self._entries)

    def members(self) -> Iterator[tuple[str, bytes | ImagingError]]:
        """Each member's name, for display only, and its content or why it is not taken; one is in memory at a time."""
        for entry, name in self._entries:
            try:
                content: bytes | ImagingError = self._read(entry)
            except ImagingError as error:
                content = error
            yield display_path(name), content

    def _read(self, entry: zipfile.ZipInfo) -> bytes:
        if entry.flag_bits & 0x1:
            raise UnsupportedType("The file is encrypted; make the archive without a password.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise UnsupportedType("The file is a link to another file; put the file itself into the archive.")
        if entry.compress_type not in _METHODS:
            raise UnsupportedType("The file is compressed by a method that is not read; make the archive as plain zip.")
        if entry.file_size > MAX_FILE_BYTES:
            raise TooLarge(f"The file is over {MAX_FILE_BYTES // 2**20} MB; export the radiograph smaller.")
        if entry.file_size > max(_RATIO_FROM_BYTES, _MAX_RATIO * entry.compress_size):
            raise TooLarge(f"The file unpacks to over {_MAX_RATIO} times its size, which no radiograph does.")
        content = io.BytesIO()
        try:
            with self._zip.open(entry) as member:
                while chunk := member.read(_CHUNK):
                    content.write(chunk)
        except _DAMAGED:
            raise UnreadableImage("The file is damaged inside the archive; make the archive again.") from None
        data = content.getvalue()
        if data.startswith(_ARCHIVE_MAGICS):
            raise UnsupportedType("An archive inside an archive is not opened; send it by itself.")
        if is_dicomdir(data):
            raise UnsupportedType(
                "DICOMDIR is a table of contents without an image; the images beside it are looked at."
            )
        return data


def _overlap(entries: list[zipfile.ZipInfo]) -> bool:
    """Whether members lie in the same bytes, which makes a small archive a large one (CVE-2019-13404 and its like)."""
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            return True
        end = entry.header_offset + _LOCAL_HEADER + len(_raw_name(entry)) + entry.compress_size
    return False


def _raw_name(entry: zipfile.ZipInfo) -> bytes:
    encoding = "utf-8" if entry.flag_bits & _UTF8_NAME else "cp437"
    return entry.orig_filename.encode(encoding, "replace")


def is_dicomdir(data: bytes) -> bool:
    """Whether the content is a DICOM directory, whatever it is called."""
    return data[128:132] == b"DICM" and _DIRECTORY_CLASS + b"\0" in data[132:512]


def display_path(name: str) -> str:
    """A member's path as it is shown: no control characters, nothing that climbs out of the archive."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return clean_name("/".join(parts))


class _TooMuch(ValueError):
    """A single read of more than a sound archive needs."""


class _ShortReads:
    """A file that refuses to be read in large pieces."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY:
            raise _TooMuch
        return self._file.read(size if size >= 0 else _MAX_DIRECTORY)


def _too_many(number: str) -> TooLarge:
    return TooLarge(
        f"The zip archive holds {number} files; at most {MAX_MEMBERS:,} are taken at once. Divide it into several."
    )
