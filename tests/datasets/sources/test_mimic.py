import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.datasets.sources import mimic_ehr
from core.datasets.sources.mimic import load_mimic
from core.datasets.sources.report_sections import findings_and_impression
from core.datasets.table import COLUMNS, DatasetError
from core.findings import LABELS

CHEXPERT = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture"),
    *("Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia"),
    *("Pneumothorax", "Support Devices"),
)
REPORT = "\n ".join(
    (
        "                                WET READ: ___ ___ 8:12 PM",
        "FINDINGS: Wet words.",
        "",
        "                                FINAL REPORT",
        "EXAMINATION:  CHEST (PA AND LAT)",
        "",
        "INDICATION:  ___F with cough: rule out pneumonia.",
        "",
        "FINDINGS: ",
        "",
        "Moderate left effusion.  The heart is enlarged (CT: see",
        "there).",
        "",
        "IMPRESSION: ",
        "",
        "Left effusion.",
        "",
    )
)


def write_table(path: Path, columns: str, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = columns.split(",")
    pd.DataFrame([dict(zip(names, row.split(","), strict=True)) for row in rows], columns=names).to_csv(
        path, index=False
    )


@pytest.fixture
def cxr(tmp_path: Path) -> Path:
    """Four studies of three patients as MIMIC-CXR-JPG has them; study 51 has a PA and a lateral image."""
    folder = tmp_path / "mimic-cxr-jpg"
    images = (
        ("d1", "10000001", "50000051", "PA", "21800506", "213014.531", "train"),
        ("d2", "10000001", "50000051", "LATERAL", "21800506", "213014.531", "train"),
        ("d3", "10000001", "50000052", "AP", "21800801", "85830.234", "train"),
        ("d4", "11000002", "50000053", "AP", "21510101", "120000", "validate"),
        ("d5", "12000003", "50000054", "", "21510101", "120000", "test"),
        ("d6", "12000003", "50000055", "AP", "21510101", "120000", "test"),
    )
    for dicom, subject, study, *_ in images:
        path = folder / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}" / f"{dicom}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 90, np.uint8)).save(path)
    (folder / "files/p10/p10000001/s50000051.txt").write_text(REPORT)
    write_table(
        folder / "mimic-cxr-2.0.0-metadata.csv.gz",
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime",
        *(f"{d},{s},{t},CHEST,{view},8,8,{date},{time}" for d, s, t, view, date, time, _ in images),
    )
    write_table(
        folder / "mimic-cxr-2.0.0-split.csv.gz",
        "dicom_id,study_id,subject_id,split",
        *(f"{d},{t},{s},{split}" for d, s, t, *_, split in images),
    )
    write_table(
        folder / "mimic-cxr-2.0.0-chexpert.csv.gz",
        "subject_id,study_id," + ",".join(CHEXPERT),
        "10000001,50000051,-1.0,1.0,,,,1.0,1.0,,,1.0,,0.0,,",
        "10000001,50000052,,,,,,,,,1.0,,,,,",
        "11000002,50000053,,,,,,,,,,,,5,1.0,",
    )
    return folder


