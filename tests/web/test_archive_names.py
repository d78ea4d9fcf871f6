"""Names in zip archives, written as the programs of the world write them: in their own letters, without a flag."""

import io
import struct
import zipfile
import zlib

import pytest

from core.web.archives import Archive

_WINDOWS, _UNIX = 0, 3


def _archive(names: list[str], encoding: str, *, system: int = _WINDOWS, extra: bytes = b"") -> bytes:
    """An archive of one byte a member, put together by hand: ``zipfile`` sets the flag where a name needs it."""
    members, directory = b"", b""
    for name in names:
        raw, content = name.encode(encoding), b"x"
        head = struct.pack("<5H3L2H", 20, 0, 0, 0, 0x21, zlib.crc32(content), 1, 1, len(raw), len(extra))
        entry = struct.pack("<4s2B", b"PK\x01\x02", 20, system) + head + struct.pack("<3H2L", 0, 0, 0, 0, len(members))
        directory += entry + raw + extra
        members += b"PK\x03\x04" + head + raw + extra + content
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(names), len(names), len(directory), len(members), 0)
    return members + directory + end


def _names(data: bytes) -> list[str]:
    members = list(Archive(io.BytesIO(data)).members())
    assert all(content == b"x" for _, content in members)
    return [name for name, _ in members]


def test_the_archives_of_these_tests_are_as_another_program_writes_them() -> None:
    own = io.BytesIO()
    with zipfile.ZipFile(own, "w") as archive:
        for name in ("a.png", "b/c.png"):
            archive.writestr(zipfile.ZipInfo(name), b"x")
    assert _names(own.getvalue()) == _names(_archive(["a.png", "b/c.png"], "ascii")) == ["a.png", "b/c.png"]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp437", ["Röntgen/Müller_Thorax.png"]),
        ("cp437", ["Niño_tórax.dcm", "é.png"]),
        ("cp437", ["Thorax für Ärzte/größe.dcm"]),
        ("cp850", ["Ärzte/São.png"]),
        ("cp866", ["Снимок/Иванов.png"]),
        ("cp932", ["胸部.dcm"]),
        ("cp932", ["レントゲン/患者１.png", "田中太郎.dcm"]),
        ("cp932", ["佐藤　花子.png"]),
        ("gbk", ["胸部.dcm"]),
        ("gbk", ["胸片/张三.png", "李四.png"]),
        ("gbk", ["影像资料/镕.png"]),
        ("big5", ["病人/陳大文.png"]),
        ("cp949", ["환자/김철수.png"]),
        ("utf-8", ["胸部/é.png", "Снимок.png"]),
    ],
)
def test_names_without_the_language_flag_are_read_in_their_letters(encoding: str, names: list[str]) -> None:
    assert _names(_archive(names, encoding)) == names


@pytest.mark.parametrize("name", ["表.png", "ソース.png", "能登/予定表.dcm"])
def test_a_letter_whose_second_byte_is_a_backslash_ends_no_folder(name: str) -> None:
    assert b"\\" in name.encode("cp932")
    assert _names(_archive([name], "cp932")) == [name]


def test_unix_programs_without_utf8_wrote_western_letters() -> None:
    assert _names(_archive(["Thérèse.png", "Müller.png"], "cp1252", system=_UNIX)) == ["Thérèse.png", "Müller.png"]


def test_a_name_in_the_unicode_path_field_comes_first_unless_it_belongs_to_another_name() -> None:
    written = "R?ntgen.png"
    field = b"\x01" + struct.pack("<L", zlib.crc32(written.encode())) + "Röntgen.png".encode()
    extra = b"\x55\x54\x01\x00\x00" + struct.pack("<HH", 0x7075, len(field)) + field
    assert _names(_archive([written], "ascii", extra=extra)) == ["Röntgen.png"]
    assert _names(_archive(["other.png"], "ascii", extra=extra)) == ["other.png"]


def test_bytes_of_no_code_page_lose_no_member() -> None:
    names = ["\x81\xff\xfe.png", "b.png"]
    assert len(_names(_archive(names, "latin-1"))) == 2
