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
    assert read_ehr(path) == RECORD == read_ehr(RECORD)


@pytest.mark.parametrize("text", ["", "{", "[1]", '"Age"', "{}", '{"age": 3}'])
def test_what_is_no_record_is_refused_with_a_sentence(text):
    with pytest.raises(EhrError, match=r"health record"):
        read_ehr(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"Vitals": ' + '{"a": ' * 50_000, "nested too deeply"),
        ('{"Vitals": [1, 2]}', "Vitals"),
        ('{"Labs": {"Sodium": {"value": {"value": 1}}}}', "Sodium in Labs"),
        ('{"Labs": {"Sodium": [138]}}', "Sodium in Labs"),
        ('{"Age": {"years": 3}}', "Age"),
        ('{"Chronic_conditions": "COPD"}', "Chronic_conditions"),
        ('{"Chronic_conditions": [{"a": 1}]}', "Chronic_conditions"),
    ],
)
def test_a_field_that_holds_something_else_is_named_in_one_sentence(text, told):
    with pytest.raises(EhrError, match=told) as caught:
        read_ehr(text)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EhrError, match=r"none\.json does not exist"):
        read_ehr(tmp_path / "none.json")


def test_invented_records_are_records():
    draw = random.Random(0)
    assert all(in_one_line(read_ehr(json.dumps(invented_record(draw)))) for _ in range(50))
