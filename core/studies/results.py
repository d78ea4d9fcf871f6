"""The result of a study to its files and back.

``result.json`` holds what the analysis found, ``rewrite.json`` what became of the report's rewording; each is written
once, and names the format of all files as ``layout``. What pages, interface and exports show is made from these.
"""

import gzip
import io
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from isal import igzip
from PIL import Image

from core.anatomy import Admitted, Anatomy, Gate, Place
from core.classifier import Prediction
from core.classifier.abnormality import Abnormal
from core.classifier.policies import OperatingPoint
from core.classifier.reliability import HeatmapReliability
from core.findings import BY_NAME, LABELS
from core.imaging import Radiograph
from core.reporting import Assessment, Evidence, FindingEvidence, Report, Sentence, as_object
from core.reporting.exports.plain import report_object
from core.reporting.overlay import radiograph_png
from core.studies.storage import Storage

LAYOUT = 2

UPLOAD = "upload"
RESULT, REWRITE, REFERENCE = "result.json", "rewrite.json", "reference.json"
IMAGE, PIXELS, HEATMAPS = "image.png", "pixels.gz", "heatmaps.npz"
IDENTIFIERS = "identifiers"
EHR = "record"  # of health
LISTED = "listed"  # ids of the studies in an export
DECODED = "decoded.npz"

# The ordinary picture is for the list, for programs and for printing; the viewer has every grey value.
_DISPLAY_SIDE = 2048
# No detector in use has more pixels on a side; larger images are scans that gain nothing from being shown larger.
LONGEST_SIDE = 4400


@dataclass(frozen=True)
class Result:
    """All that is known of a finished study.

    Attributes:
        evidence: with gate and anatomy.
        template: the report as the template words it.
        image: ``width``, ``height``, ``pixel_spacing_mm`` and ``pixels``, the format of the grey values.
        metadata: non-identifying facts of the file, as those of ``Radiograph``.
        rewritten: the reworded report, None where there is none that may be shown.
        rewriting: how that came about, None while it has not ended.
    """

    evidence: Evidence
    template: Report
    image: dict[str, Any]
    metadata: dict[str, str]
    rewritten: Report | None = None
    rewriting: dict[str, Any] | None = None

    @property
    def report(self) -> Report:
        """The draft that is shown and exported."""
        return self.rewritten or self.template

    @cached_property
    def drafts(self) -> dict[str, dict[str, Any] | None]:
        """Each draft as the interface gives it, by its source."""
        rewritten = None if self.rewritten is None else report_object(self.rewritten)
        return {"template": report_object(self.template), "vlm": rewritten}

    def as_object(self) -> dict[str, Any]:
        """What ``GET /api/studies/<id>`` gives of it."""
        return as_object(self.evidence, self.report) | {"image": dict(self.image), "reports": self.drafts}


def write_result(storage: Storage, study_id: str, admitted: Admitted, assessment: Assessment) -> None:
    """Write all that pages and downloads need into a study's folder; ``result.json`` last.

    Raises:
        Gone: the study was deleted.
        Unavailable: see ``Storage``.
    """
    radiograph = admitted.radiograph
    values = grey_values(radiograph.pixels)
    heatmaps = io.BytesIO()
    steps = np.round(assessment.prediction.heatmaps * 255).astype(np.uint8)
    np.savez(heatmaps, **dict(zip(LABELS, steps, strict=True)))
    # They can be made again until the row says that the study is done; one flush, that of the result, is enough.
    for name, data in (
        (IMAGE, radiograph_png(radiograph.pixels, longest_side=_DISPLAY_SIDE)),
        (PIXELS, compressed(values)),
        (HEATMAPS, heatmaps.getvalue()),
    ):
        storage.write(study_id, name, data)
    height, width = radiograph.pixels.shape
    image = {
        "width": width,
        "height": height,
        "pixel_spacing_mm": radiograph.pixel_spacing_mm,
        "pixels": pixel_format(values),
    }
    storage.write(
        study_id,
        RESULT,
        stored_result(asdict(assessment.evidence), asdict(assessment.report), image, radiograph.metadata),
    )


