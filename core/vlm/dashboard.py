"""``dashboard.html`` of a text evaluation: image, reference and each system's report side by side, in one file.

Labels are coloured by what is said of them; studies can be filtered by where a report disagrees with its reference.
"""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from core import DISCLAIMER
from core.atomic import write_text
from core.findings import LABELS, display_name
from core.imaging import ImagingError, read_safely
from core.labeler import label_values, presences
from core.pages import page_environment
from core.vlm.evaluation import TextEvaluation
from core.vlm.evaluation_baselines import BASELINES
from core.vlm.evaluation_manifest import GENERATED, REFERENCE
from core.vlm.evaluation_page import marked

MOST = 300
"""Studies that one page shows; more would make it slow to open."""
_SIDE, _QUALITY = 320, 80
_WORDS = {1: "present", -1: "possible", 0: "absent", None: "unmentioned"}


def write_dashboard(evaluation: TextEvaluation, path: str | Path, *, most: int = MOST) -> None:
    """Write the page; it loads nothing from elsewhere.

    Args:
        evaluation: of any systems; images stand beside the reports where the first manifest names them.
        path: file to write.
        most: studies that are shown, those with most disagreement first.
    """
    systems = {
        name: table.set_index("id")
        for name, table in evaluation.studies.groupby("system", sort=False)
        if name not in BASELINES
    }
    studies = [_study(row, systems) for row in evaluation.references.to_dict("records")]
    studies.sort(key=lambda one: -one["disagreements"])
    shown = studies[:most]
    for one in shown:
        one["picture"] = _picture(one["image_path"])
    page = (
        page_environment()
        .get_template("text_dashboard.html")
        .render(
            studies=shown,
            total=len(studies),
            systems=list(systems),
            labels=[(label, display_name(label)) for label in LABELS],
            disclaimer=DISCLAIMER,
        )
    )
    write_text(path, page)


def _study(row: dict[str, Any], systems: dict[str, pd.DataFrame]) -> dict[str, Any]:
    reference = _labels(" ".join(row[column] for column in REFERENCE))
    reports: list[dict[str, Any]] = []
    for name, table in systems.items():
        own = table.loc[row["id"]]
        labels = _labels(" ".join(own[column] for column in GENERATED))
        differing = [label for label in LABELS if _called(labels[label]) != _called(reference[label])]
        reports.append(
            {
                "name": name,
                "texts": [marked(own[column]) for column in GENERATED],
                "labels": _chips(labels, differing),
                "differing": differing,
                "seconds": own["seconds"] or None,
            }
        )
    disagreeing = {label for report in reports for label in report["differing"]}
    return {
        "id": row["id"],
        "image_path": row.get("image_path") or "",
        "reference": [marked(row[column]) for column in REFERENCE],
        "reference_labels": _chips(reference, []),
        "reports": reports,
        "disagreeing": " ".join(sorted(disagreeing)),
        "disagreements": sum(len(report["differing"]) for report in reports),
    }


def _labels(report: str) -> dict[str, int | None]:
    return label_values(presences(report))


def _called(value: int | None) -> bool:
    return value in (1, -1)


def _chips(labels: dict[str, int | None], differing: list[str]) -> list[dict[str, Any]]:
    """Labels that a report speaks of, or on which it differs."""
    return [
        {"name": display_name(label), "kind": _WORDS[value], "differs": label in differing}
        for label, value in labels.items()
        if value is not None or label in differing
    ]


def _picture(path: str) -> str | None:
    """A small picture as a data address; None where there is none to be read."""
    if not path:
        return None
    try:
        pixels = read_safely(Path(path).read_bytes()).pixels
    except (ImagingError, OSError):
        return None
    image = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
