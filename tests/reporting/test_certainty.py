"""Bands of certainty and their words."""

import pytest

from core.classifier.policies import OperatingPoint
from core.findings import BY_NAME
from core.reporting.certainty import CERTAINTIES, PHRASES, Certainty, certainty_of, stated
from core.reporting.evidence import FindingEvidence


@pytest.mark.parametrize(
    ("decision", "probability", "assured", "band"),
    [
        ("present", 0.5, None, "likely"),
        ("present", 0.49, None, "possible"),
        ("present", 0.3, 0.5, "likely"),
        ("present", 0.3, 0.49, "possible"),
        ("possible", 0.7, None, "likely"),
        ("possible", 0.2, None, "possible"),
        ("possible", 0.19, 0.1, "cannot_be_excluded"),
        ("present", None, None, "likely"),
        ("possible", None, None, "possible"),
        ("absent", 0.9, None, None),
        ("unknown", None, None, None),
    ],
)
def test_the_band_follows_the_probability_unless_such_calls_proved_right(
    decision: str, probability: float | None, assured: float | None, band: Certainty | None
) -> None:
    assert certainty_of(decision, probability, assured) == band


@pytest.mark.parametrize("band", CERTAINTIES)
def test_each_wording_is_a_sentence_that_names_the_finding(band: Certainty) -> None:
    for number in range(len(PHRASES[band].sentences)):
        for several in (False, True):
            text = stated(band, "pleural effusion", wording=number, several=several)
            assert "pleural effusion" in text.lower()
            assert text[0].isupper()
            assert text.endswith(".")


def test_only_what_is_likely_is_stated_without_a_hedge() -> None:
    assert [band for band in CERTAINTIES if not PHRASES[band].hedged] == ["likely"]


def test_a_finding_tells_the_precision_of_its_own_kind_of_call() -> None:
    measured = {"precision": 0.7, "precision_ci95": (0.52, 0.8)}
    measured |= {"possible_precision": 0.3, "possible_precision_ci95": (0.2, 0.4)}
    point = OperatingPoint(0.4, 0.2, None, None, None, None, 9, 90, **measured)
    present, possible, absent = (
        FindingEvidence(BY_NAME["Mass"], probability, point, decision, (), None)
        for decision, probability in (("present", 0.45), ("possible", 0.25), ("absent", 0.1))
    )
    assert (present.precision, present.certainty) == (0.7, "likely")
    assert (possible.precision, possible.certainty) == (0.3, "possible")
    assert (absent.precision, absent.certainty) == (None, None)