def stored_result(
    evidence: dict[str, Any], template: dict[str, Any], image: dict[str, Any], metadata: dict[str, str]
) -> bytes:
    """The content of ``result.json``, from what ``dataclasses.asdict`` gives."""
    for item in evidence["findings"]:
        # What is known of a finding in general is the program's, not the study's.
        if not isinstance(item["finding"], str):
            item["finding"] = item["finding"]["name"]
    stored = {"layout": LAYOUT, "evidence": evidence, "report": template, "image": image, "metadata": metadata}
    return json.dumps(stored).encode()


def write_rewrite(storage: Storage, study_id: str, report: Report | None, state: dict[str, Any]) -> None:
    """Write how rewording ended, and the reworded report where it may be shown.

    Raises:
        Gone, Unavailable: as ``write_result``.
    """
    stored = {"layout": LAYOUT, "report": None if report is None else asdict(report), "state": state}
    storage.write(study_id, REWRITE, json.dumps(stored).encode())


def read_result(storage: Storage, study_id: str, *, rewritten: bool) -> Result:
    """Read what was written.

    Args:
        storage: with the files.
        study_id: of a finished study.
        rewritten: whether rewording has ended.

    Raises:
        Gone: the study was deleted.
        Unavailable: see ``Storage``.
    """
    stored = json.loads(storage.read(study_id, RESULT))
    rewrite = json.loads(storage.read(study_id, REWRITE)) if rewritten else {"report": None, "state": None}
    return Result(
        evidence=_evidence(stored["evidence"]),
        template=_report(stored["report"]),
        image=stored["image"],
        metadata=stored["metadata"],
        rewritten=None if rewrite["report"] is None else _report(rewrite["report"]),
        rewriting=rewrite["state"],
    )


def read_radiograph(storage: Storage, study_id: str, result: Result) -> Radiograph:
    """The radiograph that was judged, upright, with the file's identifiers where they are kept.

    Raises:
        Gone, Unavailable: as ``read_result``.
        WrongKey: the identifiers were encrypted with another key.
    """
    spacing = result.image["pixel_spacing_mm"]
    return Radiograph(
        pixels=_pixels(storage, study_id, result),
        view=result.evidence.view,
        pixel_spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
        warnings=result.evidence.warnings,
        metadata=result.metadata,
        source=json.loads(storage.read(study_id, IDENTIFIERS)),
    )


def read_heatmaps(storage: Storage, study_id: str) -> dict[str, npt.NDArray[np.float32]]:
    """All heatmaps (h, w) in [0, 1], by finding.

    Raises:
        Gone, Unavailable: as ``read_result``.
    """
    with np.load(io.BytesIO(storage.read(study_id, HEATMAPS))) as maps:
        return {name: np.asarray(maps[name].astype(np.float32) / 255) for name in LABELS}


def read_prediction(storage: Storage, study_id: str, evidence: Evidence) -> Prediction:
    """What the classifier said.

    Raises:
        Gone, Unavailable: as ``read_result``.
    """
    probabilities = [np.nan if item.probability is None else item.probability for item in evidence.findings]
    heatmaps = np.stack(list(read_heatmaps(storage, study_id).values()))
    return Prediction(np.array(probabilities, dtype=np.float32), heatmaps)


def grey_values(pixels: npt.NDArray[np.float32], *, longest_side: int = LONGEST_SIDE) -> npt.NDArray[Any]:
    """The grey values as the viewer reads them.

    Args:
        pixels: (H, W) in [0, 1].
        longest_side: images with a longer side are shrunk to it.

    Returns:
        (H, W), white is the largest value: uint8 where 8 bits are exact, as for pictures that had no more, else uint16.
    """
    if max(pixels.shape) > longest_side:
        scale = longest_side / max(pixels.shape)
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    scaled = pixels * 255
    # To within what float32 loses.
    bits = 8 if np.abs(scaled - np.rint(scaled)).max() < 1e-3 else 16
    return np.rint(np.clip(pixels, 0, 1) * (2**bits - 1)).astype("<u1" if bits == 8 else "<u2")


def pixel_format(values: npt.NDArray[Any]) -> dict[str, int]:
    """What a reader of ``PIXELS`` must know: rows from the top, little-endian, no padding; white is 2**bits - 1."""
    return {"width": values.shape[1], "height": values.shape[0], "bits": 8 * values.itemsize}


