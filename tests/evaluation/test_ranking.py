import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from core.evaluation.bootstrap import bootstrap, bootstrap_both, interval
from core.evaluation.ranking import Ranking, auroc_per_label, average_precision_per_label
from core.statistics import patient_draws


@pytest.mark.parametrize("digits", [1, 8])
def test_auroc_and_average_precision_equal_scikit_learns_with_and_without_ties(digits: int) -> None:
    generator = np.random.default_rng(digits)
    labels = (generator.random((500, 4)) < (0.3, 0.02, 0.7, 0.1)).astype(float)
    scores = np.round(generator.normal(labels * 0.8, 1), digits)
    labels[:100, 2] = np.nan
    for i, (auroc, precision) in enumerate(
        zip(auroc_per_label(labels, scores), average_precision_per_label(labels, scores), strict=True)
    ):
        known = np.isfinite(labels[:, i])
        assert auroc == pytest.approx(roc_auc_score(labels[known, i], scores[known, i]), abs=1e-9)
        assert precision == pytest.approx(average_precision_score(labels[known, i], scores[known, i]), abs=1e-9)


def test_a_resample_is_what_scikit_learn_gives_the_same_images_as_weights() -> None:
    generator = np.random.default_rng(2)
    labels, patients = (generator.random(300) < 0.1).astype(float), generator.integers(0, 90, 300)
    scores = np.round(generator.normal(labels, 1), 1)
    weights = next(patient_draws(patients, resamples=8, seed=5))
    assert (weights.sum(axis=0) > 0).all()
    aurocs, precisions = Ranking(labels, scores).measure(weights)
    for resample in range(8):
        given = {"sample_weight": weights[:, resample]}
        assert aurocs[resample] == pytest.approx(roc_auc_score(labels, scores, **given), abs=1e-9)
        assert precisions[resample] == pytest.approx(average_precision_score(labels, scores, **given), abs=1e-9)


def test_whole_patients_are_drawn_and_as_many_as_there_are() -> None:
    patients = np.repeat(["a", "b", "c", "d"], (1, 2, 3, 4))
    weights = np.concatenate(list(patient_draws(patients, resamples=100, seed=1)), axis=1)
    assert weights.shape == (10, 100)
    first = np.flatnonzero(np.r_[True, patients[1:] != patients[:-1]])
    assert (weights[first].sum(axis=0) == 4).all()
    assert (weights == weights[first][np.repeat(range(4), (1, 2, 3, 4))]).all()


def test_a_group_is_judged_by_its_own_images_and_on_the_same_resamples() -> None:
    generator = np.random.default_rng(3)
    labels = (generator.random((200, 2)) < 0.4).astype(float)
    scores, patients = generator.normal(labels, 1), np.arange(200)
    group = np.arange(200) < 120
    of_group, of_all = (
        bootstrap_both(labels, [scores], patients, groups=[rows], resamples=40)[0] for rows in (group, group | True)
    )
    both = bootstrap_both(labels, [scores], patients, groups=[group, group | True], resamples=40)[0]
    np.testing.assert_array_equal(both, np.concatenate([of_group, of_all]))
    assert np.median(of_group[0, :, 0]) == pytest.approx(roc_auc_score(labels[group, 0], scores[group, 0]), abs=0.03)


def test_a_label_without_negatives_has_neither_figure() -> None:
    ones = np.ones((10, 1))
    assert np.isnan([auroc_per_label(ones, ones)[0], average_precision_per_label(ones, ones)[0]]).all()


def test_the_interval_holds_the_true_auroc_in_93_to_97_of_100_studies() -> None:
    """Patients with one to four alike images; binormal scores, whose AUROC is known."""
    generator = np.random.default_rng(20)
    separation, studies = 1.0, 800
    true = norm.cdf(separation / np.sqrt(2))
    patients = np.repeat(np.arange(110), generator.integers(1, 5, 110))
    inside = 0
    for study in range(studies):
        labels = (generator.random(len(patients)) < 0.35).astype(float)
        alike = generator.normal(0, 1, 110)[patients]
        scores = np.sqrt(0.5) * alike + np.sqrt(0.5) * generator.normal(0, 1, len(patients)) + separation * labels
        drawn = bootstrap(labels[:, None], [scores[:, None]], patients, resamples=250, seed=study)
        low, high = interval(drawn[0, :, 0]) or (1, 0)
        inside += low <= true <= high
    assert 0.93 <= inside / studies <= 0.97
