import time

import pytest
from guard_cases import evidence_of

from core.reporting.guard import Draft, examine, repair


@pytest.mark.parametrize("part", ["the lungs and ", "no acute, ", "left lung, ", "heart ", "no ", "a", "No effusion. "])
@pytest.mark.parametrize("length", [590, 100_000])
def test_a_writer_that_does_not_stop_costs_no_time(part: str, length: int) -> None:
    evidence = evidence_of("+Effusion")
    text = (part * length)[:length]
    started = time.process_time()
    assert examine(Draft(text, text), evidence)
    mended = repair(Draft(text, text), evidence)
    assert time.process_time() - started < 5
    assert examine(mended, evidence) == ()
