"""Nobody who validated the shipped checkpoint, and nobody of the localisation set, was met in training."""

from pathlib import Path

import pandas as pd
import pytest

from core.classifier import SHIPPED, load_config
from core.datasets import load_table, restore_validation

pytestmark = pytest.mark.real_data

FOLDERS = ("nih", "nih_128px", "nih_64px", "nih_more")


def _patients(folder: Path) -> pd.Series:
    """Patient of each image, from NIH's own table and by its own ids rather than by the loader."""
    table = pd.read_csv(folder / "Data_Entry_2017_v2020.csv", usecols=["Image Index", "Patient ID"], dtype=str)
    return table.set_index(table["Image Index"].str.rsplit(".", n=1).str[0])["Patient ID"]


def test_no_patient_of_any_folder_stands_on_two_sides(shared_data: Path) -> None:
    folders = [shared_data / name for name in FOLDERS]
    provenance = load_config(SHIPPED).provenance
    table = restore_validation(load_table(["nih"] * len(folders), folders).table, provenance)
    patients = pd.concat([_patients(folder) for folder in folders])
    validating = set(patients[provenance["validation_studies"]])
    localising = set(patients[[name.rsplit(".", 1)[0] for name in (folders[0] / "test_list.txt").read_text().split()]])
    trained = set(patients[table.loc[table["split"] == "train", "study_id"]])
    assert len(trained) > 3000
    assert set(table.loc[table["split"] == "val", "study_id"]) == set(provenance["validation_studies"])
    assert not trained & validating
    assert not trained & localising
    assert not validating & localising
    # The other folders do hold images of validation patients: the rule has something to do.
    assert patients.isin(validating).sum() > len(provenance["validation_studies"])
