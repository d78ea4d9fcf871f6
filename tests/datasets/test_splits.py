import numpy as np
import pandas as pd
import pytest

from core.datasets import DatasetError, assign_splits, patient_keys, restore_validation, split_table, validating_rows
from core.findings import LABELS

FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}


def _table(seed: int, patients: int = 400) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    images = generator.geometric(0.4, size=patients)
    rows = pd.DataFrame({"patient_id": np.repeat([f"p{i}" for i in range(patients)], images)})
    for column, label in enumerate(LABELS):
        rows[label] = (generator.random(len(rows)) < 0.3 / (column + 1)).astype(float)
    return rows.assign(source="a", split="")


def _mixed(seed: int) -> pd.DataFrame:
    """Three sources with equal patient ids, one of which comes in two pieces; some rows with a given split."""
    generator = np.random.default_rng(seed)
    pieces = [_table(seed + piece, patients=60).assign(source=source) for piece, source in enumerate("abbc")]
    table = pd.concat(pieces, ignore_index=True)
    table["split"] = generator.choice(["", "", "", "train", "val", "test"], size=len(table))
    table.loc[table["source"] == "c", "split"] = ""
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.mark.parametrize("seed", range(20))
def test_no_patient_stands_in_two_splits(seed: int) -> None:
    table = _table(seed)
    splits = assign_splits(table, fractions=FRACTIONS, seed=seed)
    assert splits.groupby(table["patient_id"]).nunique().max() == 1
    assert set(splits) == set(FRACTIONS)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("given", [True, False])
def test_no_patient_of_mixed_sources_stands_in_two_splits(seed: int, given: bool) -> None:
    table = _mixed(seed)
    divided, torn = split_table(table, seed=seed, given=given)
    assert divided.groupby(patient_keys(divided))["split"].nunique().max() == 1
    assert set(divided["split"]) == {"train", "val", "test"}
    assert bool(torn) == given


def test_given_splits_are_kept_and_the_rest_goes_to_those_not_given() -> None:
    table = _table(1, patients=1000)
    first = table["patient_id"].isin([f"p{i}" for i in range(100)])
    table.loc[first, "split"] = "test"
    divided, torn = split_table(table)
    assert torn == []
    assert (divided["split"][first] == "test").all()
    rest = divided["split"][~first]
    assert (rest == "train").mean() == pytest.approx(0.7 / 0.85, abs=0.01)
    assert (rest == "val").mean() == pytest.approx(0.15 / 0.85, abs=0.01)


def test_the_rest_of_a_source_that_gives_all_three_splits_is_for_training() -> None:
    table = _table(2, patients=90)
    numbers = table["patient_id"].str.removeprefix("p").astype(int)
    table["split"] = numbers.map(lambda number: ("train", "val", "test", "")[number % 4])
    divided, _ = split_table(table)
    assert (divided["split"][table["split"] == ""] == "train").all()
    assert (divided["split"][table["split"] == "val"] == "val").all()


def test_a_patient_given_to_several_splits_goes_whole_to_the_most_guarded_and_is_listed() -> None:
    table = _table(3, patients=3)
    table["split"] = "train"
    table.loc[table.index[table["patient_id"] == "p1"][0], "split"] = "test"
    table = pd.concat([table, table[table["patient_id"] == "p1"].assign(split="train")], ignore_index=True)
    divided, torn = split_table(table)
    assert set(divided.loc[divided["patient_id"] == "p1", "split"]) == {"test"}
    assert [problem.item for problem in torn] == ["a:p1"]


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
    first = split_table(table, seed=1)[0]["split"]
    assert first.equals(split_table(table, seed=1)[0]["split"])
    assert not first.equals(split_table(table, seed=2)[0]["split"])


def test_shares_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must sum to 1, not 0\.900"):
        assign_splits(_table(0), fractions={"train": 0.7, "val": 0.2})
    with pytest.raises(ValueError, match=r"must sum to 1, not 0\.7, 0\.2, 0\.2"):
        split_table(_table(0), fractions=(0.7, 0.2, 0.2))


def test_patients_with_many_images_are_shared_among_the_splits() -> None:
    table = _table(5, patients=1500)
    splits = assign_splits(table, fractions={"train": 0.85, "val": 0.15}, seed=0)
    per_patient = [table[splits == name].groupby("patient_id").size().mean() for name in ("train", "val")]
    assert per_patient[1] == pytest.approx(per_patient[0], rel=0.15)


def test_the_division_of_a_checkpoint_is_found_again() -> None:
    table = pd.DataFrame({"study_id": list("abcd"), "split": ["train", "val", "train", "test"]})
    table = table.assign(source="nih", patient_id=list("1234"))
    restored = restore_validation(table, {"validation_studies": ["a", "d"]})
    assert restored["split"].tolist() == ["val", "train", "train", "test"]


def test_no_further_image_of_a_validation_patient_is_trained_on() -> None:
    table = pd.DataFrame({"study_id": list("abcde"), "split": ["train", "val", "train", "test", "val"]})
    table = table.assign(source=["nih", "nih", "nih", "nih", "other"], patient_id=["1", "1", "2", "1", "1"])
    restored = restore_validation(table, {"validation_studies": ["a"]})
    assert dict(zip(restored["study_id"], restored["split"], strict=True)) == {
        "a": "val",
        "c": "train",
        "d": "test",
        "e": "train",
    }


def test_a_folder_without_the_validation_images_still_keeps_off_their_patients() -> None:
    table = pd.DataFrame({"study_id": list("ab"), "split": ["train", "val"], "source": "nih", "patient_id": ["1", "2"]})
    provenance = {"validation_studies": ["z"], "validation_patients": ["nih:1"]}
    assert restore_validation(table, provenance)["study_id"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("studies", "source", "chosen"),
    [
        (["a"], "nih", ["a"]),
        # Patient 1's other images: the table's own division would give b and d, which may have been trained on.
        (["z"], "nih", ["a", "c"]),
        (["z"], "other", ["b", "d"]),
    ],
)
def test_a_checkpoint_is_judged_by_images_that_it_did_not_learn_from(
    studies: list[str], source: str, chosen: list[str]
) -> None:
    table = pd.DataFrame({"study_id": list("abcde"), "split": ["train", "val", "train", "val", "test"]})
    table = table.assign(source=source, patient_id=list("12131"))
    rows = validating_rows(table, {"validation_studies": studies, "validation_patients": ["nih:1"]})
    assert (rows["study_id"].tolist(), set(rows["split"])) == (chosen, {"val"})


def test_images_that_a_checkpoint_may_have_learned_from_judge_nothing() -> None:
    table = pd.DataFrame({"study_id": ["a"], "split": ["val"], "source": ["nih"], "patient_id": ["2"]})
    with pytest.raises(DatasetError, match="may have learned from any of them"):
        validating_rows(table, {"validation_studies": ["z"], "validation_patients": ["nih:1"]})
