"""What the members of a zip archive are called, whichever letters the program that made it wrote them in.

The format knows two: UTF-8 where a member's language flag is set, else code page 437 (APPNOTE.TXT sections 4.4.4 and
appendix D). In truth Windows writes the code page of its language without the flag, and many programs on other systems
write UTF-8 without it.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Sequence

_LANGUAGE_FLAG = 0x800
_UNICODE_PATH = 0x7075
_UNIX = 3
# The code pages of Windows' consoles in the languages that are written most; the guess is among no others.
_CODE_PAGES = ("cp437", "cp850", "cp866", "cp932", "gb18030", "big5", "cp949")
# What Unix programs from before UTF-8 wrote.
_UNIX_PAGES = ("windows-1252",)
# A guess needs no more, and an archive of thousands of names is opened while its sender waits.
_ENOUGH_BYTES = 20_000
# A file whose name is only a suffix.
_ONLY_SUFFIX = re.compile(r"[\\/]\.[^\\/]*$")


def member_names(entries: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The members' names.

    Names without the language flag are read as UTF-8 where all of them are that, else in the one code page that all
    fit best; a name's own Unicode path field (APPNOTE.TXT section 4.6.9) comes first.
    """
    raw = [_written(entry) for entry in entries]
    foreign = [name for name in raw if name is not None and not name.isascii()]
    encoding = _encoding(foreign, unix=any(entry.create_system == _UNIX for entry in entries)) if foreign else "ascii"
    return [
        entry.filename if name is None else _unicode_path(entry, name) or name.decode(encoding, errors="replace")
        for entry, name in zip(entries, raw, strict=True)
    ]


def _written(entry: zipfile.ZipInfo) -> bytes | None:
    """The bytes of a name without the language flag, up to a zero as ``zipfile`` reads it; None with the flag."""
    if entry.flag_bits & _LANGUAGE_FLAG:
        return None
    return entry.orig_filename.encode("cp437").partition(b"\0")[0]


def _unicode_path(entry: zipfile.ZipInfo, name: bytes) -> str | None:
    """The name in the extra field of Info-ZIP, None where there is none or it belongs to another name."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(body) > 5 and body[0] == 1:
            if struct.unpack_from("<L", body, 1)[0] != zlib.crc32(name):
                return None
            try:
                return body[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None


def _encoding(names: list[bytes], *, unix: bool) -> str:
    joined = b"\n".join(names)
    if _decodes(joined, "utf-8"):
        return "utf-8"
    # Most archives have plain names; the detector's tables take a moment to load.
    import chardet

    start = joined[: joined.find(b"\n", _ENOUGH_BYTES) if len(joined) > _ENOUGH_BYTES else None]
    pages = [page for page in _CODE_PAGES + (_UNIX_PAGES if unix else ()) if _decodes(start, page)]
    # The second byte of a Japanese or Chinese letter can be a backslash, which must not end a folder.
    nameless = {page: sum(1 for name in start.split(b"\n") if _ONLY_SUFFIX.search(name.decode(page))) for page in pages}
    pages = [page for page in pages if nameless[page] == min(nameless.values())]
    found = chardet.detect(start, include_encodings=pages, no_match_encoding=pages[0], compat_names=False)["encoding"]
    return found or pages[0]


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