@pytest.fixture
def iv(tmp_path: Path) -> Path:
    """MIMIC-IV around the first two studies of patient 10000001, at 21:30:14 on 6 May and 08:58:30 on 1 August 2180.

    Admission 3 ended before, 1 contains the first study and came from emergency visit 9; the second study lies
    outside of any stay. Values of 999 are traps: they must never be seen.
    """
    folder = tmp_path / "mimiciv"
    write_table(
        folder / "hosp/patients.csv.gz",
        "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod",
        "10000001,F,70,2178,2014 - 2016,",
        "11000002,M,50,2151,2014 - 2016,",
    )
    write_table(
        folder / "hosp/admissions.csv.gz",
        "subject_id,hadm_id,admittime,dischtime,admission_type",
        "10000001,3,2179-01-01 10:00:00,2179-01-05 10:00:00,URGENT",
        "10000001,1,2180-05-06 18:00:00,2180-05-12 10:00:00,URGENT",
        "10000001,2,2181-01-01 10:00:00,2181-01-05 10:00:00,URGENT",
    )
    write_table(
        folder / "hosp/diagnoses_icd.csv.gz",
        "subject_id,hadm_id,seq_num,icd_code,icd_version",
        "10000001,3,1,4280,9",
        "10000001,3,2,0420,9",
        "10000001,1,2,J440,10",
        "10000001,1,1,J90,10",
        "10000001,2,1,N186,10",
    )
    write_table(
        folder / "hosp/d_labitems.csv.gz",
        "itemid,label,fluid,category",
        "50983,Sodium,Blood,Chemistry",
        "50971,Potassium,Blood,Chemistry",
        "50912,Creatinine,Blood,Chemistry",
        "51082,Creatinine,Urine,Chemistry",
        "51301,White Blood Cells,Blood,Hematology",
    )
    lab = "{},10000001,{},{},2180-05-{},2180-05-{},{},{},mmol/L"
    write_table(
        folder / "hosp/labevents.csv.gz",
        "labevent_id,subject_id,hadm_id,itemid,charttime,storetime,value,valuenum,valueuom",
        lab.format(1, 1, 50983, "06 19:00:00", "06 20:00:00", 137, 137),
        lab.format(2, 1, 50983, "06 20:00:00", "06 21:30:13", 138, 138),
        lab.format(3, 1, 50983, "06 21:00:00", "06 21:30:14", 999, 999),
        lab.format(4, 1, 50983, "06 21:30:15", "06 22:00:00", 999, 999),
        lab.format(5, "", 50971, "06 17:30:00", "06 17:50:00", 4.1, 4.1),
        lab.format(6, "", 50912, "06 16:59:59", "06 17:10:00", 999, 999),
        lab.format(7, 1, 51082, "06 19:00:00", "06 20:00:00", 999, 999),
        lab.format(8, 1, 51301, "06 19:00:00", "", 999, 999),
        "9,99999999,,50983,2180-05-06 21:00:00,2180-05-06 21:10:00,999,999,mmol/L",
    )
    write_table(
        folder / "icu/d_items.csv.gz",
        "itemid,label,abbreviation,linksto",
        "220045,Heart Rate,HR,chartevents",
        "223761,Temperature Fahrenheit,Temperature F,chartevents",
        "226732,O2 Delivery Device(s),O2,chartevents",
        "223834,O2 Flow,O2 Flow,chartevents",
    )
    chart = "10000001,1,5,2180-05-06 {},2180-05-06 {},{},{},{},"
    write_table(
        folder / "icu/chartevents.csv.gz",
        "subject_id,hadm_id,stay_id,charttime,storetime,itemid,value,valuenum,valueuom",
        chart.format("21:00:00", "21:05:00", 220045, 96, 96),
        chart.format("21:30:15", "21:30:15", 220045, 999, 999),
        chart.format("21:30:14", "21:30:14", 220045, 999, 999),
        # Filed under the time of the study, or a later one, though stored before it.
        chart.format("21:30:14", "21:20:00", 220045, 999, 999),
        chart.format("21:30:15", "21:20:00", 220045, 999, 999),
        chart.format("21:00:00", "21:05:00", 226732, "Nasal cannula", ""),
        chart.format("21:00:00", "21:05:00", 223834, 2, 2),
        chart.format("21:10:00", "21:45:00", 226732, "Endotracheal tube", ""),
    )
    write_table(
        folder / "ed/edstays.csv.gz",
        "subject_id,hadm_id,stay_id,intime,outtime",
        "10000001,1,9,2180-05-06 17:00:00,2180-05-06 18:30:00",
    )
    write_table(
        folder / "ed/triage.csv.gz",
        "subject_id,stay_id,temperature,heartrate,resprate,o2sat,sbp,dbp,pain",
        "10000001,9,98.6,120,20,91,150,80,3",
    )
    write_table(
        folder / "ed/vitalsign.csv.gz",
        "subject_id,stay_id,charttime,temperature,heartrate,resprate,o2sat,sbp,dbp,rhythm",
        "10000001,9,2180-05-06 18:10:00,37.2,110,,93,,,",
        "10000001,9,2180-05-06 21:30:15,99.9,999,999,999,999,999,",
    )
    return folder


