"""A study for people who must not know whose it is, as a zip archive.

Nothing is taken out of the uploaded file: everything is made anew from what was read of it, so that only what is named
here can be in it. Left out are all identifiers, names, dates and times, the file's name, and what a reviewer wrote,
since free text may name anybody. What is drawn into the picture itself stays.
"""

import io
import json
import zipfile
from dataclasses import replace

import cv2
import numpy as np

from core import DISCLAIMER
from core.reporting.exports.pictures import overlaid
from core.reporting.exports.plain import as_json, as_text
from core.reporting.exports.study import ReportedStudy, derived_uuid

_README = f"""This archive holds one chest radiograph and what ChestLens says of it, without whose it is.

radiograph.png  the picture, 16-bit grey, bright is dense; every pixel that was read
facts.json      view, pixel spacing in millimetres (height, width), size in pixels, a number for the study
heatmap.png     the picture with the leading finding's heatmap over it
report.txt      the draft report and its evidence
report.json     the same for programs

Left out: every identifier, name, date and time of the uploaded file, its own name, remarks on the file, and what a
reviewer wrote. Not taken out: words or marks within the picture itself. LOOK AT THE PICTURE BEFORE YOU PASS IT ON.

{DISCLAIMER}
"""
_VIEWS = ("PA", "AP")
# The first moment that a zip archive can state: the time of an export says when somebody was examined.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def as_deidentified(study: ReportedStudy) -> bytes:
    """The archive; the same study always gives the same bytes."""
    # Made of the pixels alone: of a number made of identifiers one could try out whose it is.
    number = derived_uuid("de-identified", study.pixel_digest).hex[:16]
    # Remarks on the file may quote it, and so may a view that is none of the usual ones.
    view = study.evidence.view if study.evidence.view in _VIEWS else None
    evidence = replace(study.evidence, warnings=(), view=view)
    sentences = tuple(item for item in study.report.sentences if view is not None or item.section != "view")
    report = replace(study.report, sentences=sentences)
    height, width = study.radiograph.pixels.shape
    facts = {
        "number": number,
        "view": view,
        "pixel_spacing_mm": study.radiograph.pixel_spacing_mm,
        "rows": height,
        "columns": width,
    }
    picture = io.BytesIO()
    overlaid(study, study.pictured(None)).save(picture, "PNG")
    files = {
        "README.txt": _README.encode(),
        "radiograph.png": _grey_png(study),
        "facts.json": (json.dumps(facts, indent=2) + "\n").encode(),
        "heatmap.png": picture.getvalue(),
        "report.txt": as_text(evidence, report, name=number).encode(errors="replace"),
        "report.json": as_json(evidence, report, name=number).encode(),
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(zipfile.ZipInfo(f"study-{number}/{name}", _NO_TIME), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def _grey_png(study: ReportedStudy) -> bytes:
    written, encoded = cv2.imencode(".png", np.round(study.radiograph.pixels * 65535).astype(np.uint16))
    if not written:
        raise OSError("The picture could not be written as PNG.")
    return encoded.tobytes()
