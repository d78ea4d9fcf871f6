"""The labeler on hard sentences of the kinds that other labelers' users complain of."""

from pathlib import Path

import pytest
from statements import CASES as CASES_FILE
from statements import read_cases, score

from core.evaluation.labeler_sentences import as_table

CASES = read_cases(CASES_FILE)
KINDS = sorted({case.kind for case in CASES})


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_hard_sentence_is_read(kind: str) -> None:
    result = score([case for case in CASES if case.kind == kind])
    assert result.right >= 0.9 * result.stated, result.wrong


def test_sentences_that_the_grammar_was_not_developed_on_are_read_nearly_as_well() -> None:
    developed, held_out = (score([one for one in CASES if one.part == part]) for part in ("developed", "held_out"))
    assert held_out.right / held_out.stated >= 0.97, held_out.wrong
    assert developed.right / developed.stated - held_out.right / held_out.stated < 0.03
    assert developed.opposite + held_out.opposite <= 3


def test_what_names_no_finding_of_the_chest_stays_unlabelled() -> None:
    silent = [case for case in CASES if not case.expected]
    assert len(silent) > 40
    assert len(score(silent).wrong) <= 2, score(silent).wrong


@pytest.mark.real_data
def test_the_open_cases_are_read(shared_data: Path) -> None:
    path = shared_data.parent / "cases" / "labeler_open.tsv"
    if not path.is_file():
        pytest.skip(f"no cases at {path}")
    result = score(read_cases(path))
    assert result.right >= 0.9 * result.stated, result.wrong
    assert result.opposite <= 10


def test_the_table_of_sentences_stands_beside_a_search_for_keywords() -> None:
    lines = as_table(CASES).splitlines()
    assert len(lines) == 1 + len({case.part for case in CASES})
    for line in lines[1:]:
        labeler, keywords = (float(part.split()[0]) for part in line.replace("  0.", "|0.").split("|")[1:])
        assert labeler > keywords
