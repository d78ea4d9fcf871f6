"""Very many studies to their reports in Parquet files, on a Ray cluster."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from core.classifier import Classifier
from core.distributed import ClusterRun, Outcome, Row, Work, distribute
from core.vlm.backends import check_backend
from core.vlm.manifest_lines import Writing, line_writer
from core.vlm.manifests import Wanted

_COLUMNS = (
    *("id", "image_path", "patient_id", "view", "reference_findings", "reference_impression", "reference_icd"),
    *("findings", "impression", "before_guard_findings", "before_guard_impression", "guard_action"),
    *("evidence", "chexpert", "icd", "seconds", "study", "error"),
)
SCHEMA = pa.schema([(name, pa.float64() if name == "seconds" else pa.string()) for name in _COLUMNS])
"""Columns of the lines of ``line_writer``; evidence, labels and ``study`` are JSON, what a line lacks is null."""


def write_on_cluster(wanted: Sequence[Wanted], run: ClusterRun, asked: Writing, *, whole: bool) -> Outcome:
    """Write the report of each study of a manifest.

    Args:
        wanted: studies whose images and records every node can read.
        run: where.
        asked: of the writer; every node has its models.
        whole: as of ``line_writer``.

    Raises:
        CheckpointError, BackendError: a model cannot be opened.
        DistributionError: as of ``distribute``.
    """
    Classifier(asked.checkpoint)
    check_backend(asked.backend)
    return distribute(
        [_item(one) for one in wanted],
        partial(_writing, asked, whole),
        run,
        schema=SCHEMA,
        identify=_identify,
        depends_on=asked.depends_on() | {"whole": whole},
        gpu=not asked.backend.is_server,
    )


def _item(one: Wanted) -> str:
    record = {"file": str(one.ehr.absolute())} if isinstance(one.ehr, Path) else {"record": one.ehr}
    path = str(one.path.absolute() if isinstance(one.path, Path) else one.path)
    return json.dumps(asdict(one) | {"path": path, "ehr": record})


def _wanted(item: str) -> Wanted:
    fields = json.loads(item)
    path, record = fields["path"], fields["ehr"]
    ehr = Path(record["file"]) if "file" in record else record["record"]
    return Wanted(**fields | {"path": path if "://" in path else Path(path), "ehr": ehr})


def _writing(asked: Writing, whole: bool) -> Work:
    line = line_writer(asked, whole=whole)
    return lambda items: [_row(line(_wanted(item))) for item in items]


def _row(line: dict[str, Any]) -> Row:
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in line.items()}


def _identify(item: str) -> Row:
    one = _wanted(item)
    return {"id": one.id, "image_path": one.image_path, **one.kept}
