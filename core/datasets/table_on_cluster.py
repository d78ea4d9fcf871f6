"""The one table of very many rows as Parquet files, its reports read on a Ray cluster."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd
import pyarrow as pa

from core.datasets.loading import report_texts
from core.datasets.table import Collection, Problem, write_problems
from core.distributed import ClusterRun, Outcome, Row, Work, distribute, placing, read_parts
from core.findings import LABELS
from core.labeler import presences

_REPORTS = pa.schema([(name, pa.string()) for name in (*LABELS, "error")])
_SHOWN = 80
_NUMBERS = frozenset((*LABELS, "age"))


@dataclass
class ReportsOnCluster:
    """Reads the reports of ``load_table`` on a cluster, each text once, to Parquet files in ``reports``.

    Attributes:
        run: where; the folder ``reports`` lies in its output.
        errors: why a report could not be read, by its text; filled by the call.
    """

    run: ClusterRun
    errors: dict[str, str] = field(default_factory=dict)

    def __call__(self, texts: Sequence[str]) -> list[Mapping[str, str] | None]:
        """What each text says of the labels.

        Raises:
            DistributionError: as of ``distribute``.
        """
        if not texts:
            return []
        run = replace(self.run, output=f"{self.run.output}/reports")
        distribute(texts, _reading, run, schema=_REPORTS, identify=_identify_report, depends_on={})
        found: list[Mapping[str, str] | None] = []
        for text, row in zip(texts, read_parts(run.output).to_pylist(), strict=True):
            if error := row.pop("error"):
                self.errors[text] = error
            found.append(None if error else {name: said for name, said in row.items() if said})
        return found

    def problems(self) -> list[Problem]:
        """The reports that could not be read, by their beginnings."""
        return [Problem(text[:_SHOWN], error) for text, error in self.errors.items()]


def write_on_cluster(
    collection: Collection, columns: Sequence[str], run: ClusterRun, *, errors: Mapping[str, str]
) -> Outcome:
    """Write the rows of the one table as Parquet files, and ``problems.csv`` beside them.

    Args:
        collection: of ``load_table``.
        columns: of the table.
        run: where.
        errors: why a report could not be read, by its text; it becomes the column ``error`` of its rows.

    Raises:
        DistributionError: as of ``distribute``.
    """
    table = collection.table[list(columns)].assign(error=[errors.get(text) for text in report_texts(collection.table)])
    schema = pa.schema([(name, pa.float32() if name in _NUMBERS else pa.string()) for name in table.columns])
    items = [json.dumps(dict(zip(table.columns, row, strict=True))) for row in _cells(table)]
    outcome = distribute(items, _writing, run, schema=schema, identify=_identify_row, depends_on={})
    with placing(run.output, "problems.csv") as path:
        write_problems(collection.problems, path)
    return outcome


def _cells(table: pd.DataFrame) -> "zip[tuple[object, ...]]":
    """The rows with None for what is unknown, which JSON and Parquet have in common."""
    return zip(
        *(
            [None if isinstance(value, float) and math.isnan(value) else value for value in table[name].tolist()]
            for name in table.columns
        ),
        strict=True,
    )


def _reading() -> Work:
    return lambda texts: [dict(presences(text)) for text in texts]


def _writing() -> Work:
    return lambda items: [json.loads(item) for item in items]


def _identify_report(_: str) -> Row:
    return {}


def _identify_row(item: str) -> Row:
    return {"image_path": json.loads(item)["image_path"]}
