import pytest

from core.plain_text import clean_name, csv_cell, printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("chest.dcm", "chest.dcm"),
        ("Thorax p.a. Müller 胸.png", "Thorax p.a. Müller 胸.png"),
        ("\u202egpj.exe", "gpj.exe"),  # right-to-left override
        ("a\u2066b\u2069\u200f.png", "ab.png"),  # isolates and marks of direction
        ("line\nbreak\x1b[31m\x00.dcm", "line break[31m.dcm"),
        ("\u5f20\u3000\u4e09.png", "\u5f20\u3000\u4e09.png"),
        ("\u0645\u06cc\u200c\u0634\u0648\u062f.png", "\u0645\u06cc\u200c\u0634\u0648\u062f.png"),  # a Persian word
        ("\ud800half.png", "half.png"),
        ("  \u200b ", "unnamed"),
        ("", "unnamed"),
        (None, "unnamed"),
        ("x" * 300, "x" * 255),
    ],
)
def test_names_are_one_printable_line(name: str | None, shown: str) -> None:
    assert clean_name(name) == shown


def test_what_may_stay_stays() -> None:
    assert printable("a\nb\x07c", keep="\n") == "a\nbc"
    assert printable("a\x07b", instead=" ") == "a b"


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "- none"]
)
def test_formulas_are_text_in_a_spreadsheet(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-5", "+1.5e-3", "chest=1.png", "0.5", "No effusion - none."])
def test_what_is_no_formula_is_left_alone(text: str) -> None:
    assert csv_cell(text) == text
