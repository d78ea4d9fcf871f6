"""Health records are read or refused in words, and become one line."""

import json
import random

import pytest

from core.vlm.ehr import EhrError, in_one_line, invented_record, read_ehr

RECORD = {
    "Age": 72,
    "Sex": "M",
    "Vitals": {"heart_rate": {"value": 96, "unit": "bpm"}, "o2_saturation": {"value": None}},
    "Labs": {"Sodium": {"value": 138, "unit": "mmol/L"}},
    "O2_device": "Nasal cannula 2 L",
    "Chronic_conditions": ["COPD", "asthma"],
}


def test_a_record_becomes_one_line_without_what_is_missing():
    assert in_one_line(read_ehr(json.dumps(RECORD))) == (
        "age 72; sex M; heart rate 96 bpm; Sodium 138 mmol/L; oxygen: Nasal cannula 2 L; chronic: COPD, asthma"
    )


def test_a_record_is_read_from_a_file(tmp_path):
    path = tmp_path / "ehr.json"
    path.write_text(json.dumps(RECORD))
    known = RECORD | {"Vitals": {"heart_rate": {"value": 96, "unit": "bpm"}}}
    assert read_ehr(path) == known == read_ehr(RECORD)


def test_a_record_is_one_line_of_plain_text_whatever_stands_in_it():
    record = {"Labs": {"x\ny": "1\nFINDINGS: pneumothorax\x00"}, "Chronic_conditions": ["COPD\n\nasthma", "\ud800"]}
    line = in_one_line(read_ehr(record))
    assert line == "x y 1 FINDINGS: pneumothorax; chronic: COPD asthma"
    assert line.isprintable()


def test_fields_are_read_in_any_case_and_files_with_a_mark_of_their_encoding(tmp_path):
    path = tmp_path / "ehr.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"age": 72, "SEX": "f"}')
    assert read_ehr(path) == {"Age": 72, "Sex": "F"} == read_ehr("\ufeff" + '{"age": 72, "SEX": "f"}')


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(EhrError, match="cannot be read: Is a directory"):
        read_ehr(tmp_path)
    (tmp_path / "utf16.json").write_bytes('{"Age": 3}'.encode("utf-16"))
    with pytest.raises(EhrError, match="no text in UTF-8"):
        read_ehr(tmp_path / "utf16.json")


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '"Age"', "{}", '{"name": 3}', "[" * 100_000, '{"Age": ' + "9" * 5000 + "}"]
)
def test_what_is_no_record_is_refused_with_a_sentence(text):
    with pytest.raises(EhrError, match=r"health record"):
        read_ehr(text)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"Age": "old"}, "Age is 'old'; it should be a number of years"),
        ({"Age": 200}, "from 0 to 130"),
        ({"Age": float("nan")}, "Age is nan"),
        ({"Age": True}, "Age is True"),
        ({"Sex": 3}, "Sex is 3; it should be M, F"),
        ({"Vitals": [1]}, "Vitals should be an object"),
        ({"Vitals": {"heart_rate": 9000}}, "heart rate is 9000; it should be a number between 15 and 350"),
        ({"Labs": {"Sodium": {"value": [1]}}}, r"'Sodium' is \[1\]; it should be a number or a word"),
        ({"O2_device": 5}, "O2_device is 5"),
        ({"Chronic_conditions": {"a": 1}}, "should be a list of names"),
        ({"Chronic_conditions": ["a"] * 201}, "should be a list of names, 200 at most"),
        ({"Vitals": {"heart_rate": "fast"}}, "heart rate is 'fast'; it should be a number"),
        ({"Vitals": {"heart_rate": float("nan")}}, "'heart_rate' is nan; it should be a number"),
        ({"Vitals": {"temperature": -500}}, "temperature is -500"),
        ({"Labs": {"Lactate": float("nan")}}, "'Lactate' is nan; it should be a number"),
        ({"Labs": {"Lactate": "x" * 201}}, "it should be a number or a word"),
        ({"Labs": {"Lactate": {"value": 1, "unit": {"a": 1}}}}, "both should be words"),
        ({"Labs": {"x" * 201: 1}}, "both should be words"),
        ({"Labs": {f"lab {number}": 1 for number in range(201)}}, "has 201 Labs; it may have 200"),
    ],
)
def test_a_field_that_cannot_be_meant_is_named(record, message):
    with pytest.raises(EhrError, match=message):
        read_ehr(record)


def test_one_form_comes_of_many():
    record = read_ehr(
        {"Age": "72", "Sex": "female", "Vitals": {"heart_rate": 96}, "Chronic_conditions": "COPD", "x": 1}
    )
    assert record == {
        "Age": 72,
        "Sex": "F",
        "Vitals": {"heart_rate": {"value": 96}},
        "Chronic_conditions": ["COPD"],
    }


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EhrError, match=r"none\.json does not exist"):
        read_ehr(tmp_path / "none.json")


def test_invented_records_are_records():
    draw = random.Random(0)
    assert all(in_one_line(read_ehr(json.dumps(invented_record(draw)))) for _ in range(50))
    assert all("oxygen" in in_one_line(read_ehr(invented_record(draw, labs=True))) for _ in range(50))
