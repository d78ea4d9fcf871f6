import csv
from pathlib import Path

import pytest

from core.datasets import DatasetError
from core.datasets.report_labels import label_file
from core.findings import LABELS


def _label(tmp_path: Path, text: str, **options: bool) -> tuple[list[dict[str, str]], list[str]]:
    source, target = tmp_path / "reports.csv", tmp_path / "out" / "labels.csv"
    source.write_text(text, encoding="utf-8")
    count, problems = label_file(source, target, **options)
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert count == len(rows)
    return rows, [f"{problem.item}: {problem.reason}" for problem in problems]


def test_a_file_of_texts_gets_the_fourteen_labels(tmp_path: Path) -> None:
    rows, problems = _label(tmp_path, 'id,text\n1,"Small effusion, no edema."\n2,Possible pneumonia.\n')
    assert list(rows[0]) == ["id", "text", *LABELS]
    assert (rows[0]["Effusion"], rows[0]["Edema"], rows[0]["Mass"]) == ("1", "0", "")
    assert rows[1]["Pneumonia"] == "-1"
    assert problems == []


def test_findings_and_impression_are_read_together(tmp_path: Path) -> None:
    rows, _ = _label(tmp_path, "id,findings,impression\n1,No effusion.,Cardiomegaly.\n")
    assert (rows[0]["Effusion"], rows[0]["Cardiomegaly"]) == ("0", "1")


def test_bad_rows_are_listed_and_do_not_end_the_run(tmp_path: Path) -> None:
    text = "id,text\n1,\n2,Effusion.,too,many\n3\n4,Mass.\n5," + "a" * 1_100_000 + "\n6,Hernia.\n"
    rows, problems = _label(tmp_path, text)
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "6"]
    assert rows[1]["Effusion"] == rows[3]["Mass"] == rows[4]["Hernia"] == "1"
    assert len(problems) == 4
    assert any("more fields" in problem for problem in problems)
    assert any("not CSV" in problem for problem in problems)


def test_the_chexpert_labels_are_added_on_request(tmp_path: Path) -> None:
    rows, _ = _label(tmp_path, "id,text\n1,Rib fracture.\n2,\n", chexpert=True)
    assert rows[0]["CheXpert Fracture"] == "1"
    assert rows[1]["CheXpert No Finding"] == ""


def test_other_encodings_and_line_ends_are_read(tmp_path: Path) -> None:
    source = tmp_path / "reports.csv"
    source.write_bytes("id,text\r\n1,Ödem: small effusion.\r\n".encode("latin-1"))
    label_file(source, tmp_path / "labels.csv")
    assert "effusion.,,,,,1," in (tmp_path / "labels.csv").read_text()


def test_a_file_without_reports_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no file"):
        label_file(tmp_path / "none.csv", tmp_path / "labels.csv")
    (tmp_path / "wrong.csv").write_text("id,note\n1,Effusion\n")
    with pytest.raises(DatasetError, match=r"lacks the column 'text' \(found: id, note\): give id,text or id,findings"):
        label_file(tmp_path / "wrong.csv", tmp_path / "labels.csv")
    assert not (tmp_path / "labels.csv").exists()
