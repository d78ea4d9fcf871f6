"""Archives made to harm: refused whole or member by member, in seconds, with bounded memory, and nothing written."""

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from core.imaging import ImagingError, TooLarge, UnreadableImage, UnsupportedType
from core.web import archives
from core.web.archives import Archive


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _read(data: bytes) -> dict[str, bytes | ImagingError]:
    return dict(Archive(io.BytesIO(data)).members())


def many_members() -> bytes:
    return _zip({f"{number}.dcm": b"" for number in range(archives.MAX_MEMBERS + 1)}, zipfile.ZIP_STORED)


def huge_directory() -> bytes:
    """A directory of 20 MB that says nothing of its number of members."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0) + b"a.png\0"
    directory = entry * (20 * 2**20 // len(entry))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0)
    return directory + end


def zip64_directory() -> bytes:
    """The same length, claimed where only the 64-bit records tell."""
    directory = bytes(20 * 2**20)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return directory + record + locator + end


def much_to_unpack() -> bytes:
    """Fifty members that each claim to unpack to 99 MB."""
    data = bytearray(_zip({f"{number}.dcm": bytes(1000) for number in range(50)}))
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        struct.pack_into("<L", data, place + 24, 99 * 2**20)
        place = data.find(b"PK\x01\x02", place + 4)
    return bytes(data)


def overlapping() -> bytes:
    """Two hundred members of the directory that are all the same bytes of the file."""
    data = _zip({"a.png": bytes(range(256)) * 40})
    place = data.index(b"PK\x01\x02")
    entry, count = data[place : data.index(b"PK\x05\x06")], 200
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(entry) * count, place, 0)
    return data[:place] + entry * count + end


def truncated() -> bytes:
    return _zip({"a.png": b"x" * 5000}, zipfile.ZIP_STORED)[:-30]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (many_members, TooLarge, "2,001 files; at most 2,000"),
        (huge_directory, TooLarge, "at most 2,000"),
        (zip64_directory, TooLarge, "at most 2,000"),
        (much_to_unpack, TooLarge, "unpack to more than 4 GB"),
        (overlapping, UnreadableImage, "share the same bytes"),
        (truncated, UnreadableImage, "damaged or incomplete"),
        (lambda: b"PK\x03\x04" + bytes(100), UnreadableImage, "damaged or incomplete"),
        (lambda: _zip({}), UnreadableImage, "holds no file"),
        (lambda: _zip({"__MACOSX/._a": b"x", ".DS_Store": b"x"}), UnreadableImage, "holds no file"),
        (lambda: _zip({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"}), UnsupportedType, "Office"),
    ],
)
def test_archives_are_refused_before_anything_is_unpacked(
    make: Callable[[], bytes], error: type[ImagingError], words: str
) -> None:
    data = make()
    tracemalloc.start()
    with pytest.raises(error, match=words) as caught:
        Archive(io.BytesIO(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(caught.value).endswith(".")
    assert peak < 16 * 2**20


def test_a_member_that_unpacks_to_nothing_but_zeros_is_refused_without_unpacking() -> None:
    content = _zip({"bomb.dcm": bytes(90 * 2**20), "good.txt": b"good"})
    tracemalloc.start()
    read = _read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(read["bomb.dcm"], TooLarge)
    assert read["good.txt"] == b"good"
    assert peak < 16 * 2**20


def test_members_that_lie_about_their_size_or_checksum_are_refused_alone() -> None:
    data = bytearray(_zip({"long.dcm": b"0123456789" * 300, "good.txt": b"good"}))
    place = data.find(b"PK\x01\x02")
    struct.pack_into("<L", data, place + 24, 100)  # the directory says 100 bytes, the stream holds 3,000
    read = _read(bytes(data))
    assert isinstance(read["long.dcm"], UnreadableImage)
    assert read["good.txt"] == b"good"


def test_encrypted_members_links_and_rare_methods_are_refused_with_what_to_do() -> None:
    data = bytearray(_zip({"secret.dcm": b"x" * 300, "good.txt": b"good"}))
    place = data.find(b"PK\x01\x02")
    data[place + 8] |= 1
    assert "password" in str(_read(bytes(data))["secret.dcm"])
    assert "plain zip" in str(_read(_zip({"a.dcm": b"x" * 300}, zipfile.ZIP_LZMA))["a.dcm"])

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert "link to another file" in str(_read(file.getvalue())["link.dcm"])


def test_names_that_climb_out_are_only_shown_and_shown_harmlessly() -> None:
    names = ["../../etc/passwd", "/etc/shadow", "C:\\windows\\system.ini", "a/../../b.dcm", "line\nbreak\x1b[31m.dcm"]
    shown = list(_read(_zip(dict.fromkeys(names, b"x"))))
    assert shown == ["etc/passwd", "etc/shadow", "C:/windows/system.ini", "a/b.dcm", "line break[31m.dcm"]


def test_archives_inside_archives_are_not_opened() -> None:
    inner = _zip({"a.png": b"x" * 100})
    assert "send it by itself" in str(
        _read(_zip({"inner.zip": inner, "inner.gz": b"\x1f\x8b" + bytes(50)}))["inner.zip"]
    )
