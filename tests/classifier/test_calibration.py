import numpy as np
import pytest
from scipy.special import expit

from core.classifier.calibration import fit_calibration


def test_calibration_recovers_true_probabilities() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(-2, 1, size=(4000, 1))
    labels = (generator.random(truth.shape) < expit(truth)).astype(np.float32)
    overconfident = (3 * truth + 1).astype(np.float32)
    calibrated = fit_calibration(overconfident, labels)(overconfident)
    assert np.abs(calibrated - expit(truth)).max() < 0.06
    assert calibrated.mean() == pytest.approx(labels.mean(), abs=0.01)


def test_a_label_with_three_positives_keeps_its_ranking_and_gets_the_right_mean() -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(500, 1)).astype(np.float32)
    labels = np.zeros((500, 1), dtype=np.float32)
    labels[np.argsort(logits[:, 0])[:3]] = 1  # the three lowest: a free fit would turn the ranking round
    calibrated = fit_calibration(logits, labels)(logits)
    assert (np.argsort(calibrated[:, 0]) == np.argsort(logits[:, 0])).all()
    assert calibrated.mean() == pytest.approx(3 / 500, rel=0.2)


def test_a_label_without_positives_keeps_the_networks_own_probability() -> None:
    logits = np.array([[0.5], [-1.0]], dtype=np.float32)
    assert fit_calibration(logits, np.zeros((2, 1), np.float32))(logits) == pytest.approx(expit(logits))
