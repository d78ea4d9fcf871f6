"""What ``measure_localisation`` found as people read it, beside the table of Wang et al."""

from collections.abc import Mapping
from typing import Any

from core.findings import LABELS

# Shares of boxes that Wang et al. found (ChestX-ray8, CVPR 2017; tables 4 and 7 of arXiv:1705.02315), for the labels in
# this order. Measured with all 984 boxes, none of which their network had learned from.
_WANG_LABELS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
)
_WANG = {
    ("iobb", "0.1"): (0.7277, 0.9931, 0.7124, 0.7886, 0.4352, 0.1645, 0.7500, 0.4591),
    ("iobb", "0.25"): (0.5500, 0.9794, 0.5424, 0.5772, 0.2823, 0.0506, 0.5583, 0.3469),
    ("iobb", "0.5"): (0.2833, 0.8767, 0.3333, 0.4227, 0.1411, 0.0126, 0.3833, 0.1836),
    ("iou", "0.1"): (0.6888, 0.9383, 0.6601, 0.7073, 0.4000, 0.1392, 0.6333, 0.3775),
    ("iou", "0.3"): (0.2444, 0.4589, 0.3006, 0.2764, 0.1529, 0.0379, 0.1666, 0.1326),
    ("iou", "0.5"): (0.0500, 0.1780, 0.1111, 0.0650, 0.0117, 0.0126, 0.0333, 0.0306),
}


def published(measure: str, threshold: str) -> dict[str, float]:
    """What Wang et al. report, by label and as ``mean``.

    Args:
        measure: ``iobb`` or ``iou``.
        threshold: as ``localization.json`` names it.
    """
    values = _WANG[measure, threshold]
    return dict(zip(_WANG_LABELS, values, strict=True)) | {"mean": sum(values) / len(values)}


def as_table(figures: dict[str, Any]) -> str:
    """One block for each measure: ours with its interval, Wang et al., and the two guesses that see no image.

    Args:
        figures: as ``measure_localisation`` returns them.
    """
    counts = figures["per_label"]
    names = [*(label for label in LABELS if label in counts), "mean"]
    n_boxes = {label: str(counts[label]["n_boxes"]) for label in counts}
    n_images = {label: str(counts[label]["n_images"]) for label in counts}
    lines = [f"{figures['n_boxes']} boxes on {figures['n_images']} images of {figures['n_patients']} patients"]
    for measure, title in (("iobb", "IoBB"), ("iou", "IoU")):
        for threshold in figures[measure]:
            columns = {"n": n_boxes} | _columns(figures, (measure, threshold), published(measure, threshold))
            if measure == "iobb":
                for heading, part in (("false/image", figures), ("usual place's", figures["baselines"]["usual_place"])):
                    columns[heading] = _texts(part["false_positives_per_image"][threshold], 2)
            lines += _block(f"Boxes found, {title} > {threshold}", names, columns)
    lines += _block("Images with the peak in a box", names, {"n": n_images} | _columns(figures, ("pointing_game",), {}))
    lines += [
        "",
        "Wang et al. measured all 984 boxes, with a network that had learned from none. Usual place: a map of the",
        "boxes of other images; central box: the middle half of the image; neither looks at the image. Intervals:",
        "Wilson for a label, patient bootstrap for the mean.",
    ]
    return "\n".join(lines)


def _columns(figures: dict[str, Any], path: tuple[str, ...], wang: dict[str, float]) -> dict[str, dict[str, str]]:
    """Heading to text by label, of the figures that lie at one path of ``localization.json`` and of its parts."""

    def at_path(part: dict[str, Any]) -> dict[str, Any]:
        for key in path:
            part = part[key]
        return part

    return {
        "ours": _texts(at_path(figures)),
        "95% interval": {name: f"[{low:.3f}, {high:.3f}]" for name, (low, high) in at_path(figures["ci95"]).items()},
        "Wang 2017": _texts(wang),
        "usual place": _texts(at_path(figures["baselines"]["usual_place"])),
        "central box": _texts(at_path(figures["baselines"]["central_box"])),
    }


def _texts(values: Mapping[str, float | None], decimals: int = 3) -> dict[str, str]:
    return {name: f"{value:.{decimals}f}" for name, value in values.items() if value is not None}


def _block(title: str, names: list[str], columns: dict[str, dict[str, str]]) -> list[str]:
    widths = {heading: 2 + max(map(len, [heading, *texts.values()])) for heading, texts in columns.items()}
    return [
        "",
        f"{title:<32}" + "".join(f"{heading:>{width}}" for heading, width in widths.items()),
        *(
            f"{name:<32}" + "".join(f"{columns[heading].get(name, '-'):>{width}}" for heading, width in widths.items())
            for name in names
        ),
    ]
