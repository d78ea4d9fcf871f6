from pathlib import Path

import pandas as pd
import pytest

from core.datasets.sources.plain import load_csv
from core.datasets.table import COLUMNS, DatasetError, complete, write_table
from core.findings import LABELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in ("a", "b", "c", "d"):
        (tmp_path / "images" / f"{name}.png").touch()
    return tmp_path


def write(folder: Path, *lines: str, name: str = "mine.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def test_paths_labels_and_descriptions_are_read(folder: Path) -> None:
    write(
        folder,
        "path,Effusion,mass,Pleural Thickening,patient_id,study_id,view,age,sex,split",
        "images/a.png,1,0,,007,s1,PA,58,male,train",
        "images/b.png,TRUE,false,-1,007,s2,,6M,F,Validation",
        f"{folder}/images/c.png,1.0,0.0,1,8,s3,ap,,,",
    )
    found = load_csv(folder)
    assert found.problems == ()
    table = found.table
    assert tuple(table.columns) == COLUMNS
    assert table["image_path"].tolist() == [str(folder / "images" / f"{name}.png") for name in "abc"]
    assert table["Effusion"].tolist() == [1, 1, 1]
    assert table["Mass"].tolist() == [0, 0, 0]
    assert table["Pleural_Thickening"].isna().tolist() == [True, True, False]
    assert (
        table[[label for label in LABELS if label not in ("Effusion", "Mass", "Pleural_Thickening")]].isna().all(None)
    )
    assert table["patient_id"].tolist() == ["007", "007", "8"]
    assert table["view"].tolist() == ["PA", None, "AP"]
    assert table["age"].tolist()[:2] == [58, 0.5]
    assert table["sex"].tolist() == ["M", "F", None]
    assert table["split"].tolist() == ["train", "val", ""]
    assert (table["source"] == "csv").all()


def test_a_chexpert_column_is_taken_for_the_finding_it_names(folder: Path) -> None:
    write(folder, "image_path,Pleural Effusion,Lung Opacity", "images/a.png,1,1")
    found = load_csv(folder)
    assert found.table["Effusion"].tolist() == [1]
    assert "Columns of mine.csv that are not used: Lung Opacity." in found.notes


def test_a_misspelt_label_is_refused_with_the_nearest_name(folder: Path) -> None:
    path = write(folder, "path,pneumotorax", "images/a.png,1")
    with pytest.raises(DatasetError, match=r"'pneumotorax': if it is the label 'Pneumothorax'"):
        load_csv(path)


def test_two_columns_for_one_label_are_refused(folder: Path) -> None:
    path = write(folder, "path,Effusion,Pleural Effusion", "images/a.png,1,0")
    with pytest.raises(DatasetError, match="two columns for Effusion"):
        load_csv(path)


def test_values_outside_the_set_become_problems_and_unknown(folder: Path) -> None:
    write(folder, "path,Mass,split", "images/a.png,1,train", "images/b.png,2,holdout", ",1,test", "images/c.png,yes,")
    found = load_csv(folder)
    assert found.table["Mass"].fillna(-1).tolist() == [1, -1, 1]
    assert found.table["split"].tolist() == ["train", "test", ""]
    assert {problem.item for problem in found.problems} == {"mine.csv row 3, column Mass", "mine.csv row 4"}
    assert any(note.startswith("1 of 3 values of the column Mass") for note in found.notes)


def test_images_without_a_patient_are_their_own_and_that_is_said(folder: Path) -> None:
    write(folder, "path,patient_id", "images/a.png,7", "images/b.png,", "images/c.png,")
    found = load_csv(folder)
    assert found.table["patient_id"].nunique() == 3
    assert any(note.startswith("2 of 3 rows have no patient_id") for note in found.notes)


def test_headed_reports_are_divided_and_others_are_findings(folder: Path) -> None:
    write(
        folder,
        "path,report",
        'images/a.png,"INDICATION: Cough. FINDINGS: Clear lungs. IMPRESSION: Normal."',
        'images/b.png,"Findings:\nA nodule,\nleft.\n\nImpression:\nNodule."',
        "images/c.png,No effusion: lungs clear.",
        "images/d.png,",
    )
    table = load_csv(folder).table
    assert table["report_findings"].tolist() == ["Clear lungs.", "A nodule, left.", "No effusion: lungs clear.", None]
    assert table["report_impression"].tolist() == ["Normal.", "Nodule.", None, None]


def test_lateral_views_are_left_out_and_unknown_views_kept(folder: Path) -> None:
    write(folder, "path,view", "images/a.png,PA", "images/b.png,LATERAL", "images/c.png,LAO", "images/d.png,unknown")
    found = load_csv(folder)
    assert [Path(path).stem for path in found.table["image_path"]] == ["a", "d"]
    assert "2 lateral or oblique images were left out." in found.notes


def test_missing_images_are_listed_and_their_absence_altogether_is_an_error(folder: Path) -> None:
    path = write(folder, "path", "images/a.png", "images/x.png", "elsewhere/y.png")
    found = load_csv(path)
    assert len(found.table) == 1
    expected = [str(folder / "images" / "x.png"), str(folder / "elsewhere" / "y.png")]
    assert [problem.item for problem in found.problems] == expected
    path = write(folder, "path", "images/x.png")
    with pytest.raises(DatasetError, match=r"None of the 1 images named in mine\.csv was found.*relative paths"):
        load_csv(path)


@pytest.mark.parametrize(("encoding", "letters"), [("utf-8-sig", "Ödem"), ("latin-1", "Ödem"), ("utf-8", "Ödem 肺")])
def test_encodings_and_semicolons_are_understood(folder: Path, encoding: str, letters: str) -> None:
    write(folder, "path;Edema;report", f"images/a.png;1;{letters}, mild", encoding=encoding)
    found = load_csv(folder)
    assert found.table["report_findings"].tolist() == [f"{letters}, mild"]
    assert found.table["Edema"].tolist() == [1]
    assert any("Windows-1252" in note for note in found.notes) == (encoding == "latin-1")


def test_a_line_with_too_many_fields_does_not_end_the_reading(folder: Path) -> None:
    write(folder, "path,Mass", "images/a.png,1", "images/b.png,1,0,0", "images/c.png", "images/d.png,0")
    found = load_csv(folder)
    assert [Path(path).stem for path in found.table["image_path"]] == ["a", "c", "d"]
    assert found.problems[0].item == "mine.csv row 3"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_written_table_comes_back_as_it_was(folder: Path, suffix: str) -> None:
    rows = pd.DataFrame(
        {
            "image_path": [str(folder / "images" / f"{name}.png") for name in "abc"],
            "source": ["nih", "mimic", "mimic"],
            "patient_id": ["003", "1", "1"],
            "study_id": ["s1", "s2", "s3"],
            "view": ["PA", "AP", None],
            "age": [58.0, 0.5, None],
            "sex": ["M", None, "F"],
            "split": ["train", "", "test"],
            "Mass": [1.0, 0.0, None],
            "report_findings": ['Clear, "normal".\nNo effusion.', None, None],
            "report_impression": [None, "Normal.", None],
            "original_px": [1024.0, None, None],
            "ehr": pd.Series([None, '{"Age": 72}', None], dtype=object),
            "icd_codes": pd.Series([None, "I509|N179", None], dtype=object),
        }
    )
    table = complete(rows)
    write_table(table, folder / f"table.{suffix}")
    found = load_csv(folder / f"table.{suffix}")
    pd.testing.assert_frame_equal(found.table, table, check_dtype=False)
    assert found.problems == ()
    assert found.notes == ()


def test_one_of_several_tables_is_not_guessed(folder: Path) -> None:
    with pytest.raises(DatasetError, match="holds 0 tables"):
        load_csv(folder)
    write(folder, "path", "images/a.png", name="one.csv")
    write(folder, "path", "images/a.png", "images/b.png", name="two.csv")
    with pytest.raises(DatasetError, match="holds 2 tables"):
        load_csv(folder)
    write(folder, "path", "images/a.png", "images/b.png", "images/c.png", name="table.csv")
    assert len(load_csv(folder).table) == 3


def test_what_is_no_table_is_said(folder: Path) -> None:
    with pytest.raises(DatasetError, match="There is no file or folder"):
        load_csv(folder / "none.csv")
    with pytest.raises(DatasetError, match=r"\.csv\.gz.* or \.parquet"):
        load_csv(folder / "images" / "a.png")
    with pytest.raises(DatasetError, match="lacks the column 'path' \\(found: file, Mass\\)"):
        load_csv(write(folder, "file,Mass", "images/a.png,1"))
    (folder / "mine.csv").write_bytes(b"")
    with pytest.raises(DatasetError, match="cannot be read as a table"):
        load_csv(folder)
    (folder / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match="cannot be read as a table"):
        load_csv(folder / "torn.parquet")


def test_tens_of_thousands_of_rows_are_all_read(folder: Path) -> None:
    columns = "path,patient_id,split," + ",".join(LABELS)
    values = ("", "0", "1")
    write(
        folder,
        columns,
        *(f"images/{row}.png,{row},train,{values[row % 3]}" + ",0" * 13 for row in range(30_000)),
    )
    for row in range(30_000):
        (folder / "images" / f"{row}.png").touch()
    table = load_csv(folder).table
    assert len(table) == 30_000
    assert table[LABELS[0]].isna().sum() == (table[LABELS[0]] == 1).sum() == 10_000
