"""Decisions, thresholds, calibration, subgroups and label noise."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.metrics import brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

from core.classifier.calibration import Calibration
from core.datasets import load_adjudicated
from core.evaluation.calibration_error import calibration_figures, uncalibrated
from core.evaluation.comparison import compare
from core.evaluation.decisions import baselines, decision_figures
from core.evaluation.label_noise import adjudicated_figures, auroc_against_truth, mined_label_quality
from core.evaluation.subgroups import subgroup_figures
from core.evaluation.thresholds import (
    FIXED_SENSITIVITY,
    LARGEST_F1,
    YOUDEN,
    choose_thresholds,
    load_thresholds,
    save_thresholds,
)
from core.findings import LABELS


def _data(n: int = 400, seed: int = 0, separation: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = (generator.random((n, 14)) < np.linspace(0.1, 0.4, 14)).astype(float)
    return labels, np.clip(generator.normal(0.3 + separation * labels, 0.15), 0.001, 0.999)


def test_shares_agree_with_scikit_learn_and_lie_in_their_intervals() -> None:
    labels, p = _data()
    figures = decision_figures(labels, p, np.arange(400), np.full(14, 0.45), resamples=100)
    called = p >= 0.45
    for mean in ("micro", "macro"):
        for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
            assert figures[f"{mean}_{name}"] == pytest.approx(score(labels, called, average=mean, zero_division=0))
    assert figures["label_accuracy"] == pytest.approx((called == labels).mean())
    assert figures["subset_accuracy"] == pytest.approx((called == labels).all(axis=1).mean())
    mass = figures["per_label"]["Mass"]
    assert mass["npv"] == pytest.approx(mass["tn"] / (mass["tn"] + mass["fn"]))
    for name in ("precision", "recall", "specificity", "npv", "f1"):
        low, high = mass[f"{name}_ci95"]
        assert low < mass[name] < high


def test_the_baselines_are_what_drawing_at_the_prevalence_scores() -> None:
    labels, _ = _data(3000)
    generator = np.random.default_rng(1)
    found = baselines(labels)
    drawn = [generator.random(labels.shape) < labels.mean(axis=0) for _ in range(20)]
    by_chance = found["prevalence"]
    assert by_chance["label_accuracy"] == pytest.approx(np.mean([(one == labels).mean() for one in drawn]), abs=0.005)
    assert by_chance["micro_f1"] == pytest.approx(
        np.mean([f1_score(labels, one, average="micro") for one in drawn]), abs=0.01
    )
    assert by_chance["macro_f1"] == pytest.approx(
        np.mean([f1_score(labels, one, average="macro") for one in drawn]), abs=0.01
    )
    assert by_chance["subset_accuracy"] == pytest.approx(
        np.mean([(one == labels).all(axis=1).mean() for one in drawn]), abs=0.005
    )
    assert found["all_negative"]["subset_accuracy"] == pytest.approx((labels == 0).all(axis=1).mean())


def test_each_rule_chooses_the_best_threshold_there_is() -> None:
    labels, p = _data(120)
    labels[:, 3] = 0
    chosen = choose_thresholds(labels, p)
    assert chosen[YOUDEN][LABELS[3]] is None
    y, scores = labels[:, 0] > 0.5, p[:, 0]
    levels = np.r_[scores, 0, 1]

    def shares(level: float) -> tuple[float, float, float]:
        called = scores >= level
        return called[y].mean(), (~called[~y]).mean(), f1_score(y, called, zero_division=0)

    every = np.array([shares(level) for level in levels])
    sensitivity, specificity, _ = shares(chosen[YOUDEN][LABELS[0]] or 0)
    assert sensitivity + specificity == pytest.approx((every[:, 0] + every[:, 1]).max())
    assert shares(chosen[LARGEST_F1][LABELS[0]] or 0)[2] == pytest.approx(every[:, 2].max())
    fixed = shares(chosen[FIXED_SENSITIVITY][LABELS[0]] or 0)
    assert fixed[0] >= 0.9
    assert fixed[1] == pytest.approx(every[every[:, 0] >= 0.9, 1].max())


def test_thresholds_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    chosen = choose_thresholds(*_data())
    save_thresholds(chosen, path, model="a", n_images=400)
    assert load_thresholds(path, model="a")["rules"] == chosen
    with pytest.raises(ValueError, match="chosen for another model"):
        load_thresholds(path, model="b")
    path.write_text(json.dumps({"rules": {}}))
    with pytest.raises(ValueError, match="not a file of thresholds"):
        load_thresholds(path, model="a")
    with pytest.raises(ValueError, match="There is no file"):
        load_thresholds(tmp_path / "none.json", model="a")


def test_platt_scaling_is_undone_and_its_calibration_error_is_the_larger_one() -> None:
    generator = np.random.default_rng(4)
    truth = generator.uniform(0.02, 0.6, (20_000, 2))
    labels = np.full((20_000, 14), np.nan)
    labels[:, [3, 7]] = generator.random(truth.shape) < truth
    slopes, intercepts = (0.7, 1.3), (-0.9, 0.4)
    raw = (logit(truth) - intercepts) / slopes
    calibration = Calibration(slopes, intercepts)
    probabilities = np.full((20_000, 14), np.nan, dtype=np.float32)
    probabilities[:, [3, 7]] = calibration(raw.astype(np.float32))
    before = uncalibrated(probabilities, calibration, [3, 7])
    np.testing.assert_allclose(before[:, [3, 7]], expit(raw), atol=1e-5)
    found = calibration_figures(labels, probabilities, before=before)
    assert found[LABELS[0]] is None
    one = found[LABELS[3]]
    assert one["after"]["ece"] < 0.012 < 0.05 < one["before"]["ece"]
    assert one["after"]["brier"] == pytest.approx(brier_score_loss(labels[:, 3], probabilities[:, 3]), abs=1e-6)
    assert one["after"]["brier"] < one["before"]["brier"]
    assert sum(each["n"] for each in one["after"]["bins"]) == 20_000


def _table(labels: np.ndarray, **columns: object) -> pd.DataFrame:
    n = len(labels)
    base = {"source": "nih", "patient_id": np.arange(n).astype(str), "study_id": [f"s{i}" for i in range(n)]}
    base |= {"sex": "F", "age": 50.0, "view": "PA"}
    return pd.DataFrame(base | columns)


def test_a_gap_that_is_there_is_found_and_one_that_is_not_is_not() -> None:
    labels, p = _data(1500, seed=5)
    generator = np.random.default_rng(6)
    sex, view = generator.choice(["F", "M"], 1500), generator.choice(["AP", "PA"], 1500)
    p[sex == "M"] = generator.random((int((sex == "M").sum()), 14))  # the model knows nothing of men
    rows = {
        (row["variable"], row["group"]): row
        for row in subgroup_figures(
            _table(labels, sex=sex, view=view, age=np.where(view == "AP", 70.0, np.nan)), labels, p, resamples=100
        )
    }
    assert set(rows) == {("sex", "F"), ("sex", "M"), ("view", "AP"), ("view", "PA")}  # one age band is no comparison
    women = rows["sex", "F"]
    assert women["larger_than_chance"]
    assert sum(one["larger_than_chance"] for one in women["per_label"]) >= 12
    expected = np.mean([roc_auc_score(labels[sex == "F", i], p[sex == "F", i]) for i in range(14)])
    assert women["macro_auroc"] == pytest.approx(expected)
    assert women["gap"] == pytest.approx(expected - rows["sex", "M"]["macro_auroc"])
    assert rows["sex", "M"]["gap"] is None
    assert not rows["view", "AP"]["larger_than_chance"]


def test_a_group_with_few_positives_is_not_judged() -> None:
    labels, p = _data(300)
    sex = np.where(np.arange(300) < 20, "M", "F")
    labels[:20] = 0
    rows = subgroup_figures(_table(labels, sex=sex), labels, p, resamples=10)
    assert [row["macro_auroc"] for row in rows] == [None, None]
    assert not any(row["larger_than_chance"] for row in rows)


def test_assumed_noise_moves_auroc_as_noise_in_a_simulation_does() -> None:
    generator = np.random.default_rng(7)
    truth = generator.random(200_000) < 0.3
    scores = generator.normal(truth * 1.2, 1)
    # Of the labelled positives 0.25 are wrong, of the labelled negatives 0.05.
    flipped = truth ^ (generator.random(len(truth)) < np.where(truth, 0.1, 0.12))
    a, b = (~truth)[flipped].mean(), truth[~flipped].mean()
    measured = roc_auc_score(flipped, scores)
    assert measured < norm.cdf(1.2 / np.sqrt(2)) - 0.05
    assert auroc_against_truth(measured, a, b) == pytest.approx(norm.cdf(1.2 / np.sqrt(2)), abs=0.005)
    assert auroc_against_truth(0.9, 0.3, 0.2) is None
    assert auroc_against_truth(0.7, 0.6, 0.4) is None


def test_adjudicated_labels_judge_the_model_and_the_mined_labels() -> None:
    adjudicated = load_adjudicated()
    if adjudicated is None:
        pytest.skip("torchxrayvision, which carries the adjudicated labels, is not installed")
    quality = mined_label_quality(adjudicated)
    # The published table: 4,376 images; PPV and sensitivity of mined pneumothorax are both 0.46.
    assert quality["Pneumothorax"]["n_images"] == 4376
    assert 1 - quality["Pneumothorax"]["wrong_positives"] == pytest.approx(0.46, abs=0.01)
    assert quality["Pneumothorax"]["sensitivity"] == pytest.approx(0.46, abs=0.01)
    part = adjudicated.iloc[:400]
    p = np.zeros((400, 14))
    p[:, LABELS.index("Infiltration")] = part["Airspace opacity"] * 0.9  # right by the adjudicated labels
    table = pd.DataFrame({"study_id": part.index, "source": "nih"})
    own = adjudicated_figures(table, p, np.arange(400), adjudicated, resamples=50)["Airspace opacity"]
    assert own["auroc_adjudicated"] == 1
    assert own["auroc_mined"] < 0.9
    assert own["difference_ci95"][0] > 0
    elsewhere = adjudicated_figures(table.assign(source="csv"), p, np.arange(400), adjudicated, resamples=5)
    assert elsewhere["Airspace opacity"]["n_images"] == 0


def test_comparison_finds_the_label_on_which_a_model_is_worse() -> None:
    labels, p = _data(800, seed=8)
    generator = np.random.default_rng(9)
    other = np.clip(p + generator.normal(0, 0.02, p.shape), 0, 1)
    other[:, 2] = generator.random(800)
    other[:100, 5] = np.nan
    found = compare(labels, p, other, np.arange(800), resamples=60)["per_label"]
    assert [name for name, row in found.items() if row["larger_than_chance"]] == [LABELS[2]]
    assert found[LABELS[5]]["ours"] == pytest.approx(roc_auc_score(labels[100:, 5], p[100:, 5]))
    low, high = found[LABELS[2]]["difference_ci95"]
    assert 0 < low < found[LABELS[2]]["difference"] < high
