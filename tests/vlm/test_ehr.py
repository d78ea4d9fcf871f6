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


@pytest.mark.parametrize("text", ["", "{", "[1]", '"Age"', "{}", '{"age": 3}'])
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
        ({"Vitals": {"heart_rate": 9000}}, "heart rate is 9000; it should lie between 15 and 350"),
        ({"Labs": {"Sodium": {"value": [1]}}}, r"Sodium is \[1\]; it should be a number or a word"),
        ({"O2_device": 5}, "O2_device is 5"),
        ({"Chronic_conditions": {"a": 1}}, "should be a list of names"),
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
