import numpy as np
import pytest
from sklearn.metrics import f1_score

from core.findings import LABELS
from core.vlm.text_metrics import agreement, asserted, contradictions, mean_measure, resample, score_of, statements
from core.vlm.text_metrics.labels import code_measure, pathology_measures


def whole(measures) -> dict[str, float]:  # type: ignore[no-untyped-def]
    size = len(measures[0].counts)
    return {name: float(values[0]) for name, values in resample(measures, np.arange(size), resamples=1).items()}


@pytest.fixture
def calls() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    truth = chance.random((80, 14)) < np.linspace(0.02, 0.4, 14)
    truth[:, 3] = False
    return truth ^ (chance.random((80, 14)) < 0.1), truth


def test_f1_agrees_with_scikit_learn(calls: tuple[np.ndarray, np.ndarray]) -> None:
    called, truth = calls
    found = whole(agreement("nih14", LABELS, called, truth))
    assert found["nih14.micro_f1"] == pytest.approx(f1_score(truth, called, average="micro"))
    with_positives = np.flatnonzero(truth.any(axis=0))
    expected = f1_score(truth, called, average=None, zero_division=0)
    assert found["nih14.macro_f1"] == pytest.approx(expected[with_positives].mean())
    assert found["nih14.labels.Mass.f1"] == pytest.approx(expected[LABELS.index("Mass")])


def test_unknown_truth_counts_for_nothing(calls: tuple[np.ndarray, np.ndarray]) -> None:
    called, truth = calls
    known = np.ones_like(truth)
    known[:, 5:] = False
    found = whole(agreement("evidence", LABELS, called, truth, known))
    assert found["evidence.micro_f1"] == pytest.approx(f1_score(truth[:, :5], called[:, :5], average="micro"))


def test_a_label_that_nobody_asserts_has_no_f1() -> None:
    nothing = np.zeros((4, 14), dtype=bool)
    scores = resample(agreement("nih14", LABELS, nothing, nothing), np.arange(4), resamples=10)
    assert score_of(scores["nih14.micro_f1"]).value is None
    assert score_of(scores["nih14.macro_f1"]).ci95 is None


def test_shares_of_one_pathology() -> None:
    truth = np.array([1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    called = np.array([1, 1, 0, 1, 0, 0, 0, 0], dtype=bool)
    found = whole([pathology_measures("pathologies", "Edema", called, truth)])
    assert found == pytest.approx(
        {
            "pathologies.Edema.accuracy": 6 / 8,
            "pathologies.Edema.sensitivity": 2 / 3,
            "pathologies.Edema.specificity": 4 / 5,
            "pathologies.Edema.f1": 2 / 3,
        }
    )


def test_statements_tell_present_doubt_absence_and_silence_apart() -> None:
    row = statements(["Cardiomegaly. Possible pneumonia. No pleural effusion."], "nih14")[0]
    found = dict(zip(LABELS, row.tolist(), strict=True))
    assert (found["Cardiomegaly"], found["Pneumonia"], found["Effusion"], found["Mass"]) == (1, -1, 0, -2)
    assert asserted(row).sum() == 2
    assert statements(["The heart is normal."], "chexpert14")[0, 0] == 1


def test_a_flip_contradicts_and_silence_or_doubt_do_not() -> None:
    ours = statements(["Pleural effusion.", "No pleural effusion.", "Possible pleural effusion.", ""], "nih14")
    theirs = statements(["No pleural effusion."] * 4, "nih14")
    assert contradictions(ours, theirs).any(axis=1).tolist() == [True, False, False, False]


def test_f1_of_codes() -> None:
    ours = [frozenset({"J189", "I509"}), frozenset(), frozenset({"J90"})]
    theirs = [frozenset({"J189"}), frozenset({"J939"}), frozenset({"J90"})]
    assert whole([code_measure("icd_f1", ours, theirs)])["icd_f1"] == pytest.approx(2 * 2 / (3 + 3))


def test_intervals_agree_with_resampling_the_studies_themselves() -> None:
    values = np.random.default_rng(1).random(200)
    drawn = score_of(resample([mean_measure("mean", values)], np.arange(200), resamples=2000)["mean"])
    chance = np.random.default_rng(2)
    means = [chance.choice(values, 200).mean() for _ in range(2000)]
    assert drawn.value == pytest.approx(values.mean())
    assert drawn.ci95 == pytest.approx(np.percentile(means, (2.5, 97.5)), abs=0.005)


def test_studies_of_one_patient_are_drawn_together() -> None:
    values = np.repeat(np.random.default_rng(1).random(20), 10)
    measure = [mean_measure("mean", values)]
    alone = score_of(resample(measure, np.arange(200))["mean"]).ci95
    together = score_of(resample(measure, np.repeat(np.arange(20), 10))["mean"]).ci95
    assert alone is not None
    assert together is not None
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])
