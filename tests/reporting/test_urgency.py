import pytest
from planned import drawn_evidence, evidence_with

from core.findings import BY_NAME
from core.reporting import FindingEvidence
from core.reporting.urgency import LEVELS, urgency_of


def _level(**probabilities: float) -> tuple[str, list[str]]:
    urgency = urgency_of(evidence_with(probabilities).findings)
    return urgency.level, [item.finding.name for item in urgency.because]


@pytest.mark.parametrize(
    ("probabilities", "level", "because"),
    [
        ({"Pneumothorax": 0.5}, "urgent", ["Pneumothorax"]),
        ({"Pneumothorax": 0.49}, "soon", ["Pneumothorax"]),
        ({"Pneumothorax": 0.11}, "soon", ["Pneumothorax"]),
        ({"Pneumothorax": 0.05}, "routine", []),
        ({"Edema": 0.5}, "urgent", ["Edema"]),
        ({"Edema": 0.2}, "soon", ["Edema"]),
        ({"Edema": 0.15}, "routine", []),
        ({"Mass": 0.9}, "soon", ["Mass"]),
        ({"Mass": 0.15}, "routine", []),
        ({"Cardiomegaly": 0.9, "Hernia": 0.9}, "routine", []),
        ({"Mass": 0.9, "Effusion": 0.3, "Pneumonia": 0.35}, "soon", ["Pneumonia", "Effusion", "Mass"]),
        ({"Effusion": 0.9, "Pneumothorax": 0.55, "Mass": 0.9}, "urgent", ["Pneumothorax", "Effusion"]),
    ],
)
def test_the_rule_decides_by_finding_and_certainty(
    probabilities: dict[str, float], level: str, because: list[str]
) -> None:
    assert _level(**probabilities) == (level, because)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_below_one_half_is_urgent_and_nothing_at_all_on_a_doubtful_picture(seed: int) -> None:
    findings = drawn_evidence(seed).findings
    urgency = urgency_of(findings)
    if urgency.level == "urgent":
        assert all((item.probability or 0) >= 0.5 for item in urgency.because)
    doubtful = urgency_of(findings, undoubted=False)
    assert doubtful.level != "urgent"
    assert (doubtful.level == "routine") == (urgency.level == "routine")


def test_ranks_sort_pneumothorax_before_what_is_also_urgent_and_levels_by_pressure() -> None:
    cases = [{"Pneumothorax": 0.5}, {"Consolidation": 0.9}, {"Pneumothorax": 0.1}, {"Effusion": 0.2}, {"Nodule": 0.9}]
    ranked = [urgency_of(evidence_with(case).findings) for case in (*cases, {"Hernia": 0.9})]
    assert [urgency.rank for urgency in ranked] == sorted({urgency.rank for urgency in ranked})
    assert [LEVELS.index(urgency.level) for urgency in ranked] == [0, 0, 1, 1, 1, 2]
    effusions = [urgency_of(evidence_with({"Effusion": value}).findings).strength for value in (0.3, 0.38)]
    assert effusions == pytest.approx([0.3, 0.38])


def test_the_sentence_says_what_it_rests_on() -> None:
    sentence = urgency_of(evidence_with({"Pneumothorax": 0.3, "Edema": 0.44}).findings).sentence
    assert sentence == "Rests on Pneumothorax, possible (30%); Edema, possible (44%)."
    assert urgency_of([]).sentence == "None of the findings that ChestLens sorts forward is called."


def test_a_call_without_its_probability_is_not_urgent() -> None:
    known_by_name = FindingEvidence(BY_NAME["Effusion"], None, None, "present", (), None)
    assert urgency_of([known_by_name]).level == "soon"