def record_of(table: pd.DataFrame, study: str) -> dict[str, object]:
    record: dict[str, object] = json.loads(table.set_index("study_id").loc[study, "ehr"])
    return record


def test_frontal_images_labels_splits_and_reports_are_read(cxr: Path) -> None:
    found = load_mimic(cxr)
    table = found.table.set_index("study_id")
    assert tuple(found.table.columns) == COLUMNS
    assert table.index.tolist() == ["50000051", "50000052", "50000053", "50000055"]
    assert table.loc["50000051", "image_path"] == str(cxr / "files/p10/p10000001/s50000051/d1.jpg")
    assert table["view"].tolist() == ["PA", "AP", "AP", "AP"]
    assert table["split"].tolist() == ["train", "train", "val", "test"]
    first = table.loc["50000051", list(LABELS)].dropna().to_dict()
    assert first == {"Cardiomegaly": 1, "Effusion": 1, "Pneumonia": 0}
    assert table.loc["50000055", list(LABELS)].isna().all()
    assert table.loc["50000051", "report_findings"] == "Moderate left effusion. The heart is enlarged (CT: see there)."
    assert table.loc["50000051", "report_impression"] == "Left effusion."
    assert table.loc["50000052", "report_findings"] is None
    assert "1 of 6 images are of unknown view and were left out." in found.notes
    assert "3 of 4 studies have no report file." in found.notes


def test_blank_and_uncertain_labels_become_what_is_asked_for(cxr: Path) -> None:
    table = load_mimic(cxr, blank=0, uncertain=1).table.set_index("study_id")
    assert table.loc["50000051", "Atelectasis"] == 1
    assert table.loc["50000051", "Edema"] == 0
    assert table.loc["50000051", ["Mass", "Hernia"]].isna().all()
    assert table.loc["50000055", list(LABELS)].isna().all()


def test_a_label_outside_the_set_is_a_problem(cxr: Path) -> None:
    found = load_mimic(cxr, blank=0)
    assert [problem.item for problem in found.problems] == ["study 50000053, Pneumonia"]
    assert found.table.set_index("study_id").loc["50000053", ["Pneumonia", "Pneumothorax"]].isna().tolist() == [
        True,
        False,
    ]


def test_reports_in_a_folder_beside_are_found(cxr: Path) -> None:
    reports = cxr.parent / "mimic-cxr-reports/files/p11/p11000002"
    reports.mkdir(parents=True)
    (reports / "s50000053.txt").write_text("FINAL REPORT\n No pneumothorax.\n \n Lines unchanged.\n")
    table = load_mimic(cxr).table.set_index("study_id")
    assert table.loc["50000053", "report_impression"] == "Lines unchanged."
    assert table.loc["50000051", "report_impression"] == "Left effusion."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" findings: clear.\n impression: normal.", ("clear.", "normal.")),
        (" FINDINGS AND IMPRESSION: Clear.\n\n RECOMMENDATION(S): None.", ("Clear.", None)),
        (" FINDINGS: Clear.\n CONCLUSION: Normal.", ("Clear.", "Normal.")),
        (" IMPRESSION: Old.\n FINAL ADDENDUM \n IMPRESSION: New.", (None, "New.")),
        (" HISTORY: Cough.\n\n Lungs are clear.", (None, "Lungs are clear.")),
        (" COMPARISON: None.", (None, None)),
        ("", (None, None)),
    ],
)
def test_sections_are_found_however_they_are_headed(text: str, expected: tuple[str | None, str | None]) -> None:
    assert findings_and_impression(text, last_paragraph=True) == expected


