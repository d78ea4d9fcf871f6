"""What calls are worth, in words and on a bar."""

from dataclasses import replace

import pytest

from core.classifier.abnormality import Abnormal
from core.classifier.policies import OperatingPoint
from core.findings import BY_NAME
from core.reporting.evidence import FindingEvidence
from core.reporting.worth import abnormal_in_words, place_on_bar, precision_in_words, ticks_on_bar

POINT = OperatingPoint(
    0.5, 0.2, None, None, None, None, 9, 90, possible_precision=0.412, possible_precision_ci95=(0.2, 0.63)
)
CALL = FindingEvidence(BY_NAME["Mass"], 0.3, POINT, "possible", (), None)


def test_precision_is_told_as_people_count() -> None:
    assert precision_in_words(CALL) == "Of 100 such calls about 41 are right (20 to 63 by validation)."


def test_a_call_that_validation_never_saw_is_not_given_a_figure() -> None:
    words = precision_in_words(replace(CALL, decision="present", probability=0.6))
    assert words is not None
    assert "not measured" in words
    assert precision_in_words(replace(CALL, decision="absent")) is None


@pytest.mark.parametrize(
    ("probability", "end"), [(0.62, "from 56% on findings are called."), (0.3, "nothing is called.")]
)
def test_the_whole_study_is_told_with_its_interval(probability: float, end: str) -> None:
    words = abnormal_in_words(Abnormal(probability, 0.56, (probability - 0.07, probability + 0.07)))
    assert f"{probability:.0%} likely" in words
    assert words.endswith(end)


def test_nothing_is_told_as_certain() -> None:
    words = abnormal_in_words(Abnormal(0.9957, 0.56, (0.988, 0.998)))
    assert ">99% likely (95% interval 99% to >99%)" in words


def test_every_bar_has_its_ticks_at_the_same_places() -> None:
    rare = replace(POINT, threshold=0.4, possible_threshold=0.05)
    assert [place for _, place in ticks_on_bar(POINT)] == [place for _, place in ticks_on_bar(rare)]
    for point in (POINT, rare):
        assert place_on_bar(point.possible_threshold, point) == pytest.approx(1 / 3)
        assert place_on_bar(point.threshold, point) == pytest.approx(2 / 3)
    assert place_on_bar(0.1, POINT) == pytest.approx(1 / 6)
    assert place_on_bar(1.0, POINT) == 1
    assert place_on_bar(0.25, replace(POINT, possible_threshold=0.5)) == pytest.approx(1 / 3)
