"""Layout says nothing: blanks of any kind, wrapping, typography, markup and capitals change no label."""

import re
from collections.abc import Callable, Iterator
from itertools import cycle

import pytest
from statements import CASES as CASES_FILE
from statements import read_cases
from test_labeler import STATEMENTS

from core.labeler import find_mentions, presences

TEXTS = tuple(
    dict.fromkeys(
        text for text in (*(one for one, _ in STATEMENTS), *(one.text for one in read_cases(CASES_FILE))) if text
    )
)


def _blanks(*marks: str) -> Callable[[str], str]:
    """Replace the blanks between words by the marks in turn; columns and boxes of a table are left whole."""

    def changed(text: str) -> str:
        if "|" in text or "[" in text or "\t" in text:
            return text
        following: Iterator[str] = cycle(marks)
        return re.sub(r"(?<=\S) (?=\S)", lambda _: next(following), text)

    return changed


LAYOUTS: dict[str, Callable[[str], str]] = {
    "double blanks": _blanks("  "),
    "no-break blanks": _blanks("\u00a0"),
    "thin blanks": _blanks("\u2009", " "),
    "wide blanks": _blanks("\u3000"),
    "tabs": _blanks("\t"),
    "wrapped and indented": _blanks("\n    "),
    "wrapped now and then": _blanks(" ", " ", "\r\n  "),
    "a no-break blank beside a line break": _blanks(" ", "\u00a0\n "),
    "soft hyphens": lambda text: re.sub(r"([a-z]{3})([a-z]{3})", "\\1\u00ad\\2", text),
    "a soft hyphen at a line's end": lambda text: re.sub(r"([a-z]{4})([a-z]{4})", "\\1\u00ad\n\\2", text),
    "zero-width blanks": lambda text: text.replace("ion", "i\u200bon"),
    "ligatures": lambda text: text.replace("ffu", "\ufb00u").replace("fi", "\ufb01").replace("fl", "\ufb02"),
    "curly quotes": lambda text: text.replace("'", "\u2019").replace('"', "\u201d"),
    "other hyphens": lambda text: text.replace(" - ", " \u2013 ").replace("-", "\u2011"),
    "em dashes": lambda text: text.replace(" - ", "\u2014"),
    "line breaks of HTML": lambda text: text.replace("\n", "<br/>"),
    "paragraphs of HTML": lambda text: "<p>" + text.replace("\n", "<br>") + "</p>",
    "entities of HTML": lambda text: text.replace(" ", "&nbsp;", 2),
    "a bullet": lambda text: f"\u2022 {text}",
    "a dash in front": lambda text: f"- {text}",
    "capitals": str.upper,
    "no final stop": lambda text: text.rstrip("."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_changes_no_label(layout: str) -> None:
    changed = {text: LAYOUTS[layout](text) for text in TEXTS}
    assert any(text != new for text, new in changed.items())
    assert [new for text, new in changed.items() if presences(new) != presences(text)] == []


@pytest.mark.parametrize("layout", ["wrapped and indented", "soft hyphens", "ligatures", "paragraphs of HTML"])
def test_mentions_point_to_the_words_as_they_are_written(layout: str) -> None:
    for text in TEXTS:
        new = LAYOUTS[layout](text)
        for mention in find_mentions(new):
            assert new[mention.start : mention.end] == mention.words
            assert mention.sentence in new
            assert mention.words in mention.sentence


def test_short_forms_are_pointed_to_as_they_are_written() -> None:
    text = "Sm.  L pl. eff. w/o\tPTX."
    assert [(one.observation, one.words) for one in find_mentions(text)] == [
        ("Effusion", "pl. eff."),
        ("Pneumothorax", "PTX"),
    ]
