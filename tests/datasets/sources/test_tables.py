"""Tables as they are in the world: the log of what was tried, which can be extended.

Each table names the images of ``IMAGES``; what it should give was written down by hand. ``right`` is what the columns
hold after reading (NaN as None), or the words of the one sentence that refuses it; ``said`` is what must be told.
"""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from core.datasets import DatasetError
from core.datasets.loading import load_table
from core.datasets.sources.plain import load_csv

IMAGES = ("a.png", "b.png", "c.png", "d.png")


@dataclass(frozen=True)
class Tried:
    """One line of the log."""

    name: str
    text: str
    right: dict[str, list[object]] | str = field(default_factory=dict)
    said: str = ""
    write: Callable[[str], bytes] = str.encode
    file: str = "mine.csv"


CHEXPERT = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Cardiomegaly,Edema,Pleural Effusion\n"
    "CheXpert-v1.0-small/train/patient00007/study2/view1_frontal.jpg,Male,68,Frontal,AP,,1.0,-1.0,\n"
    "CheXpert-v1.0-small/train/patient00007/study2/view2_lateral.jpg,Male,68,Lateral,,,1.0,-1.0,\n"
    "CheXpert-v1.0-small/valid/patient00009/study1/view1_frontal.jpg,Female,0,Frontal,PA,1.0,0.0,0.0,1.0\n"
)
BRAX = (
    "DicomPath,PngPath,PatientID,PatientSex,PatientAge,AccessionNumber,No Finding,Cardiomegaly,Consolidation,Edema,"
    "Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,ViewPosition\n"
    "x.dcm,images/id_1/Study_1/Series_1/a.png,id_1,M,85 or more,7,,1,-1,,,,,0,PA\n"
    "x.dcm,images/id_1/Study_1/Series_2/b.png,id_1,M,85 or more,7,,1,-1,,,,,0,L\n"
)
PADCHEST = (
    "ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,Projection,Labels,Report\n"
    "a.png,0,20140915,S1,P1,1930.0,F,PA,\"['pleural effusion', 'laminar atelectasis']\",derrame pleural\n"
    "b.png,0,20140915,S1,P1,1930.0,F,L,\"['normal']\",sin hallazgos\n"
    "c.png,0,20150101,S2,P2,1950.0,M,AP_horizontal,\"['unchanged']\",sin cambios\n"
)
VINDR = (
    "image_id,rad_id,Atelectasis,Cardiomegaly,Nodule/Mass,Pleural effusion,No finding\n"
    "a,R1,0,1,0,0,0\na,R2,0,1,0,0,0\na,R3,0,0,0,1,0\nb,R1,0,0,0,0,1\nb,R2,0,0,0,0,1\nb,R3,0,0,0,0,1\n"
)
VINDR_BOXES = (
    "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
    "a,Cardiomegaly,3,R1,1,1,5,5\na,Pleural effusion,10,R1,1,1,5,5\na,Cardiomegaly,3,R2,1,1,5,5\n"
    "a,No finding,14,R3,,,,\nb,No finding,14,R1,,,,\n"
)
MIMIC = (
    "dicom_id,subject_id,study_id,ViewPosition,Atelectasis,Cardiomegaly,Consolidation,Edema,Pneumonia,Pneumothorax,"
    "Pleural Effusion,split\nd1,10000032,50414267,PA,,1.0,,-1.0,,,0.0,validate\n"
)

