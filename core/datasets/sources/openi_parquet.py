"""The Hugging Face copy of Open-i (``ykumards/open-i``): Parquet files with the columns of Kaggle's reports and images.

Its rows have ``uid``, ``MeSH``, ``Problems``, ``image`` (the caption), ``indication``, ``comparison``, ``findings``,
``impression``, and the bytes of one image of each view as ``img_frontal`` and ``img_lateral``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from core.atomic import replacing
from core.datasets.table import DatasetError, Problem

FRONTAL = "img_frontal"
FRONTAL_FOLDER = "frontal"
_REPORT_COLUMNS = ("uid", "MeSH", "image", "indication", "comparison", "findings", "impression")
_SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png"}
# Rows of two images of about 300 kB each.
_ROWS_AT_ONCE = 64


def parquet_files(root: Path) -> list[Path]:
    """The collection's Parquet files below a folder, in order; others are left aside."""
    import pyarrow.parquet as pq

    found = []
    for path in sorted(root.rglob("*.parquet")):
        try:
            names = set(pq.read_schema(path).names)
        except (OSError, ValueError) as error:  # what Arrow raises on broken files derives from these
            raise _damaged(path, error) from error
        if {*_REPORT_COLUMNS, FRONTAL} <= names:
            found.append(path)
    return found


def read_rows(files: list[Path]) -> pd.DataFrame:
    """The columns of Kaggle's table of reports, all as text; the index counts the rows of all files.

    Raises:
        DatasetError: a file is damaged.
    """
    parts = [_read(path, list(_REPORT_COLUMNS)) for path in files]
    table = pd.concat(parts, ignore_index=True)
    return table.astype(object).where(table.notna(), None).map(lambda cell: cell if cell is None else str(cell))


def unpack_frontal_images(files: list[Path], folder: Path, problems: list[Problem]) -> pd.DataFrame:
    """Write the frontal image of each report as a file, once; a run that was cut off goes on.

    Args:
        files: from ``parquet_files``.
        folder: gets ``CXR1.jpg`` and so on.
        problems: gets an entry for each image that is neither JPEG nor PNG.

    Returns:
        ``study_id`` and ``image_path`` of the reports that have one.

    Raises:
        DatasetError: a file is damaged, or an image cannot be written.
    """
    rows = []
    there = {path.stem: path for path in folder.iterdir()} if folder.is_dir() else {}
    for uid, content in _images(files):
        study = f"CXR{uid}"
        path = there.get(study)
        if path is None:
            suffix = next((suffix for start, suffix in _SUFFIXES.items() if content.startswith(start)), None)
            if suffix is None:
                problems.append(Problem(study, "Its frontal image is neither JPEG nor PNG; its row was left out."))
                continue
            path = folder / (study + suffix)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with replacing(path, durable=False) as partial:
                    partial.write_bytes(content)
            except OSError as error:
                raise DatasetError(
                    f"{path} could not be written ({error.strerror}): the images of the Parquet files are unpacked "
                    "there; make room, or copy the folder to where you may write."
                ) from error
        rows.append((study, str(path)))
    return pd.DataFrame(rows, columns=["study_id", "image_path"]).drop_duplicates("study_id")


def _images(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    import pyarrow.parquet as pq

    readers = [pq.ParquetFile(path) for path in files]
    total = sum(reader.metadata.num_rows for reader in readers)
    with tqdm(total=total, desc="Unpacking Open-i images", unit="img", disable=None) as progress:
        for path, reader in zip(files, readers, strict=True):
            try:
                for batch in reader.iter_batches(batch_size=_ROWS_AT_ONCE, columns=["uid", FRONTAL]):
                    for row in batch.to_pylist():
                        progress.update()
                        # The number names a file: anything else is told as a report without a number.
                        if (content := _content(row[FRONTAL])) and str(row["uid"]).isdecimal():
                            yield str(row["uid"]), content
            except (OSError, ValueError) as error:
                raise _damaged(path, error) from error


def _content(cell: Any) -> bytes | None:
    """An image's bytes: as they are, or as the image column of the datasets library holds them."""
    return cell.get("bytes") if isinstance(cell, dict) else cell


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{path} is no whole Parquet file ({error}): download it again.")
