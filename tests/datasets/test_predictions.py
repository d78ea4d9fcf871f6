from pathlib import Path

import pytest

from core.datasets import DatasetError, load_predictions
from core.findings import LABELS


def test_columns_may_carry_a_prefix_and_stand_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    names = [f"prob_{label}" for label in reversed(LABELS)]
    path.write_text(",".join(["Image Index", *names]) + "\nx_1.png," + ",".join(str(i) for i in range(14)) + "\n")
    table = load_predictions(path)
    assert list(table.columns) == list(LABELS)
    assert table.loc["x_1", LABELS[0]] == 13


def test_a_missing_file_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no file"):
        load_predictions(tmp_path / "nothing.csv")
    (tmp_path / "other.csv").write_text("Image Index,Mass\nx.png,0.5\n")
    with pytest.raises(DatasetError, match="lacks the column 'Atelectasis'"):
        load_predictions(tmp_path / "other.csv")