def test_the_record_holds_the_last_values_known_before_the_study(cxr: Path, iv: Path) -> None:
    found = load_mimic(cxr, mimic_iv=iv)
    assert record_of(found.table, "50000051") == {
        "Age": 72,
        "Sex": "F",
        "Vitals": {
            "diastolic_blood_pressure": {"value": 80, "unit": "mmHg"},
            "heart_rate": {"value": 96, "unit": "bpm"},
            "o2_saturation": {"value": 93, "unit": "%"},
            "respiratory_rate": {"value": 20, "unit": "breaths/min"},
            "systolic_blood_pressure": {"value": 150, "unit": "mmHg"},
            "temperature": {"value": 37.2, "unit": "C"},
        },
        "Labs": {"Potassium": {"value": 4.1, "unit": "mmol/L"}, "Sodium": {"value": 138, "unit": "mmol/L"}},
        "O2_device": "Nasal cannula 2 L",
        "Chronic_conditions": ["HIV", "Heart failure"],
    }
    row = found.table.set_index("study_id").loc["50000051"]
    assert (row["age"], row["sex"]) == (72, "F")


def test_nothing_from_the_study_on_reaches_any_record(cxr: Path, iv: Path) -> None:
    for record in load_mimic(cxr, mimic_iv=iv).table["ehr"].dropna():
        assert "999" not in record
        assert "Endotracheal" not in record
        assert "37.7" not in record


def test_codes_are_targets_and_not_in_the_record_of_their_admission(cxr: Path, iv: Path) -> None:
    table = load_mimic(cxr, mimic_iv=iv).table.set_index("study_id")
    assert table.loc["50000051", "icd_codes"] == "J90|J440"
    assert table.loc["50000051", "icd_versions"] == "10|10"
    assert "COPD" not in table.loc["50000051", "ehr"]
    assert "kidney" not in table.loc["50000051", "ehr"]
    assert record_of(table.reset_index(), "50000052")["Chronic_conditions"] == ["COPD", "HIV", "Heart failure"]


def test_a_study_outside_of_any_stay_has_no_measurements_and_no_codes(cxr: Path, iv: Path) -> None:
    table = load_mimic(cxr, mimic_iv=iv).table
    assert set(record_of(table, "50000052")) == {"Age", "Sex", "Chronic_conditions"}
    row = table.set_index("study_id").loc["50000052"]
    assert row["icd_codes"] is None
    assert record_of(table, "50000053") == {"Age": 50, "Sex": "M"}
    assert table.set_index("study_id").loc["50000055", "ehr"] is None


def test_the_look_back_window_limits_what_is_seen(cxr: Path, iv: Path) -> None:
    record = record_of(load_mimic(cxr, mimic_iv=iv, look_back_hours=1).table, "50000051")
    assert set(record["Vitals"]) == {"heart_rate"}  # type: ignore[call-overload]
    assert "Labs" not in record


