import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.statistics import clustered_auroc, clustered_aurocs, expit, logit, two_sided_p, wilson


def test_auroc_is_scikit_learns_and_clusters_widen_its_interval() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300).astype(bool)
    scores = np.round(rng.normal(truth * 0.7, 1), 1)
    auroc, error = clustered_auroc(truth, scores, np.arange(300))
    assert auroc == pytest.approx(roc_auc_score(truth, scores))
    resampled = []
    for _ in range(400):
        drawn = rng.integers(0, 300, 300)
        resampled.append(roc_auc_score(truth[drawn], scores[drawn]))
    assert error == pytest.approx(np.std(resampled), rel=0.15)
    four = np.repeat(np.arange(300), 4)
    assert clustered_auroc(truth[four], scores[four], four)[1] == pytest.approx(error, rel=0.02)


def test_wilson_agrees_with_the_published_example() -> None:
    # Newcombe, Statistics in Medicine 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_a_difference_of_1_96_standard_errors_is_met_by_chance_in_5_of_100() -> None:
    assert two_sided_p(-1.959964 * 3, 3) == pytest.approx(0.05)
    assert two_sided_p(0, 3) == 1


def test_with_one_image_a_cluster_the_covariance_is_delongs() -> None:
    """The definition of DeLong, DeLong and Clarke-Pearson (1988), pair by pair."""
    rng = np.random.default_rng(1)
    truth = rng.random(120) < 0.3
    scores = np.round(np.stack([rng.normal(truth, 1), rng.normal(truth * 0.5, 1), rng.random(120)], axis=1), 1)
    kernel = np.array(
        [
            [[(x > y) + 0.5 * (x == y) for y in scores[~truth, model]] for x in scores[truth, model]]
            for model in range(3)
        ],
        dtype=float,
    )
    of_positives, of_negatives = kernel.mean(axis=2), kernel.mean(axis=1)
    expected = np.cov(of_positives) / truth.sum() + np.cov(of_negatives) / (~truth).sum()
    aurocs, covariance = clustered_aurocs(truth, scores, np.arange(120))
    np.testing.assert_allclose(aurocs, kernel.mean(axis=(1, 2)), atol=1e-9)
    np.testing.assert_allclose(covariance, expected, atol=1e-6, rtol=1e-6)


def test_log_odds_and_probabilities_are_each_others_inverse_also_where_nothing_is_known() -> None:
    probabilities = np.array([0, 1e-12, 0.5, 0.9, 1, np.nan])
    np.testing.assert_allclose(expit(logit(probabilities)), probabilities, rtol=1e-12)
