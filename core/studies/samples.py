"""The shelf of samples: thumbnails on demand, and at most one study for each sample."""

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from core.anatomy import Admitted, upright
from core.atomic import replacing
from core.findings import LABELS, display_name
from core.imaging import MAX_FILE_BYTES, TooLarge, read_safely
from core.reporting.overlay import radiograph_png
from core.studies.database import Database
from core.studies.tables import SampleStudy
from core.studies.viewer import audience

if TYPE_CHECKING:
    from core.datasets.samples import Sample

# So long a thumbnail may wait for its turn and its decoding.
_DECODING_SECONDS = 20.0
_THUMBNAIL_SIDE = 256
_SHOWCASE = 12


class SampleShelf:
    """The samples of one server; none if no folder was given.

    Args:
        samples: as ``core.datasets.samples`` found them.
        database: that of the studies.
        thumbnails: folder for the thumbnails, which may be emptied at any time.

    Attributes:
        opening: to be held while a study is made from a sample.
        showcase: the few samples that the upload page shows.
    """

    def __init__(self, samples: Sequence["Sample"], database: Database, thumbnails: Path) -> None:
        self._samples = {sample.id: sample for sample in samples}
        self._database = database
        self._thumbnails = thumbnails
        self.opening = threading.Lock()
        self.showcase = _varied(samples, _SHOWCASE)

    def __len__(self) -> int:
        return len(self._samples)

    def get(self, sample_id: str) -> "Sample | None":
        """The sample of that id."""
        return self._samples.get(sample_id)

    def search(self, text: str, finding: str | None) -> list["Sample"]:
        """Samples whose name or labels hold every word, and whose labels hold the finding."""
        words = text.lower().split()
        return [
            sample
            for sample in self._samples.values()
            if (finding is None or finding in (sample.labels or ()))
            and all(word in _searched(sample) for word in words)
        ]

    def thumbnail(self, sample: "Sample") -> Path:
        """A PNG of at most 256 pixels a side; made once, and again when the sample's file has changed.

        Raises:
            ImagingError: the sample cannot be read.
            OSError: its file is gone.
        """
        path = self._thumbnails / f"{sample.id}.png"
        if path.is_file() and path.stat().st_mtime_ns >= sample.path.stat().st_mtime_ns:
            return path
        radiograph = upright(read_safely(content_of(sample), within_s=_DECODING_SECONDS))
        picture = radiograph_png(radiograph.pixels, longest_side=_THUMBNAIL_SIDE)
        self._thumbnails.mkdir(parents=True, exist_ok=True)
        with replacing(path, durable=False) as partial:
            partial.write_bytes(picture)
        return path

    def studies(self, sample_ids: Iterable[str]) -> dict[str, str]:
        """Study ids by sample id, for those samples that have a study for whoever asks."""
        with self._database.session() as session:
            rows = session.execute(
                select(SampleStudy.sample_id, SampleStudy.study_id).where(
                    SampleStudy.sample_id.in_(list(sample_ids)), SampleStudy.audience == audience()
                )
            )
            return dict(rows.tuples().all())


def content_of(sample: "Sample") -> bytes:
    """The sample's bytes.

    Raises:
        TooLarge: the file is over the limit of an upload.
        OSError: it is gone, or was replaced by a link.
    """
    if os.path.realpath(sample.path) != str(sample.path):
        raise FileNotFoundError(sample.path)
    with sample.path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(f"The file is over {MAX_FILE_BYTES // 2**20} MB.")
    return data


def reference_of(sample: "Sample", admitted: Admitted) -> dict[str, Any] | None:
    """What the collection says of a sample's radiograph.

    Returns:
        ``labels`` (names, or None), ``boxes`` (``finding``, ``x``, ``y``, ``width``, ``height`` in pixels of the
        study's image), ``report`` (``findings`` and ``impression``, or None) and ``source`` in words; None if nothing
        is known.
    """
    if sample.source is None:
        return None
    height, width = admitted.radiograph.pixels.shape
    # Boxes are those of the picture as it lay; on one that was turned they would mark the wrong place.
    boxes = () if admitted.gate.turned else sample.boxes
    has_report = sample.report_findings or sample.report_impression
    return {
        "labels": None if sample.labels is None else list(sample.labels),
        "boxes": [
            {
                "finding": box.finding,
                "x": round(box.left * width, 1),
                "y": round(box.top * height, 1),
                "width": round((box.right - box.left) * width, 1),
                "height": round((box.bottom - box.top) * height, 1),
            }
            for box in boxes
        ],
        "report": {"findings": sample.report_findings, "impression": sample.report_impression} if has_report else None,
        "source": sample.source,
    }


def _varied(samples: Sequence["Sample"], number: int) -> list["Sample"]:
    """Samples that show as many different labels as they can; the first ones where there are no labels."""
    chosen: dict[str, Sample] = {}
    for wanted in (*LABELS, None):
        fitting = (sample for sample in samples if _shows(sample, wanted) and sample.id not in chosen)
        # A sample with a box shows where; one with a single label shows what.
        best = min(fitting, key=lambda sample: (not sample.boxes, len(sample.labels or ())), default=None)
        if best is not None:
            chosen[best.id] = best
    for sample in samples[:number]:
        chosen.setdefault(sample.id, sample)
    return list(chosen.values())[:number]


def _shows(sample: "Sample", label: str | None) -> bool:
    """Whether the collection calls the label present in it, or for None calls nothing present."""
    if sample.labels is None:
        return False
    return label in sample.labels if label else not sample.labels


def _searched(sample: "Sample") -> str:
    labels = () if sample.labels is None else map(display_name, sample.labels or ("No finding",))
    return " ".join((sample.name, *labels)).lower()
