"""What a file says of its patient and study is kept where it is valid, apart from all that is shown."""

import dicom_files as files
import pytest

from core.imaging import render_phantom
from core.imaging.decoder_process import Decoder, DecoderEnded
from core.imaging.identifiers import clean_source
from core.imaging.reader import read_radiograph

STATED = {
    "SpecificCharacterSet": "ISO_IR 144",
    "PatientName": "Петрова^Анна",
    "PatientID": "7-11",
    "IssuerOfPatientID": "Clinic",
    "PatientBirthDate": "19700131",
    "PatientSex": "F",
    "StudyInstanceUID": "1.2.3.4",
    "SeriesInstanceUID": "1.2.3.4.5",
    "StudyDate": "20260102",
    "StudyTime": "101500.25",
    "StudyID": "S1",
    "AccessionNumber": "A1",
    "SOPInstanceUID": "1.2.3.4.5.6",
}


def test_valid_elements_are_kept_as_stated() -> None:
    source = read_radiograph(files.save(files.chest(files.stored(12), **STATED))).source
    expected = {name: value for name, value in STATED.items() if name != "SpecificCharacterSet"}
    assert source == expected | {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1"}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyInstanceUID", "1.2.03"),
        ("StudyInstanceUID", "1." + "2" * 70),
        ("StudyInstanceUID", "999.1"),
        ("SOPInstanceUID", "none"),
        ("PatientBirthDate", "00000000"),
        ("PatientBirthDate", "d14a028c2a3a2bc9"),
        ("StudyDate", "20260231"),
        ("StudyTime", "2561"),
        ("PatientSex", "UNKNOWN"),
        ("PatientID", "x" * 65),
        ("PatientID", "two\\numbers"),
        ("PatientID", "escape\x1b[2J"),
        ("AccessionNumber", "x" * 17),
        ("PatientName", "^^^^"),
        ("PatientName", "a=b=c=d"),
        ("PatientName", "x" * 65),
        ("PatientName", 7),
        ("PatientID", ["7"]),
        ("Modality", "CR"),
    ],
)
def test_values_that_do_not_fit_are_left_out_and_nothing_else(keyword: str, value: object) -> None:
    assert clean_source({"StudyID": "S1", keyword: value}) == {"StudyID": "S1"}


def test_broken_identifiers_do_not_keep_a_file_from_being_read() -> None:
    data = files.save(files.chest(files.stored(12), StudyID="S1", AccessionNumber="A1"))
    broken = data.replace(b"SECRET-7", b"\x00\x1b\x07\xff\xfe\x01\x02\x03")
    assert broken != data
    source = read_radiograph(broken).source
    assert "PatientID" not in source
    assert source["AccessionNumber"] == "A1"


@pytest.mark.parametrize("uid", [b"1.2.840.0113.1", b"1.2.3.00000", b"1.2.840.\\1.2.999"])
def test_a_study_uid_that_is_none_is_left_out_and_said_to_be(uid: bytes) -> None:
    sound = files.save(files.chest(files.stored(12), StudyInstanceUID="1.2.3.4." + "5" * (len(uid) - 8)))
    assert not any("Study Instance UID" in note for note in read_radiograph(sound).warnings)
    broken = read_radiograph(sound.replace(b"1.2.3.4." + b"5" * (len(uid) - 8), uid))
    assert "StudyInstanceUID" not in broken.source
    (note,) = [note for note in broken.warnings if "Study Instance UID" in note]
    assert "PS3.5 section 9.1" in note
    assert uid.decode() not in note


def test_identity_is_in_no_text_about_the_radiograph() -> None:
    radiograph = read_radiograph(files.save(files.chest(files.stored(12))))
    assert radiograph.source["PatientID"] == "SECRET-7"
    assert "SECRET" not in repr(radiograph)
    assert "Doe" not in repr(radiograph)


def test_an_answer_of_the_child_is_cleaned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    header = {
        "shape": (64, 64),
        "type": "float32",
        "view": None,
        "pixel_spacing_mm": None,
        "warnings": [],
        "metadata": {},
        "source": {"PatientID": "7", "StudyInstanceUID": "not a UID", "Other": "x"},
    }
    worker = object.__new__(Decoder)
    pixels = bytearray(render_phantom(size=64).tobytes())
    monkeypatch.setattr(worker, "_receive", lambda length: pixels)
    assert worker._receive_radiograph(header).source == {"PatientID": "7"}
    with pytest.raises(DecoderEnded):
        worker._receive_radiograph(header | {"source": ["PatientID"]})
    with pytest.raises(DecoderEnded):
        worker._receive_radiograph(header | {"type": "object"})


def raw_source(value: bytes, character_set: str | None, keyword: str = "PatientName") -> dict[str, str]:
    """What is kept of an element whose bytes are written as they are."""
    dataset = files.chest(files.stored(12), StudyID="S1")
    if character_set is not None:
        dataset.SpecificCharacterSet = "ISO_IR 100"
    length = len(value) + len(value) % 2
    dataset[keyword].value = "?" * length
    data = files.save(dataset).replace(b"?" * length, value.ljust(length))
    if character_set is not None:
        data = data.replace(b"ISO_IR 100", character_set.ljust(10).encode())
    return read_radiograph(data).source


@pytest.mark.parametrize(
    ("name", "encoded", "character_set"),
    [
        ("Müller^Jörg", "latin-1", "ISO_IR 100"),
        ("Müller^Jörg", "utf-8", "ISO_IR 192"),
        ("Петрова^Анна", "iso8859-5", "ISO_IR 144"),
        ("王^小东", "gb18030", "GB18030"),
    ],
)
def test_a_name_is_kept_as_its_declared_letters(name: str, encoded: str, character_set: str) -> None:
    assert raw_source(name.encode(encoded), character_set)["PatientName"] == name


@pytest.mark.parametrize(
    ("value", "character_set", "keyword"),
    [
        ("Müller^Jörg".encode("latin-1"), None, "PatientName"),
        ("Müller^Jörg".encode(), None, "PatientName"),
        ("Müller^Jörg".encode(), "ISO_IR 100", "PatientName"),
        ("Müller^Jörg".encode("latin-1"), "ISO_IR 192", "PatientName"),
        ("Müller^Jörg".encode("latin-1"), "ISO_IR 999", "PatientName"),
        ("M\ufffdller^Jörg".encode(), "ISO_IR 192", "PatientName"),
        (b"123\\456", None, "PatientID"),
    ],
)
def test_what_is_no_single_value_of_the_declared_letters_is_left_out(
    value: bytes, character_set: str | None, keyword: str
) -> None:
    source = raw_source(value, character_set, keyword)
    assert keyword not in source
    assert source["StudyID"] == "S1"
