import numpy as np
import pandas as pd
import pytest

from core.datasets import assign_splits, restore_validation
from core.findings import LABELS

FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}


def _table(seed: int, patients: int = 400) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    images = generator.geometric(0.4, size=patients)
    rows = pd.DataFrame({"patient_id": np.repeat([f"p{i}" for i in range(patients)], images)})
    for column, label in enumerate(LABELS):
        rows[label] = (generator.random(len(rows)) < 0.3 / (column + 1)).astype(float)
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_no_patient_stands_in_two_splits(seed: int) -> None:
    table = _table(seed)
    splits = assign_splits(table, fractions=FRACTIONS, seed=seed)
    assert splits.groupby(table["patient_id"]).nunique().max() == 1
    assert set(splits) == set(FRACTIONS)


def test_each_split_gets_its_share_of_images_and_of_rare_labels() -> None:
    table = _table(0, patients=1500)
    splits = assign_splits(table, fractions=FRACTIONS, seed=0)
    for name, share in FRACTIONS.items():
        assert (splits == name).mean() == pytest.approx(share, abs=0.01)
        for label in LABELS:
            positives = table[label].sum()
            assert table.loc[splits == name, label].sum() == pytest.approx(share * positives, abs=3)


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    table = _table(3)
    first = assign_splits(table, fractions=FRACTIONS, seed=1)
    assert first.equals(assign_splits(table, fractions=FRACTIONS, seed=1))
    assert not first.equals(assign_splits(table, fractions=FRACTIONS, seed=2))


def test_shares_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must sum to 1, not 0\.900"):
        assign_splits(_table(0), fractions={"train": 0.7, "val": 0.2})


def test_patients_with_many_images_are_shared_among_the_splits() -> None:
    table = _table(5, patients=1500)
    splits = assign_splits(table, fractions={"train": 0.85, "val": 0.15}, seed=0)
    per_patient = [table[splits == name].groupby("patient_id").size().mean() for name in ("train", "val")]
    assert per_patient[1] == pytest.approx(per_patient[0], rel=0.15)


def test_the_division_of_a_checkpoint_is_found_again() -> None:
    table = pd.DataFrame({"study_id": list("abcd"), "split": ["train", "val", "train", "test"]})
    assert restore_validation(table, ["a", "d"])["split"].tolist() == ["val", "train", "train", "test"]
