"""Manifests of generated reports beside reference reports: one CSV row or JSON line a study."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.datasets import DatasetError
from core.datasets.table import require_columns
from core.distributed import holds_parts, read_parts
from core.findings import LABELS
from core.reporting.evidence import DECISIONS, Decision, Evidence
from core.reporting.guard import Draft
from core.vlm.manifests import json_lines
from core.vlm.reference_evidence import evidence_from_decisions, evidence_from_report, stated_places

log = logging.getLogger(__name__)

REFERENCE = ("reference_findings", "reference_impression")
GENERATED = ("findings", "impression")
BEFORE_GUARD = ("before_guard_findings", "before_guard_impression")
REQUIRED = ("id", *REFERENCE, *GENERATED)
_TEXTS = (
    *(*REQUIRED, *BEFORE_GUARD, "guard_action", "icd", "reference_icd", "view", "patient_id"),
    *("image_path", "seconds"),
)


@dataclass(frozen=True)
class Written:
    """A report of a writer behind the guard.

    Attributes:
        findings, impression: what is shown.
        before_guard: the writer's first draft.
        guard_action: what the guard did.
    """

    findings: str
    impression: str
    before_guard: Draft
    guard_action: str


def read_manifest(path: str | Path) -> pd.DataFrame:
    """Read a ``.csv`` or ``.jsonl`` file, or the folder that ``write --ray`` wrote.

    Returns:
        What ``checked`` returns.

    Raises:
        DatasetError: the file is missing, cannot be read, or is not as it should be.
    """
    source = Path(path)
    if holds_parts(source):
        return checked(_without_failures(read_parts(str(source)).to_pandas(), source), source.name)
    if not source.is_file():
        raise DatasetError(f"There is no manifest {path}.")
    if source.suffix not in (".csv", ".jsonl"):
        raise DatasetError(f"A manifest is a .csv or .jsonl file, not {source.name!r}.")
    try:
        if source.suffix == ".csv":
            table = pd.read_csv(source, dtype=str, keep_default_na=False)
        else:
            rows = list(json_lines(source))
            table = pd.DataFrame(rows, columns=None if rows else list(REQUIRED), dtype=object)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DatasetError(f"{source} cannot be read as {source.suffix[1:].upper()}: {error}") from error
    return checked(_without_failures(table, source), source.name)


def _without_failures(table: pd.DataFrame, source: Path) -> pd.DataFrame:
    """The rows without those that say why no report was written, which cannot be scored."""
    if "error" not in table.columns:
        return table
    failed = table["error"].map(_text) != ""
    if failed.all() and len(table):
        raise DatasetError(f"{source} has no report that could be written: {_text(table['error'].iloc[0])}")
    if failed.any():
        log.warning("%s: %d of %d rows have no report and are left out.", source.name, failed.sum(), len(table))
    table = table[~failed]
    images = table.get("image_path")
    if images is None:
        return table
    # Pictures are looked for from where the manifest lies.
    return table.assign(image_path=[str(source.parent / path) if (path := _text(one)) else "" for one in images])


def checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A manifest in its one form.

    Args:
        table: with the columns ``id``, ``reference_findings``, ``reference_impression``, ``findings`` and
            ``impression``, and any of the others.
        name: of the manifest, for messages.

    Returns:
        Texts without surrounding space, empty where there is none; ``evidence`` as a dict of decisions by label.

    Raises:
        DatasetError: a column is missing, there is no row, an id is empty or occurs twice, or an evidence is not one.
    """
    require_columns(table.columns, REQUIRED, file=Path(name), hint="leave cells empty where there is no text.")
    if not len(table):
        raise DatasetError(f"{name} has no rows, so there is nothing to evaluate.")
    texts = {column: table[column].map(_text) for column in _TEXTS if column in table.columns}
    ids = texts["id"]
    if (ids == "").any():
        raise DatasetError(f"{name}: row {int((ids == '').to_numpy().argmax()) + 1} has no id.")
    if ids.duplicated().any():
        raise DatasetError(f"{name}: the id {ids[ids.duplicated()].iloc[0]!r} occurs more than once.")
    if all((texts[column] == "").all() for column in REFERENCE):
        raise DatasetError(f"{name} has no reference text in any row, so there is nothing to compare with.")
    if "evidence" in table.columns:
        texts["evidence"] = pd.Series(
            [_decisions(value, f"{name}: {one}") for one, value in zip(ids, table["evidence"], strict=True)],
            index=table.index,
            dtype=object,
        )
    return pd.DataFrame(texts).reset_index(drop=True)


