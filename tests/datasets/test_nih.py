from pathlib import Path

import pytest

from core.datasets import DatasetError, load_nih
from core.findings import LABELS

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
)


def test_every_image_label_and_split_of_the_folder_is_found(nih_folder: Path) -> None:
    table = load_nih(nih_folder, val_fraction=0.3)
    assert len(table) == 24
    assert set(table.loc[table["split"] == "test", "study_id"]) == {"00000001_000", "00000002_000"}
    row = table.set_index("study_id").loc["00000003_000"]
    assert [label for label in LABELS if row[label] == 1] == ["Effusion", "Mass"]
    assert (row["view"], row["sex"], row["age"], row["patient_id"]) == ("PA", "M", 53, "3")
    assert row["original_px"] == 1024
    assert table[list(LABELS)].isin([0.0, 1.0]).all(axis=None)


def test_numbered_image_folders_and_other_suffixes_are_found(nih_folder: Path) -> None:
    numbered = nih_folder / "images_001" / "images"
    numbered.parent.mkdir()
    (nih_folder / "images").rename(numbered)
    assert len(load_nih(nih_folder)) == 24


def test_a_missing_table_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"No Data_Entry_2017_v2020\.csv .* as --data_dir"):
        load_nih(tmp_path)


def test_a_renamed_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(HEADER.replace("Finding Labels", "Labels"))
    with pytest.raises(DatasetError, match="lacks the column 'Finding Labels'"):
        load_nih(tmp_path)


def test_a_folder_without_images_is_said(nih_folder: Path) -> None:
    for image in (nih_folder / "images").iterdir():
        image.unlink()
    with pytest.raises(DatasetError, match="None of the 24 images"):
        load_nih(nih_folder)


def test_a_missing_test_list_is_not_passed_over(nih_folder: Path) -> None:
    (nih_folder / "test_list.txt").unlink()
    with pytest.raises(DatasetError, match=r"No test_list\.txt"):
        load_nih(nih_folder)


@pytest.mark.real_data
def test_the_real_collection_is_read_whole_and_keeps_the_localisation_set_apart(shared_data: Path) -> None:
    table = load_nih(shared_data / "nih")
    assert len(table) == 3535
    assert (table["split"] == "test").sum() == 179
    assert table["Infiltration"].sum() == 478
    assert table["Pneumonia"].sum() == 633
    assert table.groupby("patient_id")["split"].nunique().max() == 1
