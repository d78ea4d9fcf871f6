"""One image is found under whatever name a table gives it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets import DatasetError, load_predictions, of_images
from core.findings import LABELS


def table(*paths: str, studies: tuple[str, ...] = ()) -> pd.DataFrame:
    return pd.DataFrame({"image_path": list(paths), "study_id": list(studies or paths)})


def predictions(folder: Path, column: str, *paths: str) -> pd.DataFrame:
    """A CSV whose row number is what is predicted."""
    rows = [",".join([column, *LABELS])] + [f"{path}" + f",{row}" * 14 for row, path in enumerate(paths)]
    (folder / "p.csv").write_text("\n".join(rows) + "\n")
    return load_predictions(folder / "p.csv")


@pytest.mark.parametrize("column", ["Image Index", "path", "image_path"])
@pytest.mark.parametrize(
    "named", ["b.png", "images/b.png", "/data/images/b.jpg", "./images/b.dcm", "C:\\x\\images\\b.PNG"]
)
def test_an_image_is_found_by_name_or_by_any_path(tmp_path: Path, column: str, named: str) -> None:
    given = predictions(tmp_path, column, "other.png", named)
    found = of_images(given, table("/data/images/a.png", "/data/images/b.png"), name="p")
    assert np.isnan(found["Mass"].iloc[0])
    assert found["Mass"].iloc[1] == 1


def test_equal_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    given = predictions(tmp_path, "path", "train/p2/s1/view1.jpg", "train/p1/s1/view1.jpg")
    found = of_images(given, table("/x/train/p1/s1/view1.jpg", "/x/train/p2/s1/view1.jpg"), name="p")
    assert found["Mass"].tolist() == [1, 0]


def test_equal_names_without_folders_are_an_error(tmp_path: Path) -> None:
    given = predictions(tmp_path, "Image Index", "view1.jpg")
    with pytest.raises(DatasetError, match="as many folders"):
        of_images(given, table("/x/p1/view1.jpg", "/x/p2/view1.jpg"), name="p")


def test_a_name_without_folders_is_that_of_each_copy_of_the_image(tmp_path: Path) -> None:
    given = predictions(tmp_path, "Image Index", "1_000.png", "1_001.png")
    copies = table("/64px/1_000.jpg", "/more/1_000.jpg", "/64px/1_001.jpg", studies=("1_000", "1_000", "1_001"))
    assert of_images(given, copies, name="p")["Mass"].tolist() == [0, 0, 1]


def test_images_of_two_sources_are_no_copies_of_each_other(tmp_path: Path) -> None:
    given = predictions(tmp_path, "Image Index", "1_000.png")
    apart = table("/a/1_000.png", "/b/1_000.png", studies=("1_000", "1_000")).assign(source=["nih", "openi"])
    with pytest.raises(DatasetError, match="as many folders"):
        of_images(given, apart, name="p")


def test_the_last_part_of_a_uid_is_no_suffix(tmp_path: Path) -> None:
    given = predictions(tmp_path, "path", "1.2.840.1", "1.2.840.2")
    assert of_images(given, table("/x/1.2.840.2", "/x/1.2.840.1"), name="p")["Mass"].tolist() == [1, 0]


def test_prepared_copies_are_found_by_the_name_that_the_source_gave(tmp_path: Path) -> None:
    given = predictions(tmp_path, "path", "images/a.png", "images/b.png")
    copies = table("/c/csv/b-0123.png", "/c/csv/a-4567.png", studies=("images/b.png", "images/a.png"))
    assert of_images(given, copies, name="p")["Mass"].tolist() == [1, 0]