def compressed(values: npt.NDArray[Any]) -> bytes:
    """Grey values as gzip, the same each time."""
    # Level 1 of ISA-L is several times as fast as zlib's and hardly larger.
    return bytes(igzip.compress(values.tobytes(), compresslevel=1, mtime=0))


def write_identifiers(storage: Storage, study_id: str, identifiers: dict[str, str], *, durable: bool = True) -> None:
    """Keep what identifies a radiograph, by DICOM keyword, apart from all else; an empty mapping where nothing does.

    Raises:
        Gone, Unavailable: as ``write_result``.
    """
    storage.write(study_id, IDENTIFIERS, json.dumps(identifiers).encode(), durable=durable)


def write_decoded(storage: Storage, study_id: str, admitted: Admitted) -> None:
    """Leave a radiograph that was read already to whoever analyses it; losing it only costs reading it again.

    Raises:
        Gone, Unavailable: as ``write_result``.
    """
    radiograph = admitted.radiograph
    facts = {
        "view": radiograph.view,
        "pixel_spacing_mm": radiograph.pixel_spacing_mm,
        "warnings": radiograph.warnings,
        "metadata": radiograph.metadata,
        "anatomy": asdict(admitted.anatomy),
        "gate": asdict(admitted.gate),
    }
    file = io.BytesIO()
    np.savez(file, pixels=radiograph.pixels, facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8))
    storage.write(study_id, DECODED, file.getvalue(), durable=False)


def read_decoded(storage: Storage, study_id: str) -> Admitted:
    """Read what ``write_decoded`` left.

    Raises:
        Gone: it left nothing.
        Unavailable: see ``Storage``.
    """
    with np.load(io.BytesIO(storage.read(study_id, DECODED))) as stored:
        pixels, facts = stored["pixels"], json.loads(stored["facts"].tobytes())
    spacing = facts["pixel_spacing_mm"]
    radiograph = Radiograph(
        pixels=pixels,
        view=facts["view"],
        pixel_spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
        warnings=tuple(facts["warnings"]),
        metadata=facts["metadata"],
    )
    return Admitted(radiograph, Anatomy.from_stored(facts["anatomy"]), _gate(facts["gate"]))


def _pixels(storage: Storage, study_id: str, result: Result) -> npt.NDArray[np.float32]:
    form = result.image["pixels"]
    raw = gzip.decompress(storage.read(study_id, PIXELS))
    values = np.frombuffer(raw, dtype="<u1" if form["bits"] == 8 else "<u2").reshape(form["height"], form["width"])
    return values.astype(np.float32) / np.float32(2 ** form["bits"] - 1)


def _gate(stored: dict[str, Any]) -> Gate:
    return Gate(**{**stored, "checks": tuple(stored["checks"])})


def _evidence(stored: dict[str, Any]) -> Evidence:
    abnormal, anatomy = stored["abnormal"], stored["anatomy"]
    converted = {
        "findings": tuple(map(_finding_evidence, stored["findings"])),
        "gate": _gate(stored["gate"]),
        "anatomy": None if anatomy is None else Anatomy.from_stored(anatomy),
        "warnings": tuple(stored["warnings"]),
        "abnormal": abnormal and Abnormal(**{**abnormal, "interval": tuple(abnormal["interval"])}),
    }
    return Evidence(**{**stored, **converted})


def _report(stored: dict[str, Any]) -> Report:
    sentences = (Sentence(**{**one, "findings": tuple(one["findings"])}) for one in stored["sentences"])
    return Report(source=stored["source"], sentences=tuple(sentences))


def _finding_evidence(stored: dict[str, Any]) -> FindingEvidence:
    point, reliability = stored["operating_point"], stored["reliability"]
    return FindingEvidence(
        finding=BY_NAME[stored["finding"]],
        probability=stored["probability"],
        operating_point=None if point is None else OperatingPoint.from_json(point),
        decision=stored["decision"],
        places=tuple(Place(**place) for place in stored["places"]),
        reliability=None if reliability is None else HeatmapReliability(**reliability),
    )
