"""The command-line options that name sources, splits and the reading of reports: one set for all commands."""

import argparse
import sys
from pathlib import Path

from core.datasets.loading import SOURCES, ReadReports, ReportReading, load_table, read_in_turn
from core.datasets.sources.readers import RULES
from core.datasets.splits import FRACTIONS
from core.datasets.table import Collection


def add_source_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the options that ``load_sources`` reads.

    Args:
        parser: of the command.
        required: False for a command that can do without a source.
    """
    group = parser.add_argument_group("data")
    group.add_argument(
        "--dataset",
        choices=SOURCES,
        action="append",
        required=required,
        help="layout of the data folder; give it again, with another --data_dir, to mix sources",
    )
    group.add_argument(
        "--data_dir",
        action="append",
        required=required,
        metavar="DIR",
        help="folder with the tables and images (csv: the file), one for each --dataset in the same order",
    )
    group.add_argument(
        "--split_fractions",
        type=float,
        nargs=3,
        default=list(FRACTIONS),
        metavar=("TRAIN", "VAL", "TEST"),
        help="shares of the patients that the source gives no split to [0.7 0.15 0.15]",
    )
    group.add_argument(
        "--new_splits", action="store_true", help="divide all patients anew, whatever split the source gives"
    )
    group.add_argument("--split_seed", type=int, default=0, help="of the division [0]")
    group.add_argument(
        "--uncertain",
        choices=["unknown", "present", "absent"],
        default="unknown",
        help="what a finding becomes that the report leaves in doubt [unknown]",
    )
    group.add_argument(
        "--not_mentioned",
        choices=["absent", "unknown"],
        default="absent",
        help="what a finding becomes that the report does not speak of [absent]",
    )
    group.add_argument(
        "--unread",
        choices=["absent", "unknown"],
        help="what all findings become where the report speaks of none of them [as --not_mentioned]",
    )
    group.add_argument(
        "--readers",
        choices=RULES,
        default="majority",
        help="what a label of csv becomes on which several rows of one image differ [majority]",
    )
    group.add_argument(
        "--r2gen_split", type=Path, metavar="FILE", help="R2Gen's division of openi, if not in its folder"
    )
    group.add_argument("--reports_only", action="store_true", help="read the reports of openi without its images")
    group.add_argument("--mimic_iv", type=Path, metavar="DIR", help="MIMIC-IV, for ages and health records of mimic")


def load_sources(options: argparse.Namespace, read_reports: ReadReports = read_in_turn) -> Collection:
    """Read the sources that the options name, and tell on stderr what their user should know.

    Args:
        options: of ``add_source_options``.
        read_reports: as of ``load_table``.

    Raises:
        DatasetError, ValueError: as ``load_table``.
    """
    collection = load_table(
        options.dataset,
        options.data_dir,
        fractions=options.split_fractions,
        seed=options.split_seed,
        given_splits=not options.new_splits,
        reading=ReportReading(options.uncertain, options.not_mentioned, options.unread),
        mimic_iv=options.mimic_iv,
        r2gen_split=options.r2gen_split,
        images=not options.reports_only,
        readers=options.readers,
        read_reports=read_reports,
    )
    for note in collection.notes:
        print(f"note: {note}", file=sys.stderr)
    return collection


def describe_sources(options: argparse.Namespace) -> dict[str, object]:
    """The options that decide the table, for the record of a run; folders by name only."""
    return {
        "dataset": options.dataset,
        "folder": [Path(folder).resolve().name for folder in options.data_dir],
        "split_fractions": options.split_fractions,
        "split_seed": options.split_seed,
        "new_splits": options.new_splits,
        "uncertain": options.uncertain,
        "not_mentioned": options.not_mentioned,
        "unread": options.unread,
    }
