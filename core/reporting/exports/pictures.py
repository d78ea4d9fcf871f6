"""The pictures in exports: the radiograph, and one finding's heatmap over it."""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core import DISCLAIMER
from core.findings import LABELS, display_name
from core.reporting.evidence import FindingEvidence
from core.reporting.exports.study import ReportedStudy
from core.reporting.heatmap_trust import reliability_in_words
from core.reporting.overlay import blended, with_legend

# DejaVu comes with Matplotlib (free licence); it covers Latin, Greek, Cyrillic, Hebrew, Arabic and more.
DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def overlaid(study: ReportedStudy, shown: FindingEvidence | None) -> Image.Image:
    """The radiograph (RGB, longest side up to 1024 pixels) with a finding's heatmap, or bare if that is None."""
    pixels = study.radiograph.pixels
    if shown is None:
        return blended(pixels, None)
    heatmap = study.prediction.heatmaps[LABELS.index(shown.finding.name)]
    # In the 256 steps that a server keeps, so that every way to an export draws the same picture.
    return blended(pixels, np.round(heatmap * 255).astype(np.float32) / 255)


def caption(study: ReportedStudy, shown: FindingEvidence | None) -> str:
    """What the overlaid picture shows, in one line."""
    if shown is None:
        return "No heatmap: the model knows no finding"
    probability = "not assessed" if shown.probability is None else f"probability {shown.probability:.1%}"
    return f"Model attention: {display_name(shown.finding.name)}, {probability}, {shown.decision}"


def trust(shown: FindingEvidence | None) -> str:
    """How far the heatmap that a picture shows can be trusted, in one line; empty where it shows none."""
    if shown is None:
        return ""
    words = "not measured." if shown.reliability is None else reliability_in_words(shown.reliability)
    return f"Heatmap reliability: {words}"


def captioned(study: ReportedStudy, shown: FindingEvidence | None) -> Image.Image:
    """``overlaid`` with a legend at its right, and caption, reliability, model and disclaimer burned in below."""
    picture = with_legend(overlaid(study, shown))
    model = study.evidence.model
    lines = [
        f"{caption(study, shown)}. Legend: low (bottom) to high (top), scaled per finding.",
        *filter(None, [trust(shown)]),
        f"{model['name']} version {model['version']}",
        DISCLAIMER,
    ]
    size = max(9, round(picture.width / 62))
    font = ImageFont.truetype(str(DEJAVU), size)
    rows = [row for line in lines for row in _wrapped(line, font, picture.width - size)]
    step = round(1.4 * size)
    canvas = Image.new("RGB", (picture.width, picture.height + step * len(rows) + size))
    canvas.paste(picture, (0, 0))
    draw = ImageDraw.Draw(canvas)
    for index, row in enumerate(rows):
        draw.text((size // 2, picture.height + size // 2 + step * index), row, font=font, fill=(225, 225, 225))
    return canvas


def _wrapped(line: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    rows = [""]
    for word in line.split():
        longer = f"{rows[-1]} {word}".strip()
        if rows[-1] and font.getlength(longer) > width:
            rows.append(word)
        else:
            rows[-1] = longer
    return rows
