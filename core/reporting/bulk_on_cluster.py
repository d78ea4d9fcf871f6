"""Very many files to Parquet tables of probabilities, on a Ray cluster."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import fsspec
import pyarrow as pa

from core.classifier import Classifier, model_identity
from core.distributed import ClusterRun, Outcome, Row, Work, distribute
from core.findings import LABELS
from core.reporting.bulk import COLUMNS, SUFFIXES, find_files, score
from core.reporting.errors import ReportingError

_NUMBERS = frozenset(("abnormal", *LABELS))
SCHEMA = pa.schema([(name, pa.float32() if name in _NUMBERS else pa.string()) for name in COLUMNS])
"""Columns of ``predict``: probabilities as numbers, all else as text; what is unknown is null."""


def score_on_cluster(paths: Sequence[str], run: ClusterRun, *, checkpoint: Path, policy: str, force: bool) -> Outcome:
    """Classify files and folders that every node can read.

    Args:
        paths: files or folders, or addresses of them that fsspec knows (``s3://bucket/folder``).
        run: where.
        checkpoint: folder that every node has.
        policy: by which findings are called.
        force: judge also what the gate refuses.

    Raises:
        DistributionError, ReportingError, CheckpointError: with the sentence that is told.
    """
    files = _all_files(paths)
    config = Classifier(checkpoint).config
    config.policy(policy)
    return distribute(
        files,
        partial(_scoring, checkpoint.resolve(), policy, force),
        run,
        schema=SCHEMA,
        identify=_identify,
        depends_on={"model": model_identity(config), "policy": policy, "force": force},
    )


def _all_files(paths: Sequence[str]) -> list[str]:
    found: list[str] = []
    for path in paths:
        if "://" not in path:
            found += [str(file.absolute()) for file in find_files([path])]
            continue
        files, root = fsspec.core.url_to_fs(path)
        inside = [files.unstrip_protocol(name) for name in files.find(root)]
        # An object store is not asked for the beginning of every file.
        found += sorted(name for name in inside if PurePosixPath(name).suffix.lower() in SUFFIXES)
    if not found:
        raise ReportingError("The folders hold no DICOM, PNG or JPEG file.")
    return found


def _scoring(checkpoint: Path, policy: str, force: bool) -> Work:
    classifier = Classifier(checkpoint)

    def work(items: list[str]) -> list[Row]:
        files = [item if "://" in item else Path(item) for item in items]
        return [
            {name: _cell(name, value) for name, value in scored.row().items()}
            for scored in score(files, classifier, policy, force=force)
        ]

    return work


def _identify(item: str) -> Row:
    return {"path": item, "gate": "unread"}


def _cell(name: str, value: str) -> float | str | None:
    if not value:
        return None
    return float(value) if name in _NUMBERS else value
