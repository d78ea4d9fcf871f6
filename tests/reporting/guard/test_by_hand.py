"""Sentences written without sight of the guard's rules: those that mislead are caught, and fair ones pass."""

from pathlib import Path

import pytest
from guard_cases import evidence_of

from core.reporting.guard import examine_sentence

LINES = (Path(__file__).parent / "by_hand.txt").read_text(encoding="utf-8").splitlines()
SENTENCES = [tuple(part.strip() for part in line.split("|")) for line in LINES if not line.startswith("#")]


@pytest.mark.parametrize(("kind", "findings", "sentence"), SENTENCES, ids=[entry[2][:50] for entry in SENTENCES])
def test_a_sentence_is_caught_only_where_it_misleads(kind: str, findings: str, sentence: str) -> None:
    found = examine_sentence(sentence, evidence_of(findings))
    assert bool(found) == (kind == "BAD"), found


def test_the_catalogue_has_both_kinds_and_no_entry_twice() -> None:
    kinds = [kind for kind, _, _ in SENTENCES]
    assert set(kinds) == {"BAD", "FAIR"}
    assert len(set(SENTENCES)) == len(SENTENCES)
    assert kinds.count("BAD") > 300
    assert kinds.count("FAIR") > 100
