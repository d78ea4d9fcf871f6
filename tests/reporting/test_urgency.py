import pytest

from core.classifier.calibration import OperatingPoint
from core.findings import BY_NAME
from core.reporting import FindingEvidence
from core.reporting.evidence import decide
from core.reporting.urgency import LEVELS, urgency_of

POINT = OperatingPoint(
    threshold=0.2,
    possible_threshold=0.1,
    sensitivity=0.5,
    specificity=0.9,
    possible_sensitivity=0.6,
    possible_specificity=0.8,
    n_positive=50,
    n_negative=450,
    chosen_for="a test",
)


def _called(**probabilities: float) -> list[FindingEvidence]:
    return [
        FindingEvidence(BY_NAME[name], value, POINT, decide(value, POINT), (), None)
        for name, value in probabilities.items()
    ]


@pytest.mark.parametrize(
    ("probabilities", "level", "because"),
    [
        ({"Pneumothorax": 0.2}, "urgent", ["Pneumothorax"]),
        ({"Pneumothorax": 0.15}, "soon", ["Pneumothorax"]),
        ({"Pneumothorax": 0.05}, "routine", []),
        ({"Edema": 0.41}, "urgent", ["Edema"]),
        ({"Edema": 0.39}, "soon", ["Edema"]),
        ({"Edema": 0.15}, "routine", []),
        ({"Mass": 0.9}, "soon", ["Mass"]),
        ({"Cardiomegaly": 0.9, "Hernia": 0.9}, "routine", []),
        ({"Mass": 0.9, "Effusion": 0.3, "Pneumonia": 0.35}, "soon", ["Pneumonia", "Effusion", "Mass"]),
        ({"Effusion": 0.9, "Pneumothorax": 0.21, "Mass": 0.9}, "urgent", ["Pneumothorax", "Effusion"]),
    ],
)
def test_the_rule_decides_by_finding_decision_and_multiple_of_the_operating_point(
    probabilities: dict[str, float], level: str, because: list[str]
) -> None:
    urgency = urgency_of(_called(**probabilities))
    assert urgency.level == level
    assert [item.finding.name for item in urgency.because] == because


def test_ranks_sort_pneumothorax_before_what_is_also_urgent_and_levels_by_pressure() -> None:
    cases = [
        {"Pneumothorax": 0.2},
        {"Consolidation": 0.9},
        {"Pneumothorax": 0.1},
        {"Effusion": 0.2},
        {"Nodule": 0.9},
        {"Hernia": 0.9},
    ]
    ranked = [urgency_of(_called(**case)) for case in cases]
    assert [urgency.rank for urgency in ranked] == sorted({urgency.rank for urgency in ranked})
    assert [LEVELS.index(urgency.level) for urgency in ranked] == [0, 0, 1, 1, 1, 2]
    assert urgency_of(_called(Effusion=0.38)).strength > urgency_of(_called(Effusion=0.3)).strength


def test_the_sentence_says_what_it_rests_on() -> None:
    sentence = urgency_of(_called(Pneumothorax=0.5, Edema=0.44)).sentence
    assert sentence == (
        "Rests on Pneumothorax present (50%, 2.5 times its operating point); "
        "Edema present (44%, 2.2 times its operating point)."
    )
    assert urgency_of([]).sentence == "None of the findings that ChestLens sorts forward is called."


def test_a_call_without_its_probability_counts_as_just_at_the_operating_point() -> None:
    known_by_name = FindingEvidence(BY_NAME["Effusion"], None, None, "present", (), None)
    assert urgency_of([known_by_name]).level == "soon"
