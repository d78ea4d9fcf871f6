"""The command-line options of a training: one set for ``train.py`` and for the studies that train."""

import argparse
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.classifier.checkpoint import load_config
from core.classifier.errors import TrainingError
from core.classifier.training.settings import TrainingSettings
from core.datasets import load_boxes, load_predictions, of_images, restore_validation, smaller_originals
from core.datasets.options import add_source_options, describe_sources, load_sources

if TYPE_CHECKING:
    from core.classifier.training.distillation import Teacher


@dataclass(frozen=True)
class TrainingInputs:
    """What ``train`` takes beside its output folder.

    Attributes:
        table: rows to train and to validate on.
        settings: how.
        data_settings: how the table was made, for the record.
        teacher: other models' probabilities, or None.
        boxes: radiologists' boxes, or None.
    """

    table: pd.DataFrame
    settings: TrainingSettings
    data_settings: dict[str, Any]
    teacher: "Teacher | None"
    boxes: pd.DataFrame | None


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that ``read_inputs`` reads."""
    add_source_options(parser)
    data = parser.add_argument_group("choice of training images")
    data.add_argument(
        "--min_original_px",
        type=int,
        default=0,
        help="train only on images whose original was at least this large, where the data folder tells; keeps a "
        "difference in sharpness between sources from standing in for a label",
    )
    data.add_argument(
        "--teacher",
        action="append",
        metavar="FILE[:WEIGHT]",
        help="another model's probabilities for some of the training images (CSV): they soften the labels, and "
        "a second head learns their logits; give it again, and where files know the same image their logits are "
        "averaged, by their weights [1], on the scale of the first, and count less where they disagree",
    )
    data.add_argument(
        "--boxes",
        metavar="FILE",
        help="radiologists' boxes around findings (NIH's BBox_List_2017.csv): those of training images teach the "
        "network where to look",
    )
    data.add_argument(
        "--validation_of",
        type=Path,
        metavar="DIR",
        help="validate on the same images as this earlier checkpoint, so that the two can be compared [that of "
        "--initial_weights, else the division of the data]",
    )
    training = parser.add_argument_group("training (defaults in brackets)")
    for field in fields(TrainingSettings):
        assert field.default is not MISSING
        shown = f"{field.metadata['meaning']} [{field.default}]".replace("%", "%%")
        if isinstance(field.default, bool):
            training.add_argument(f"--{field.name}", action="store_true", help=shown)
        else:
            training.add_argument(
                f"--{field.name}", type=type(field.default), default=field.default, metavar="VALUE", help=shown
            )


def read_inputs(options: argparse.Namespace) -> TrainingInputs:
    """Read what the options name.

    Raises:
        DatasetError, ValueError: a source, a file or a setting cannot be used; one sentence says why.
    """
    settings = TrainingSettings(**{field.name: getattr(options, field.name) for field in fields(TrainingSettings)})
    teachers = [_weighted_file(text) for text in options.teacher or ()]
    table = load_sources(options).table
    earlier = options.validation_of
    if (Path(settings.initial_weights) / "config.json").is_file():
        # What an earlier checkpoint has learned from must not validate its successor.
        earlier = Path(settings.initial_weights)
    if earlier:
        table = restore_validation(table, load_config(earlier).provenance)
    too_small = (table["split"] == "train") & smaller_originals(table, options.min_original_px)
    return TrainingInputs(
        table=table[~too_small],
        settings=settings,
        data_settings=describe_sources(options)
        | {
            "min_original_px": options.min_original_px,
            "teacher": [[file.name, weight] for file, weight in teachers] or None,
            "boxes": Path(options.boxes).name if options.boxes else None,
        },
        teacher=_merged(teachers, table) if teachers else None,
        boxes=load_boxes(options.boxes) if options.boxes else None,
    )


def _merged(files: list[tuple[Path, float]], table: pd.DataFrame) -> "Teacher":
    """One teacher of several, of the images of the table."""
    from core.classifier.training.distillation import merge_teachers

    by_path = table.set_index(table["image_path"])
    teachers = [of_images(load_predictions(file), by_path, name=file.name) for file, _ in files]
    return merge_teachers(teachers, [weight for _, weight in files])


def _weighted_file(text: str) -> tuple[Path, float]:
    """``FILE`` or ``FILE:WEIGHT``; what follows a colon and is no number belongs to the name."""
    name, _, last = text.rpartition(":")
    try:
        weight = float(last)
    except ValueError:
        return Path(text), 1.0
    if not name:
        return Path(text), 1.0
    if not 0 < weight < float("inf"):
        raise TrainingError(f"The weight of --teacher {name} must be above 0, not {last}.")
    return Path(name), weight
