import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.datasets import DatasetError, read_table, write_table
from core.datasets.conversations import clean_report, make_conversations, write_conversations
from core.datasets.table import complete
from core.vlm.__main__ import main


def _table(patients: int = 60) -> pd.DataFrame:
    rows = [
        {
            "image_path": f"/images/{patient}_{image}.png",
            "source": "openi",
            "patient_id": str(patient),
            "study_id": str(patient),
            "split": ("train", "test")[patient % 2],
            "Effusion": float(patient % 3 == 0),
            "report_findings": f"1. The heart is normal.\n2. {'Small' if patient % 3 == 0 else 'No'} effusion.",
            "report_impression": "No acute disease.",
        }
        for patient in range(patients)
        for image in range(2)
    ]
    return complete(pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("1. Heart normal. 2. No effusion.", "Heart normal. No effusion."),
        ("The lungs\nare clear.  no effusion", "The lungs are clear. No effusion."),
        ("XXXX are normal. No effusion.", "No effusion."),
        ("Small XXXX effusion.", "Small effusion."),
        ("Normal chest x-XXXX.", "Normal chest x-ray."),
        ("Blunted costophrenic XXXX, no effusion.", "Blunted costophrenic angle, no effusion."),
        ("Mass in the XXXX. No effusion.", None),
        ("Effusion. Discussed with Dr. XXXX by telephone.", "Effusion."),
        ("Compared to the prior study of ___. Effusion is unchanged.", "Effusion is unchanged."),
        ("No effusion. No effusion.", "No effusion."),
        ("", ""),
        (None, ""),
    ],
)
def test_a_report_is_cleaned_to_sentences_about_the_image(text: str | None, cleaned: str | None) -> None:
    assert clean_report(text) == cleaned


def test_a_record_holds_image_request_and_report() -> None:
    records, problems = make_conversations(_table())
    record = records["train"][0]
    assert set(record) == {"image", "conversations"}
    human, answer = record["conversations"]
    assert human["from"] == "human"
    assert human["value"].startswith("<image>\n")
    assert answer["from"] == "gpt"
    assert answer["value"].startswith("FINDINGS:\nThe heart is normal. ")
    assert answer["value"].endswith("\n\nIMPRESSION:\nNo acute disease.")
    assert problems == []


@pytest.mark.parametrize("seed", range(5))
def test_patients_are_divided_80_10_10_and_stand_in_one_split(seed: int) -> None:
    records, _ = make_conversations(_table(200), seed=seed)
    patients = {name: {Path(one["image"]).stem.split("_")[0] for one in part} for name, part in records.items()}
    assert len(records["train"]) == pytest.approx(320, abs=8)
    assert len(records["val"]) == pytest.approx(40, abs=6)
    assert not patients["train"] & patients["val"]
    assert not patients["train"] & patients["test"]
    assert not patients["val"] & patients["test"]


def test_the_splits_of_the_table_are_kept_on_request() -> None:
    records, _ = make_conversations(_table(), keep_splits=True)
    assert {int(Path(one["image"]).stem.split("_")[0]) % 2 for one in records["test"]} == {1}
    assert records["val"] == []


def test_a_report_without_a_section_gets_no_record_and_is_listed() -> None:
    table = _table(4)
    table.loc[0, "report_impression"] = None
    table.loc[1, "report_findings"] = "Mass in the XXXX."
    records, problems = make_conversations(table)
    assert sum(map(len, records.values())) == 6
    assert [problem.item for problem in problems] == ["/images/0_0.png", "/images/0_1.png"]


def test_a_table_without_reports_is_said() -> None:
    with pytest.raises(DatasetError, match="None of the 8 rows has an image and a report"):
        make_conversations(_table(4).assign(report_findings=None))


def test_the_command_writes_one_file_a_split(tmp_path: Path, command: Callable[..., Any]) -> None:
    write_table(_table(), tmp_path / "table.csv")
    output = tmp_path / "conversations"
    done = command(main, "prepare", "--table", tmp_path / "table.csv", "--output_dir", output)
    written = {name: json.loads((output / f"{name}.json").read_text()) for name in ("train", "val", "test")}
    assert written == make_conversations(read_table(tmp_path / "table.csv"))[0]
    assert "120 records" in done.out


def test_a_missing_table_ends_with_a_sentence(tmp_path: Path, command: Callable[..., Any]) -> None:
    done = command(main, "prepare", "--table", tmp_path / "none.csv", "--output_dir", tmp_path, status=1)
    assert "There is no table" in done.err


def test_writing_replaces_whole_files(tmp_path: Path) -> None:
    counts = write_conversations({"train": [], "val": [], "test": []}, tmp_path)
    assert counts.total() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.json", "train.json", "val.json"]
