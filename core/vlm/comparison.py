"""Two reports on one image, with the same draws: every difference is owed to the record, or to the settings."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.vlm.backends import Backend
from core.vlm.generation import GeneratedReport, Seen, report_on
from core.vlm.pass_settings import PassSettings
from core.vlm.prompts import Mode

Change = Literal["same", "only first", "only second"]
_SECTIONS = ("findings", "impression")


@dataclass(frozen=True)
class Comparison:
    """Two reports on one image.

    Attributes:
        names: what distinguishes the two, such as ``image`` and ``image and record``.
        reports: both, in that order.
    """

    names: tuple[str, str]
    reports: tuple[GeneratedReport, GeneratedReport]

    def differences(self) -> dict[str, list[tuple[Change, str]]]:
        """Sections of both reports as runs of words, each in both or in one of them."""
        first, second = self.reports
        return {name: list(_runs(getattr(first, name), getattr(second, name))) for name in _SECTIONS}

    def codes(self) -> tuple[list[str], list[str]]:
        """ICD-10-CM codes that stand only in the first, and only in the second."""
        first, second = ({one.code for one in report.icd} for report in self.reports)
        return sorted(first - second), sorted(second - first)

    def as_object(self) -> dict[str, Any]:
        """Both reports and their differences as plain data."""
        first, second = self.reports
        only_first, only_second = self.codes()
        return {
            "reports": [
                {"name": name, **report.structured(), "apart": [one.as_object() for one in report.rewrite.apart]}
                for name, report in zip(self.names, self.reports, strict=True)
            ],
            "differences": {
                name: [{"change": change, "text": text} for change, text in runs]
                for name, runs in self.differences().items()
            },
            "labels_changed": {
                name: [value, second.chexpert[name]]
                for name, value in first.chexpert.items()
                if value != second.chexpert[name]
            },
            "codes_only_first": only_first,
            "codes_only_second": only_second,
            "model": first.rewrite.model,
        }


def compare_records(
    seen: Seen,
    record: Mapping[str, Any],
    writer: Backend,
    *,
    mode: Mode = "evidence",
    structured: bool = True,
    settings: PassSettings | None = None,
) -> Comparison:
    """The report on the image alone, and on image and health record.

    Args:
        seen: the image and what it shows.
        record: health record as ``read_ehr`` gives it.
        writer: the model.
        mode, structured, settings: as ``core.vlm.generate`` takes them, the same for both.

    Raises:
        BackendError: a server does not answer.
        SettingError: a setting of the environment makes no sense.
    """
    first, second = (
        report_on(seen, writer, record=given, mode=mode, structured=structured, settings=settings)
        for given in (None, record)
    )
    return Comparison(("image alone", "image and record"), (first, second))


def compare_settings(
    seen: Seen,
    settings: tuple[PassSettings, PassSettings],
    writer: Backend,
    *,
    record: Mapping[str, Any] | None = None,
    mode: Mode = "evidence",
) -> Comparison:
    """The report with one choice of settings and with another.

    Args:
        seen: the image and what it shows.
        settings: both choices.
        writer: the model.
        record: health record as ``read_ehr`` gives it, the same for both.
        mode: the same for both.

    Raises:
        BackendError: a server does not answer.
    """
    first, second = (
        report_on(seen, writer, record=record, mode=mode, structured=True, settings=one) for one in settings
    )
    return Comparison(("first settings", "second settings"), (first, second))


def _runs(before: str, after: str) -> Iterator[tuple[Change, str]]:
    first, second = (re.findall(r"\S+", text) for text in (before, after))
    for kind, start, end, other_start, other_end in difflib.SequenceMatcher(None, first, second).get_opcodes():
        if kind == "equal":
            yield "same", " ".join(first[start:end])
            continue
        if end > start:
            yield "only first", " ".join(first[start:end])
        if other_end > other_start:
            yield "only second", " ".join(second[other_start:other_end])
