"""A small collection of reports and images, the records made of it, and a model small enough to train in seconds."""

from pathlib import Path

import pandas as pd
import pytest

from core.classifier import SHIPPED
from core.datasets.table import complete
from core.findings import LABELS
from core.vlm.architecture import make_model, train_tokenizer
from core.vlm.pairing import ImagePairs
from core.vlm.training_records import Recipe, covered_reports, make_training_records
from core.vlm.training_settings import Size
from core.vlm.writer import SHIPPED_WRITER, Writer

NORMAL = (
    ("The heart is normal in size. The lungs are clear. No pleural effusion or pneumothorax.", "No acute disease."),
    ("Heart size within normal limits. No focal consolidation. No pneumothorax.", "No acute cardiopulmonary findings."),
    (
        "The lungs are clear without focal consolidation. There is no pleural effusion.",
        "No acute cardiopulmonary process.",
    ),
)
ABNORMAL = (
    ("The heart is enlarged. The lungs are clear. No pneumothorax.", "Cardiomegaly."),
    ("Left pleural effusion. The heart is normal in size. No pneumothorax.", "Left pleural effusion."),
    ("Possible right lower lobe pneumonia. No pleural effusion or pneumothorax.", "Possible right pneumonia."),
)
TINY = Size(vocabulary=420, width=32, layers=1, heads=2, feed_forward=48, positions=512, image_side=64)


@pytest.fixture(scope="session")
def reports() -> pd.DataFrame:
    """36 reports without images: 24 to train on, 6 each to validate and test."""
    rows = []
    for number in range(36):
        findings, impression = (*NORMAL, *ABNORMAL)[number % 6]
        rows.append(
            {
                "source": "openi",
                "patient_id": f"p{number}",
                "study_id": f"s{number}",
                "view": "PA",
                "split": ("train", "train", "train", "train", "val", "test")[number // 6],
                "report_findings": findings,
                "report_impression": impression,
            }
        )
    return complete(pd.DataFrame(rows))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory, phantom_png_bytes: bytes) -> pd.DataFrame:
    """Four labelled images in each of the splits for training and validation."""
    folder = tmp_path_factory.mktemp("images")
    rows = []
    for split in ("train", "val"):
        for index, labels in enumerate(((), ("Cardiomegaly",), ("Effusion",), ("Pneumonia", "Effusion"))):
            path = folder / f"{split}{index}.png"
            path.write_bytes(phantom_png_bytes)
            row = {"image_path": str(path), "source": "nih", "patient_id": f"{split}{index}", "study_id": path.stem}
            rows.append(row | {"split": split} | {label: float(label in labels) for label in LABELS})
    return complete(pd.DataFrame(rows))


@pytest.fixture(scope="session")
def pairs(images: pd.DataFrame) -> dict[str, ImagePairs]:
    """Images of each split."""
    by_split = {split: ImagePairs(images[images["split"] == split]) for split in ("train", "val")}
    return by_split | {"test": by_split["val"]}


@pytest.fixture(scope="session")
def records(reports: pd.DataFrame, pairs: dict[str, ImagePairs]) -> dict[str, list[dict]]:
    """Records of all kinds."""
    recipe = Recipe(variants=2, composed=40, image_only=0.1, style_shares=(0.6, 0.2, 0.2), normal_reports=8)
    return make_training_records(covered_reports(reports), pairs, recipe)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, records: dict[str, list[dict]]) -> Path:
    """A folder with an untrained model of 3.5 million weights, nearly all of them in its tower."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    texts = [turn["value"] for record in records["train"] for turn in record["conversations"]]
    model, processor = make_model(train_tokenizer(texts, vocabulary=TINY.vocabulary), SHIPPED, TINY)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def writer() -> Writer:
    """The shipped writer."""
    return Writer(SHIPPED_WRITER)