def test_small_chunks_give_the_same_records(cxr: Path, iv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_mimic(cxr, mimic_iv=iv).table
    monkeypatch.setattr(mimic_ehr, "_CHUNK_ROWS", 1)
    pd.testing.assert_frame_equal(load_mimic(cxr, mimic_iv=iv).table, whole)


def test_no_device_is_room_air(cxr: Path, iv: Path) -> None:
    path = iv / "icu/chartevents.csv.gz"
    table = pd.read_csv(path)
    table["value"] = table["value"].replace("Nasal cannula", "None")
    table.to_csv(path, index=False)
    assert record_of(load_mimic(cxr, mimic_iv=iv).table, "50000051")["O2_device"] == "Room air"


def test_missing_modules_are_noted_and_leave_the_rest(cxr: Path, iv: Path) -> None:
    for path in [*(iv / "ed").iterdir(), *(iv / "icu").iterdir()]:
        path.unlink()
    found = load_mimic(cxr, mimic_iv=iv)
    record = record_of(found.table, "50000051")
    assert "Vitals" not in record
    assert record["Labs"] == {"Sodium": {"value": 138, "unit": "mmol/L"}}
    assert any("ed/edstays.csv.gz" in note for note in found.notes)


def test_modules_in_folders_of_their_own_are_found(cxr: Path, iv: Path) -> None:
    (iv / "mimic-iv-ed/2.2").mkdir(parents=True)
    (iv / "ed").rename(iv / "mimic-iv-ed/2.2/ed")
    record = record_of(load_mimic(cxr, mimic_iv=iv).table, "50000051")
    assert record["Vitals"]["respiratory_rate"]["value"] == 20  # type: ignore[index]


def test_an_emergency_study_has_the_codes_of_the_admission_it_led_to(cxr: Path, iv: Path) -> None:
    path = iv / "hosp/admissions.csv.gz"
    table = pd.read_csv(path)
    table.loc[table["hadm_id"] == 1, "admittime"] = "2180-05-06 22:00:00"
    table.to_csv(path, index=False)
    visits = pd.read_csv(iv / "ed/edstays.csv.gz").assign(outtime="2180-05-06 22:30:00")
    visits.to_csv(iv / "ed/edstays.csv.gz", index=False)
    found = load_mimic(cxr, mimic_iv=iv).table
    assert found.set_index("study_id").loc["50000051", "icd_codes"] == "J90|J440"
    assert record_of(found, "50000051")["Chronic_conditions"] == ["HIV", "Heart failure"]


def test_a_study_without_a_time_gets_no_record(cxr: Path, iv: Path) -> None:
    path = cxr / "mimic-cxr-2.0.0-metadata.csv.gz"
    table = pd.read_csv(path, dtype=str)
    table.loc[table["study_id"] == "50000051", "StudyTime"] = "x"
    table.to_csv(path, index=False)
    found = load_mimic(cxr, mimic_iv=iv)
    assert found.table.set_index("study_id").loc["50000051", "ehr"] is None
    assert "study 50000051" in {problem.item for problem in found.problems}


def test_missing_images_tables_and_columns_are_said(cxr: Path, iv: Path) -> None:
    (cxr / "files/p10/p10000001/s50000051/d1.jpg").unlink()
    found = load_mimic(cxr)
    assert found.problems[0].item.endswith("d1.jpg")
    assert "1 of 4 frontal images of MIMIC-CXR-JPG are missing on disk and were left out." in found.notes
    with pytest.raises(DatasetError, match="There is no folder"):
        load_mimic(cxr, mimic_iv=iv / "none")
    (iv / "hosp/patients.csv.gz").unlink()
    with pytest.raises(DatasetError, match=r"No hosp/patients\.csv\.gz under"):
        load_mimic(cxr, mimic_iv=iv)
    (cxr / "files").rename(cxr / "elsewhere")
    with pytest.raises(DatasetError, match="None of the 4 frontal images"):
        load_mimic(cxr)
    path = cxr / "mimic-cxr-2.0.0-chexpert.csv.gz"
    pd.read_csv(path).rename(columns={"Edema": "Oedema"}).to_csv(path, index=False)
    with pytest.raises(DatasetError, match="lacks the column 'Edema'"):
        load_mimic(cxr)
    path.unlink()
    with pytest.raises(DatasetError, match=r"No mimic-cxr-2\.0\.0-chexpert\.csv\.gz"):
        load_mimic(cxr)


def test_a_torn_table_is_said(cxr: Path, iv: Path) -> None:
    path = iv / "hosp/labevents.csv.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError, match=r"labevents\.csv\.gz cannot be read as a table"):
        load_mimic(cxr, mimic_iv=iv)
