"""A writer that does not stop: its text is refused whole, and what stands in for it is fair."""

import pytest
from guard_cases import evidence_of

from core.reporting.guard import Draft, examine, repair


@pytest.mark.parametrize("part", ["the lungs and ", "no acute, ", "left lung, ", "heart ", "no ", "a", "No effusion. "])
@pytest.mark.parametrize("length", [590, 100_000])
def test_a_text_without_end_is_refused_and_mended(part: str, length: int) -> None:
    evidence = evidence_of("+Effusion")
    text = (part * length)[:length]
    assert examine(Draft(text, text), evidence)
    assert examine(repair(Draft(text, text), evidence), evidence) == ()