def aligned(systems: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The manifests of several systems, checked, with their rows in the order of the first.

    Raises:
        DatasetError: there is no system, or systems differ in their ids or reference texts.
    """
    if not systems:
        raise DatasetError("There is no system to evaluate.")
    tables = {name: checked(table, name) for name, table in systems.items()}
    first_name, first = next(iter(tables.items()))
    for name, table in tables.items():
        if odd := sorted(set(first["id"]) ^ set(table["id"])):
            where = first_name if odd[0] in set(first["id"]) else name
            raise DatasetError(
                f"{first_name} and {name} are not of the same studies: {len(odd)} ids stand in one of them only, such "
                f"as {odd[0]!r} in {where}."
            )
        tables[name] = table.set_index("id", drop=False).loc[first["id"]].reset_index(drop=True)
        for column in REFERENCE:
            differs = tables[name][column] != first[column]
            if differs.any():
                raise DatasetError(
                    f"{first_name} and {name} differ in {column} of {first.loc[differs.idxmax(), 'id']!r}: "
                    "compare systems against the same references."
                )
    return tables


def studies_of(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """The studies of one split that have a report, with the evidence that their reports give.

    Args:
        table: as ``load_table`` returns it.
        split: train, val or test.

    Returns:
        ``id``, ``patient_id``, ``view``, the references and ``evidence``; one row a study.

    Raises:
        DatasetError: the split has no reports.
    """
    own = table[table["split"] == split].drop_duplicates(["source", "study_id"])
    studies = pd.DataFrame(
        {
            "id": own["study_id"].map(_text),
            "patient_id": own["source"].map(_text) + ":" + own["patient_id"].map(_text),
            "view": own["view"].map(_text),
            "reference_findings": own["report_findings"].map(_text),
            "reference_impression": own["report_impression"].map(_text),
        }
    )
    studies = studies[(studies[list(REFERENCE)] != "").any(axis=1)].reset_index(drop=True)
    if not len(studies):
        raise DatasetError(f"The {split} split has no reports; use a source with reports, such as openi.")
    return studies.assign(
        evidence=[{item.finding.name: item.decision for item in one.findings} for one in evidence_of(studies)]
    )


def evidence_of(studies: pd.DataFrame) -> list[Evidence]:
    """What each study's writer may say: the decisions of ``evidence``, or those of the reference where it has none."""
    evidences = []
    for row in studies.to_dict("records"):
        report = report_text(row, REFERENCE)
        view = row.get("view") or None
        given = row.get("evidence")
        if given is None:
            evidences.append(evidence_from_report(report, study_id=row["id"], view=view))
        else:
            decisions = [given.get(label, "unknown") for label in LABELS]
            places = stated_places(report, decisions)
            evidences.append(evidence_from_decisions(decisions, places, seed=row["id"], view=view))
    return evidences


def manifest_of(
    studies: pd.DataFrame, write: Callable[[list[Evidence]], Sequence[Draft] | Sequence[Written]]
) -> pd.DataFrame:
    """The manifest that a writer makes of studies.

    Args:
        studies: from ``studies_of``.
        write: the evidence of all studies to their reports, in the same order.

    Raises:
        ValueError: the writer did not give one report for each study.
    """
    reports = write(evidence_of(studies))
    if len(reports) != len(studies):
        raise ValueError(f"The writer gave {len(reports)} reports for {len(studies)} studies.")
    rows = []
    for report in reports:
        row = {"findings": report.findings, "impression": report.impression}
        if isinstance(report, Written):
            before = (report.before_guard.findings, report.before_guard.impression)
            row |= {**dict(zip(BEFORE_GUARD, before, strict=True)), "guard_action": report.guard_action}
        rows.append(row)
    return pd.concat([studies, pd.DataFrame(rows, index=studies.index)], axis=1)


def report_text(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """Both sections as one text."""
    return "\n\n".join(text for column in columns if (text := row[column]))


def _text(value: object) -> str:
    return "" if value is None or value is pd.NaT or value != value else str(value).strip()


def _decisions(value: object, place: str) -> dict[str, Decision] | None:
    """One cell of ``evidence``; None where it is empty."""
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = json.loads(value)
        except ValueError as error:
            raise DatasetError(f"{place}: the evidence is not JSON.") from error
    if value is None or value != value:
        return None
    if not isinstance(value, dict):
        raise DatasetError(f"{place}: the evidence is not a JSON object of labels and decisions.")
    for label, decision in value.items():
        if label not in LABELS:
            raise DatasetError(f"{place}: the evidence names {label!r}, which is not one of the 14 findings.")
        if decision not in DECISIONS:
            raise DatasetError(f"{place}: the evidence of {label} is {decision!r}; it should be {_or(DECISIONS)}.")
    return value


def _or(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
