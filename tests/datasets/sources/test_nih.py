from pathlib import Path

import numpy as np
import pytest

from core.datasets import DatasetError, load_nih, split_table
from core.findings import LABELS

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
)


def _add_row(folder: Path, name: str, labels: str = "No Finding", age: str = "50") -> None:
    with (folder / "Data_Entry_2017_v2020.csv").open("a") as file:
        file.write(f"{name},{labels},0,99,{age},F,AP,1024,1024,0.14,0.14\n")


def test_every_image_and_label_of_the_folder_is_found(nih_folder: Path) -> None:
    table = load_nih(nih_folder).table
    assert len(table) == 24
    assert set(table.loc[table["split"] == "test", "study_id"]) == {"00000001_000", "00000002_000"}
    assert set(table["split"]) == {"test", ""}
    row = table.set_index("study_id").loc["00000003_000"]
    assert [label for label in LABELS if row[label] == 1] == ["Effusion", "Mass"]
    assert (row["view"], row["sex"], row["age"], row["patient_id"]) == ("PA", "M", 53, "3")
    assert row["original_px"] == 1024
    assert table[list(LABELS)].isin([0.0, 1.0]).all(axis=None)


def test_numbered_image_folders_and_other_suffixes_are_found(nih_folder: Path) -> None:
    numbered = nih_folder / "images_001" / "images"
    numbered.parent.mkdir()
    (nih_folder / "images").rename(numbered)
    (numbered / "00000003_000.png").rename(numbered / "00000003_000.JPG")
    assert len(load_nih(nih_folder).table) == 24


def test_a_missing_table_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"No Data_Entry_2017_v2020\.csv .* as --data_dir"):
        load_nih(tmp_path)
    with pytest.raises(DatasetError, match="There is no folder"):
        load_nih(tmp_path / "elsewhere")


def test_a_renamed_column_is_named_with_those_found(tmp_path: Path) -> None:
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(HEADER.replace("Finding Labels", "Labels"))
    with pytest.raises(DatasetError, match=r"lacks the column 'Finding Labels' \(found: Image Index, Labels,"):
        load_nih(tmp_path)


def test_a_folder_without_images_is_said(nih_folder: Path) -> None:
    for image in (nih_folder / "images").iterdir():
        image.unlink()
    with pytest.raises(DatasetError, match="None of the 24 images"):
        load_nih(nih_folder)


def test_a_missing_image_is_listed_and_the_others_are_kept(nih_folder: Path) -> None:
    (nih_folder / "images" / "00000004_001.png").unlink()
    collection = load_nih(nih_folder)
    assert len(collection.table) == 23
    assert [problem.item for problem in collection.problems] == ["00000004_001.png"]
    assert "1 of 24 images" in collection.notes[0]


def test_rows_that_cannot_be_true_are_listed_and_do_not_end_the_reading(nih_folder: Path) -> None:
    images = nih_folder / "images"
    for name in ("00000099_000.png", "00000099_001.png"):
        (images / name).write_bytes((images / "00000001_000.png").read_bytes())
    _add_row(nih_folder, "00000099_000.png", labels="Effusion|Efusion")
    _add_row(nih_folder, "00000099_001.png", age="414")
    _add_row(nih_folder, "00000001_000.png")
    collection = load_nih(nih_folder)
    assert len(collection.table) == 25
    assert np.isnan(collection.table.set_index("study_id").loc["00000099_001", "age"])
    reasons = {problem.item: problem.reason for problem in collection.problems}
    assert "not one of the 14" in reasons["00000099_000.png"]
    assert "over 120" in reasons["00000099_001.png"]
    assert "twice" in reasons["00000001_000.png"]


def test_a_missing_test_list_is_noted(nih_folder: Path) -> None:
    (nih_folder / "test_list.txt").unlink()
    collection = load_nih(nih_folder)
    assert "no test_list.txt" in collection.notes[0]
    assert set(collection.table["split"]) == {""}


@pytest.mark.real_data
def test_the_real_collection_is_read_whole_and_keeps_the_localisation_set_apart(shared_data: Path) -> None:
    table, torn = split_table(load_nih(shared_data / "nih").table)
    assert len(table) == 3535
    assert (table["split"] == "test").sum() == 179
    assert table["Infiltration"].sum() == 478
    assert table["Pneumonia"].sum() == 633
    assert table.groupby("patient_id")["split"].nunique().max() == 1
    assert torn == []