TRIED = [
    Tried("tabs", "path\tMass\na.png\t1\n", {"Mass": [1]}),
    Tried("tabs in a .tsv", "path\tMass\na.png\t1\n", {"Mass": [1]}, file="mine.tsv"),
    Tried("gzip", "path,Mass\na.png,1\n", {"Mass": [1]}, write=lambda t: gzip.compress(t.encode()), file="mine.csv.gz"),
    Tried("UTF-16 of Excel", "path\tMass\na.png\t1\n", {"Mass": [1]}, write=lambda text: text.encode("utf-16")),
    Tried("UTF-16 without mark", "path,Mass\na.png,1\n", {"Mass": [1]}, write=lambda text: text.encode("utf-16-le")),
    Tried("Windows-1252", "path,sex,report\na.png,M,€Ödem\n", {"report_findings": ["€Ödem"]}, "Windows-1252",
          write=lambda text: text.encode("cp1252")),
    Tried("sep= line", "sep=;\r\npath;Mass\r\na.png;1\r\n;1\r\n", {"Mass": [1]}, "row 4"),
    Tried("empty lines count", "path,Mass\n\na.png,1\n,1\n", {"Mass": [1]}, "row 4"),
    Tried("many lines in a cell", 'path,report,Mass\na.png,"Clear\n\nlungs.",0\n,x,1\n', {"Mass": [0]}, "row 3"),
    Tried("yes and no", "path,Mass\na.png,Yes\nb.png,No\n", {"Mass": [1, 0]}),
    Tried("positive and negative", "path,Mass\na.png,Positive\nb.png,negative\n", {"Mass": [1, 0]}),
    Tried("decimal commas", "path;age;Mass\na.png;58,5;1,0\nb.png;6;0,0\n", {"Mass": [1, 0], "age": [58.5, 6]}),
    Tried("other words", "path,Mass\na.png,ja\nb.png,nein\n", "2 of 2 values of the column Mass"),
    Tried("other words, with a report", "path,Mass,report\na.png,ja,Large mass.\n", "1 of 1 values of the column Mass"),
    Tried("one odd value", "path,Mass\na.png,1\nb.png,0\nc.png,2\n", {"Mass": [1, 0, None]}, "1 of 3 values"),
    Tried("ages", "path,age\na.png,60 years\nb.png,6 months\nc.png,058Y\nd.png,90+\n", {"age": [60, 0.5, 58, 90]}),
    Tried("views", "path,view\na.png,AP portable\nb.png,PA_UPRIGHT\nc.png,XTABLE LAT\nd.png,frontal\n",
          {"view": ["AP", "PA", None]}),
    Tried("splits", "path,split\na.png,Training\nb.png,dev\nc.png,hold-out\nd.png,TST\n",
          {"split": ["train", "val", "test", "test"]}),
    Tried("splits by number", "path,split\na.png,train\nb.png,0\n", "1 of 2 values of the column split"),
    Tried("findings and impression", "path,findings,impression\na.png,Clear.,Normal.\n",
          {"report_findings": ["Clear."], "report_impression": ["Normal."]}),
    Tried("the same row twice", "path,Mass\na.png,1\na.png,1\n", {"Mass": [1]}, "2 rows"),
    Tried("rows that differ", "path,Mass\na.png,1\nb.png,0\na.png,0\n", {"Mass": [None, 0]}, "rows 2, 4, column Mass"),
    Tried("three readers", "path,Mass\na.png,1\na.png,0\na.png,1\n", {"Mass": [1]}, "rows 2, 3, 4, column Mass"),
    Tried("float ids", "path,patient_id\na.png,1\nb.png,1.0\n", {"patient_id": ["1", "1"]}, "doubtful"),
    Tried("leading zeros", "path,patient_id\na.png,1\nb.png,0001\n", {"patient_id": ["1", "0001"]}, "doubtful"),
    Tried("predictions", "path,gate,view,Mass,error\na.png,accepted,PA,0.31,\n", {"Mass": [None]}, "predictions"),
    Tried("CheXpert", CHEXPERT, {"patient_id": ["patient00007", "patient00009"], "Cardiomegaly": [1, 0],
                                 "Edema": [None, 0], "Effusion": [0, 1], "Mass": [None, None], "view": ["AP", "PA"],
                                 "split": ["train", "val"]}, "CheXpert"),
    Tried("BRAX", BRAX, {"patient_id": ["id_1"], "Cardiomegaly": [1], "Consolidation": [None], "Edema": [0],
                         "Effusion": [0], "age": [85], "view": ["PA"]}, "BRAX"),
    Tried("PadChest", PADCHEST, {"patient_id": ["P1", "P2"], "Effusion": [1, None], "Atelectasis": [1, None],
                                 "Mass": [0, None], "view": ["PA", "AP"], "age": [84, 65]}, "PadChest"),
    Tried("VinDr-CXR", VINDR, {"Cardiomegaly": [1, 0], "Effusion": [0, 0], "Mass": [None, None]}, "VinDr-CXR"),
    Tried("VinDr-CXR boxes", VINDR_BOXES, {"Cardiomegaly": [1, 0], "Effusion": [0, 0], "Edema": [None, None]}, "VinDr"),
    # Files that are something else, or torn
    Tried("an Excel workbook", "PK\x03\x04 and so on", "an Excel workbook"),
    Tried("an old Excel workbook", "", "an old Excel workbook", write=lambda _: b"\xd0\xcf\x11\xe0" + bytes(600)),
    Tried("a web page", "\n<HTML><table>", "a web page"),
    Tried("JSON", '[{"path": "a.png"}]', "JSON"),
    Tried("gzip called .csv", "path,Mass\na.png,1\n", {"Mass": [1]}, write=lambda t: gzip.compress(t.encode())),
    Tried("text called .gz", "path,Mass\na.png,1\n", {"Mass": [1]}, file="mine.csv.gz"),
    Tried("torn gzip", "path\n" + "a.png\n" * 999, "write it again", write=lambda t: gzip.compress(t.encode())[:-20]),
    Tried("a header alone", "path,Mass\n", "no rows"),
    Tried("a quote without end", 'path,report,Mass\na.png,"Clear,1\nb.png,x,0\n', "quote .* in row 2"),
    Tried("a quote without end, late", 'path,report\na.png,"a ""b"" c"\n\nb.png,"x\nc.png,y\n', "quote .* in row 4"),
    Tried("a stray quote", 'path,report\na.png,5" tube\nb.png,x\n', {"report_findings": ['5" tube', "x"]}),
    # Encodings
    Tried("UTF-32", "path,Mass\na.png,1\n", {"Mass": [1]}, write=lambda text: text.encode("utf-32")),
    Tried("GBK", "path,report\na.png,右肺肿块。胸腔积液\n", {"report_findings": ["右肺肿块。胸腔积液"]}, "gb18030",
          write=lambda text: text.encode("gbk")),
    Tried("Shift-JIS", "path,report\na.png,右肺に腫瘤。\n", {"report_findings": ["右肺に腫瘤。"]}, "cp932",
          write=lambda text: text.encode("cp932")),
    Tried("Windows-1251", "path,report\na.png,Очаг справа\n", {"report_findings": ["Очаг справа"]}, "Windows-1251",
          write=lambda text: text.encode("cp1251")),
    Tried("carriage returns alone", "path,Mass\ra.png,1\rb.png,0\r", {"Mass": [1, 0]}),
    # Cells
    Tried("spaces before quotes", 'path, Mass\na.png, "1"\n', {"Mass": [1]}),
    Tried("numbers of many makes", "path,Mass\na.png,1e0\nb.png,\uff11\nc.png,-0.0\nd.png,1\u00a0\n",
          {"Mass": [1, 1, 0, 1]}),
    Tried("a true minus sign", "path,Mass\na.png,\u22121\nb.png,1\n", {"Mass": [None, 1]}),
    Tried("probabilities of somebody", "path,Mass\na.png,0.7\nb.png,0.2\n", "2 of 2 values of the column Mass"),
    Tried("row numbers of pandas", ",path,Mass\n0,a.png,1\n", {"Mass": [1]}),
    Tried("ids that are words for nothing", "path,patient_id\na.png,nan\nb.png,NULL\nc.png,7\n",
          {"patient_id": ["a.png", "b.png", "7"]}, "no patient_id"),
    Tried("a folder for an image", "path,Mass\nimages,1\na.png,0\n", {"Mass": [0]}, "missing on disk"),
    Tried("a zero in a path", "path,Mass\nx\0/a.png,1\na.png,0\n", {"Mass": [0]}, "missing on disk"),
    Tried("folders as Windows writes them", "path,Mass\n0\\a.png,1\n", {"Mass": [1]}),
    Tried("a failed prediction", "path,gate,Mass,error\na.png,unread,,torn\nb.png,accepted,0.2,\n",
          {"Mass": [None]}, "row 2"),
    Tried("folds", "path,split\na.png,fold0\nb.png,fold1\n", "2 of 2 values of the column split"),
    Tried("two columns of paths", "path,image_path\na.png,b.png\n", "two columns for image_path"),
    Tried("MIMIC-CXR-JPG", MIMIC, {"patient_id": ["10000032"], "Cardiomegaly": [1], "Edema": [None], "Effusion": [0],
                                   "Atelectasis": [0], "split": ["val"]}, "MIMIC-CXR-JPG"),
]  # fmt: skip
PLACES = (
    *IMAGES,
    "train/patient00007/study2/view1_frontal.jpg",
    "valid/patient00009/study1/view1_frontal.jpg",
    "images/id_1/Study_1/Series_1/a.png",
    "images/id_1/Study_1/Series_2/b.png",
    *(f"0/{name}" for name in IMAGES),
    "files/p10/p10000032/s50414267/d1.jpg",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "CheXpert-v1.0-small"
    for place in PLACES:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).touch()
    return root


