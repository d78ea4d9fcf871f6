"""The same image with and without a health record: every difference is the record's, because the draws are the same."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.imaging import Radiograph, read_safely
from core.vlm.ehr import lines_of, read_ehr
from core.vlm.generation import GeneratedReport, generate

Change = Literal["same", "only without", "only with"]


@dataclass(frozen=True)
class RecordComparison:
    """Two reports on one image.

    Attributes:
        without, with_record: the reports from the image alone, and from image and record.
        record: the record as it was read, fact by fact.
    """

    without: GeneratedReport
    with_record: GeneratedReport
    record: tuple[str, ...]

    def differences(self) -> dict[str, list[tuple[Change, str]]]:
        """Sections of both reports as runs of words, each in both or in one of them."""
        return {
            name: list(_runs(getattr(self.without, name), getattr(self.with_record, name)))
            for name in ("findings", "impression")
        }

    def as_object(self) -> dict[str, Any]:
        """Both reports and their differences as plain data."""
        codes = {name: {one.code for one in report.icd} for name, report in self._both()}
        return {
            "record": list(self.record),
            **{name: report.structured() for name, report in self._both()},
            "differences": {
                name: [{"change": change, "text": text} for change, text in runs]
                for name, runs in self.differences().items()
            },
            "codes_added": sorted(codes["with_record"] - codes["without"]),
            "codes_removed": sorted(codes["without"] - codes["with_record"]),
        }

    def _both(self) -> tuple[tuple[str, GeneratedReport], ...]:
        return ("without", self.without), ("with_record", self.with_record)


def compare_records(image: str | Path | bytes | Radiograph, ehr: Any, **options: Any) -> RecordComparison:
    """Write the report of an image twice.

    Args:
        image: as ``core.vlm.generate`` takes it.
        ehr: health record as JSON text, path or mapping.
        options: further arguments of ``generate``, the same for both.

    Raises:
        EhrError, and what ``generate`` raises.
    """
    record = read_ehr(ehr)
    if not isinstance(image, Radiograph):
        image = read_safely(image if isinstance(image, bytes) else Path(image).read_bytes())
    return RecordComparison(generate(image, **options), generate(image, record, **options), tuple(lines_of(record)))


def _runs(before: str, after: str) -> Iterator[tuple[Change, str]]:
    ours, theirs = (re.findall(r"\S+", text) for text in (before, after))
    for kind, start, end, other_start, other_end in difflib.SequenceMatcher(None, ours, theirs).get_opcodes():
        if kind == "equal":
            yield "same", " ".join(ours[start:end])
            continue
        if end > start:
            yield "only without", " ".join(ours[start:end])
        if other_end > other_start:
            yield "only with", " ".join(theirs[other_start:other_end])
