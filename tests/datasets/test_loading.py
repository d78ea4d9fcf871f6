from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets import (
    COLUMNS,
    DatasetError,
    ReportReading,
    label_from_reports,
    load_table,
    patient_keys,
    read_table,
    write_table,
)
from core.datasets.table import complete
from core.findings import LABELS


def _own_csv(folder: Path, nih_folder: Path) -> Path:
    """A CSV of one's own whose images lie in the NIH folder's neighbour, with reports and a few labels."""
    (folder / "own").mkdir()
    image = (nih_folder / "images" / "00000005_000.png").read_bytes()
    rows = ["path,patient_id,Pneumonia,report"]
    for patient in range(1, 21):
        (folder / "own" / f"{patient}.png").write_bytes(image)
        label = ("1", "0", "")[patient % 3]
        rows.append(f"{patient}.png,{patient},{label},Small left effusion. No edema. Possible mass.")
    (folder / "own" / "mine.csv").write_text("\n".join(rows) + "\n")
    return folder / "own" / "mine.csv"


def test_mixed_sources_become_one_table_with_unknown_labels_where_nobody_annotated(
    nih_folder: Path, tmp_path: Path
) -> None:
    table = load_table(["nih", "csv"], [nih_folder, _own_csv(tmp_path, nih_folder)]).table
    assert tuple(table.columns[: len(COLUMNS)]) == COLUMNS
    assert table["source"].value_counts().to_dict() == {"nih": 24, "csv": 20}
    own = table[table["source"] == "csv"]
    assert (own["Effusion"] == 1).all()
    assert (own["Edema"] == 0).all()
    assert own["Mass"].isna().all()
    # The user's own labels stand; where the row has none, its report counts, which does not speak of pneumonia.
    assert [(own["Pneumonia"] == value).sum() for value in (1, 0)] == [6, 14]
    assert table.groupby(patient_keys(table))["split"].nunique().max() == 1
    assert set(table["split"]) == {"train", "val", "test"}


def test_equal_ids_of_two_sources_are_two_patients(nih_folder: Path, tmp_path: Path) -> None:
    table = load_table(["nih", "csv"], [nih_folder, _own_csv(tmp_path, nih_folder)]).table
    assert patient_keys(table).nunique() == 12 + 20


def _reports(*texts: str | None) -> pd.DataFrame:
    return complete(pd.DataFrame({"source": "s", "patient_id": range(len(texts)), "report_findings": list(texts)}))


@pytest.mark.parametrize(
    ("reading", "doubtful", "silent"),
    [
        (ReportReading(), np.nan, 0.0),
        (ReportReading(uncertain="present"), 1.0, 0.0),
        (ReportReading(uncertain="absent", not_mentioned="unknown"), 0.0, np.nan),
    ],
)
def test_doubt_and_silence_are_read_as_the_settings_say(reading: ReportReading, doubtful: float, silent: float) -> None:
    table = label_from_reports(_reports("Effusion. No edema. Possible mass."), reading)
    row = table.loc[0]
    assert (row["Effusion"], row["Edema"]) == (1.0, 0.0)
    np.testing.assert_equal((float(row["Mass"]), float(row["Hernia"])), (doubtful, silent))


def test_a_report_that_speaks_of_no_finding_is_told_from_absence_on_request() -> None:
    reports = _reports("No acute disease.", "No effusion.")
    assert (label_from_reports(reports).loc[0, list(LABELS)] == 0).all()
    told = label_from_reports(reports, ReportReading(unread="unknown"))
    assert told.loc[0, list(LABELS)].isna().all()
    assert (told.loc[1, list(LABELS)] == 0).all()


def test_a_row_without_report_keeps_unknown_labels() -> None:
    table = label_from_reports(_reports("Effusion.", None, " "))
    assert table.loc[0, list(LABELS)].notna().all()
    assert table.loc[1:, list(LABELS)].isna().all(axis=None)


def test_labels_that_a_source_annotates_are_not_mined() -> None:
    table = _reports("Effusion. Pneumothorax.", "Effusion. Pneumothorax.", "Effusion. Pneumothorax.")
    table["Effusion"] = [0.0, np.nan, np.nan]
    table.loc[1, "Mass"] = 1.0
    mined = label_from_reports(table)
    # Row 0 is annotated; row 1 leaves its Effusion open; row 2 carries no annotation at all, so its report counts.
    assert mined["Effusion"].fillna(-1).tolist() == [0.0, -1.0, 1.0]
    assert (mined["Pneumothorax"] == 1).all()


def test_a_table_is_read_back_as_it_was_written(nih_folder: Path, tmp_path: Path) -> None:
    table = load_table(["nih", "csv"], [nih_folder, _own_csv(tmp_path, nih_folder)]).table
    for name in ("table.csv", "table.parquet"):
        write_table(table, tmp_path / name)
        again = read_table(tmp_path / name)
        pd.testing.assert_frame_equal(again[list(COLUMNS)], table[list(COLUMNS)], check_dtype=False)


def test_a_table_of_reports_without_images_is_read_back(tmp_path: Path) -> None:
    table = label_from_reports(_reports("Effusion.", "No effusion.")).assign(split="train")
    write_table(table, tmp_path / "table.csv")
    again = read_table(tmp_path / "table.csv")
    assert again["image_path"].tolist() == [None, None]
    assert again["Effusion"].tolist() == [1.0, 0.0]


def test_a_written_table_can_be_loaded_as_a_source_and_keeps_its_splits(nih_folder: Path, tmp_path: Path) -> None:
    table = load_table(["nih"], [nih_folder]).table
    write_table(table, tmp_path / "table.csv")
    again = load_table(["csv"], [tmp_path / "table.csv"], seed=5).table
    assert again[["image_path", "source", "patient_id", "split"]].equals(
        table[["image_path", "source", "patient_id", "split"]]
    )
    assert again[list(LABELS)].equals(table[list(LABELS)])


def test_wrong_use_is_said_in_a_sentence(nih_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="found 1 for 2"):
        load_table(["nih", "csv"], [nih_folder])
    with pytest.raises(DatasetError, match="no source 'chexpert'"):
        load_table(["chexpert"], [nih_folder])
    with pytest.raises(DatasetError, match="come from two of the sources"):
        load_table(["nih", "nih"], [nih_folder, nih_folder])
    with pytest.raises(DatasetError, match=r"as \.csv or \.parquet"):
        write_table(load_table(["nih"], [nih_folder]).table, tmp_path / "table.xlsx")
    with pytest.raises(DatasetError, match="There is no table"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "bare.csv").write_text("image_path,split\na.png,train\n")
    with pytest.raises(DatasetError, match="lacks the column 'source'"):
        read_table(tmp_path / "bare.csv")


@pytest.mark.real_data
def test_the_real_nih_images_and_the_same_again_as_csv_never_share_a_patient_across_splits(
    shared_data: Path, tmp_path: Path
) -> None:
    first = load_table(["nih"], [shared_data / "nih"]).table
    write_table(first.sample(frac=0.5, random_state=0).assign(split=""), tmp_path / "half.csv")
    half = load_table(["csv"], [tmp_path / "half.csv"]).table
    assert set(half["source"]) == {"nih"}
    assert first.groupby(patient_keys(first))["split"].nunique().max() == 1
    assert half.groupby(patient_keys(half))["split"].nunique().max() == 1
    for label in LABELS:
        shares = first.groupby("split")[label].mean()
        assert abs(shares["train"] - shares["val"]) < 0.01
