"""What is chosen on validation images, and whether its figures are those of patients that did not choose."""

import numpy as np
import pytest
from scipy.special import expit, logit

from core.classifier.abnormality import AbnormalModel, abnormal_truth, features, fit_abnormal
from core.classifier.call_figures import figures_of_calls
from core.classifier.choosing import Decisions, decide
from core.classifier.newton import minimise
from core.classifier.policies import OperatingPoint, Policy
from core.findings import LABELS

N = 600


def collection(seed: int, signal: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, labels and patients (two images each) of a network with the same skill for every finding."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((N, 14)) < 0.08).astype(np.float32)
    logits = generator.normal(-3 + signal * labels, 1.0).astype(np.float32)
    return logits, labels, np.repeat(np.arange(N // 2), 2)


@pytest.fixture(scope="module")
def decisions() -> Decisions:
    return decide(*collection(0))


def test_the_same_images_give_the_same_decisions(decisions: Decisions) -> None:
    assert decide(*collection(0)) == decisions


def test_figures_promise_what_holds_on_other_patients(decisions: Decisions) -> None:
    logits, labels, patients = collection(1)
    p = decisions.calibration(logits)
    assert decisions.abnormal is not None
    for name, policy in decisions.policies.items():
        measured = figures_of_calls(labels, policy.calls(p, decisions.abnormal(p)), patients, resamples=0)
        for figure in ("normals_clean", "abnormal_called", "precision", "sensitivity", "micro_f1"):
            assert measured[figure]["value"] == pytest.approx(
                decisions.record["policies"][name][figure]["value"], abs=0.07
            ), (name, figure)


def test_each_policy_reaches_what_it_is_for(decisions: Decisions) -> None:
    figures = decisions.record["policies"]
    assert figures["reading"]["normals_clean"]["value"] == pytest.approx(0.85, abs=0.03)
    assert figures["screening"]["abnormal_called"]["value"] == pytest.approx(0.95, abs=0.03)
    assert figures["specific"]["normals_clean"]["value"] == pytest.approx(0.95, abs=0.03)
    assert figures["reading"]["micro_f1"]["value"] > figures["screening"]["micro_f1"]["value"]


def test_present_is_more_likely_right_than_wrong_and_possible_right_in_one_of_five(decisions: Decisions) -> None:
    for policy in decisions.policies.values():
        for point in policy.points.values():
            assert point.threshold >= 0.5
            assert point.precision is None or point.precision >= 0.5
    points = [point for point in decisions.policies["reading"].points.values() if point.possible_precision is not None]
    assert np.mean([point.possible_precision for point in points]) >= 0.2
    # One label's own calls are too few to say more than that it may be so.
    assert all(point.possible_precision_ci95[1] >= 0.2 for point in points)


def test_noise_is_found_to_be_worth_nothing() -> None:
    logits, labels, patients = collection(2, signal=0.0)
    found = decide(logits, labels, patients)
    auroc = found.record["abnormal"]["auroc"][found.record["abnormal"]["kept"]]
    assert auroc["ci95"][0] < 0.5 < auroc["ci95"][1] + 0.02
    assert found.record["policies"]["reading"]["micro_f1"]["value"] < 0.2


def test_the_probability_of_being_abnormal_is_calibrated_and_inside_its_interval(decisions: Decisions) -> None:
    logits, labels, _ = collection(3)
    assert decisions.abnormal is not None
    p = decisions.calibration(logits)
    abnormal = decisions.abnormal(p)
    assert abnormal.mean() == pytest.approx(abnormal_truth(labels).mean(), abs=0.05)
    assert (abnormal >= p.max(axis=1) - 1e-6).all()
    low, high = decisions.abnormal.interval(p).T
    assert (low <= abnormal).all()
    assert (abnormal <= high).all()


def test_a_collection_without_normal_images_has_no_model_of_abnormality() -> None:
    logits, labels, patients = collection(4)
    labels[:, 0] = 1
    found = decide(logits, labels, patients)
    assert found.abnormal is None
    assert found.policies["reading"].abnormal_threshold is None


def test_a_checkpoint_of_a_few_labels_decides_on_those() -> None:
    logits, labels, patients = collection(5)
    found = decide(logits[:, 1:4], labels[:, 1:4], patients, LABELS[1:4])
    assert set(found.policies["reading"].points) == set(LABELS[1:4])
    assert found.abnormal is not None
    p = np.full((2, 14), np.nan)
    p[:, 1:4] = (0.1, 0.2, 0.3), (0.9, 0.9, 0.9)
    assert found.abnormal(p)[0] < found.abnormal(p)[1]


def test_any_is_one_minus_the_product() -> None:
    p = np.random.default_rng(6).random((50, 14)) * 0.5
    assert features("any", p)[:, 0] == pytest.approx(logit(1 - np.prod(1 - p, axis=1)))


def test_the_learned_model_finds_the_weights_that_made_the_labels() -> None:
    generator = np.random.default_rng(7)
    x = generator.normal(size=(20_000, 2))
    truth = generator.random(20_000) < expit(1.5 * x[:, 0] - 0.5 * x[:, 1] + 0.3)
    weights, intercept = fit_abnormal("learned", expit(x), truth)
    assert [*weights, intercept] == pytest.approx([1.5, -0.5, 0.3], abs=0.07)


def test_an_interval_grows_with_the_doubt_of_the_fit() -> None:
    def width(scale: float) -> float:
        covariance = tuple(tuple(row) for row in (np.eye(2) * scale).tolist())
        low, high = AbnormalModel("any", LABELS, (1.0,), 0.0, covariance).interval(np.full((1, 14), 0.05))[0]
        return float(high - low)

    assert width(0.01) < width(0.1)


def test_newton_finds_the_minimum_of_a_curve_that_is_not_convex_everywhere() -> None:
    # x^4 / 4 - x^2 has minima at +-sqrt(2) and a maximum at 0.
    found = minimise(lambda x: (float(x[0] ** 4 / 4 - x[0] ** 2), x**3 - 2 * x, np.diag(3 * x**2 - 2)), np.array([0.1]))
    assert found[0] == pytest.approx(2**0.5, abs=1e-6)


def test_figures_count_what_is_called_by_hand() -> None:
    point = OperatingPoint(0.5, 0.2, None, None, None, None, 0, 0)
    policy = Policy("reading", "a test", None, {"Mass": point, "Edema": point})
    labels = np.zeros((4, 14))
    labels[0, LABELS.index("Mass")] = labels[1, LABELS.index("Edema")] = 1
    p = np.zeros((4, 14))
    p[0, LABELS.index("Mass")] = 0.6  # right, present
    p[1, LABELS.index("Mass")] = 0.3  # wrong, possible; the edema is missed
    p[2, LABELS.index("Edema")] = 0.7  # a false present in a normal radiograph
    figures = figures_of_calls(labels, policy.calls(p, None), np.arange(4), resamples=0)
    values = {name: figures[name]["value"] for name in figures if name != "per_label"}
    assert values == pytest.approx(
        {
            "false_calls_per_normal": 0.5,
            "normals_clean": 0.5,
            "normals_without_present": 0.5,
            "abnormal_called": 1.0,
            "calls_per_abnormal": 1.0,
            "precision": 1 / 3,
            "sensitivity": 0.5,
            "micro_f1": 0.4,
            "present_precision": 0.5,
            "present_sensitivity": 0.5,
        }
    )
    assert figures["per_label"]["Mass"]["precision"]["value"] == 0.5
    assert figures["per_label"]["Edema"]["sensitivity"]["value"] == 0.0
    assert figures["per_label"]["Hernia"]["precision"]["value"] is None


def test_an_image_that_could_not_be_judged_has_no_probability_of_being_abnormal(decisions: Decisions) -> None:
    assert decisions.abnormal is not None
    p = np.full((2, 14), 0.1)
    p[1] = np.nan
    assert np.isfinite(decisions.abnormal(p)).tolist() == [True, False]