@pytest.mark.parametrize("tried", TRIED, ids=lambda tried: tried.name)
def test_a_table_gives_the_right_rows_or_one_sentence(folder: Path, tried: Tried) -> None:
    (folder / tried.file).write_bytes(tried.write(tried.text))
    if isinstance(tried.right, str):
        with pytest.raises(DatasetError, match=tried.right):
            load_csv(folder / tried.file, blank=0.0)
        return
    found = load_csv(folder / tried.file, blank=0.0)
    for column, values in tried.right.items():
        assert [None if pd.isna(value) else value for value in found.table[column]] == values, column
    told = " ".join([*found.notes, *(problem.item for problem in found.problems)])
    assert tried.said in told


@pytest.mark.parametrize(("rule", "value"), [("majority", 0.0), ("any", 1.0), ("unknown", None)])
def test_readers_are_brought_together_by_the_rule_that_is_asked_for(folder: Path, rule: str, value: object) -> None:
    (folder / "mine.csv").write_text("path,Mass,Hernia\na.png,1,\na.png,0,1\na.png,0,\n")
    table = load_csv(folder / "mine.csv", readers=rule).table  # type: ignore[arg-type]
    assert [None if pd.isna(one) else one for one in table["Mass"]] == [value]
    assert table["Hernia"].tolist() == [1]


def test_labels_mined_beside_human_ones_are_told_of(folder: Path) -> None:
    (folder / "mine.csv").write_text("path,Mass,report\na.png,1,Large effusion.\nb.png,,Large mass.\n")
    found = load_table(["csv"], [folder / "mine.csv"])
    assert found.table["Mass"].tolist() == [1, 1]
    assert any("labels of its own" in note and "Mass" in note for note in found.notes)
