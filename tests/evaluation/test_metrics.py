import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from core.evaluation.bootstrap import bootstrap
from core.evaluation.comparison import compare
from core.evaluation.metrics import evaluate
from core.evaluation.ranking import auroc_per_label
from core.findings import LABELS

GENERATOR = np.random.default_rng(0)


def _data(n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = (GENERATOR.random((n, 14)) < 0.2).astype(float)
    probabilities = np.clip(GENERATOR.normal(0.3 + 0.2 * labels, 0.2), 0, 1)
    return labels, probabilities, GENERATOR.integers(0, n // 2, n)


def test_auroc_equals_scikit_learn_and_leaves_unknown_labels_out() -> None:
    labels, probabilities, _ = _data()
    labels[:50, 3] = np.nan
    labels[:, 7] = 0
    values = auroc_per_label(labels, probabilities)
    assert values[3] == pytest.approx(roc_auc_score(labels[50:, 3], probabilities[50:, 3]), abs=1e-9)
    assert np.isnan(values[7])


def test_a_label_without_positives_is_left_out_of_the_macro_mean_and_said() -> None:
    labels, probabilities, patients = _data()
    labels[:, 7] = 0
    metrics = evaluate(labels, probabilities, patients, thresholds=np.full(14, 0.5), split="val", resamples=20)
    assert metrics["n_labels_used"] == 13
    assert metrics["per_label"][LABELS[7]]["auroc"] is None
    expected = np.mean([roc_auc_score(labels[:, i], probabilities[:, i]) for i in range(14) if i != 7])
    assert metrics["macro_auroc"] == pytest.approx(expected, abs=1e-9)


def test_counts_and_f1_agree_with_scikit_learn_and_the_baseline_is_the_share_of_negatives() -> None:
    labels, probabilities, patients = _data()
    metrics = evaluate(labels, probabilities, patients, thresholds=np.full(14, 0.4), split="val", resamples=5)
    called = probabilities >= 0.4
    figures = metrics["per_label"]["Mass"]
    column = LABELS.index("Mass")
    assert figures["tp"] + figures["fp"] == called[:, column].sum()
    assert figures["f1"] == pytest.approx(f1_score(labels[:, column], called[:, column]))
    assert metrics["micro_f1"] == pytest.approx(f1_score(labels, called, average="micro"))
    assert metrics["macro_f1"] == pytest.approx(f1_score(labels, called, average="macro"))
    assert metrics["baselines"]["all_negative"]["label_accuracy"] == pytest.approx(1 - labels.mean())


def test_the_interval_is_wider_when_the_images_belong_to_few_patients() -> None:
    labels, probabilities, _ = _data(400)
    # Ten copies of each image: as images they look like ten times the evidence, as patients they are not.
    labels, probabilities = np.repeat(labels, 10, axis=0), np.repeat(probabilities, 10, axis=0)
    by_patient = bootstrap(labels, [probabilities], np.repeat(np.arange(400), 10), resamples=60)[0]
    by_image = bootstrap(labels, [probabilities], np.arange(4000), resamples=60)[0]
    assert by_patient.std(axis=0).mean() > 2 * by_image.std(axis=0).mean()


def test_a_model_compared_with_itself_differs_by_nothing_and_with_noise_by_something() -> None:
    labels, probabilities, patients = _data()
    same = compare(labels, probabilities, probabilities, patients, resamples=30)
    assert same["difference"] == {"macro_auroc": 0, "ci95": [0, 0]}
    noise = compare(labels, probabilities, GENERATOR.random(probabilities.shape), patients, resamples=30)
    assert noise["difference"]["ci95"][0] > 0


def test_a_split_without_positives_is_said() -> None:
    _, probabilities, patients = _data()
    with pytest.raises(ValueError, match="both positives and negatives in the val split"):
        evaluate(np.zeros((300, 14)), probabilities, patients, thresholds=np.full(14, 0.5), split="val", resamples=2)
