"""The commands about data: ``python -m core label|table|prepare|quality``."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from core.datasets.options import add_source_options, load_sources
from core.datasets.preparation import LARGEST_SIDE, prepare_images
from core.datasets.quality import assess_quality, write_quality_report
from core.datasets.report_labels import label_file
from core.datasets.table import COLUMNS, Collection, Problem, read_problems, read_table, write_problems, write_table
from core.distributed import ClusterRun, add_cluster_options, cluster_run
from core.findings import LABELS, display_name
from core.labeler import describe

_IN_WORDS = {1: "present", 0: "absent", -1: "uncertain"}


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the four commands to the parser of ``python -m core``."""
    one = commands.add_parser("label", help="report text to the 14 labels")
    given = one.add_mutually_exclusive_group(required=True)
    given.add_argument("--text", help="one report")
    given.add_argument("--input", type=Path, help="CSV of reports with the columns id,text or id,findings,impression")
    one.add_argument("--output", type=Path, help="CSV to write: the columns of --input and the labels")
    one.add_argument("--json", action="store_true", help="print labels and mentions of --text as JSON")
    one.add_argument("--chexpert", action="store_true", help="the CheXpert-14 labels as well")
    one.set_defaults(run=label, parser=one)

    two = commands.add_parser("table", help="any source to one labelled, split table")
    add_source_options(two)
    two.add_argument("--output", required=True, help="table to write, .csv or .parquet")
    add_cluster_options(two, items="rows")
    two.set_defaults(run=table)

    three = commands.add_parser("prepare", help="resized copies of all images, made once")
    add_source_options(three)
    three.add_argument("--image_size", type=int, default=512, help=f"longest side in pixels, 1-{LARGEST_SIDE} [512]")
    three.add_argument("--bits", type=int, choices=[8, 16], default=8, help="of a grey value [8]")
    three.add_argument("--square", action="store_true", help="pad the shorter side with black")
    three.add_argument("--workers", type=int, help="processes [one a processor]")
    three.add_argument("--output", required=True, metavar="DIR", help="folder for the copies and their table")
    add_cluster_options(three, items="images")
    three.set_defaults(run=prepare)

    four = commands.add_parser("quality", help="what to fix or declare before a table is used: JSON and a page")
    four.add_argument("table", type=Path, metavar="TABLE", help="table that python -m core table or prepare wrote")
    four.add_argument("--workers", type=int, help="processes [one a processor]")
    four.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for quality.json and .html")
    four.set_defaults(run=quality)


def label(options: argparse.Namespace) -> int:
    """Label one report, or a file of them."""
    if options.text is not None:
        described = describe(options.text)
        if options.json:
            print(json.dumps(described, indent=2))
        else:
            print(_as_text(described, chexpert=options.chexpert))
        return 0
    if options.output is None:
        options.parser.error("--input needs --output, the CSV to write")
    count, problems = label_file(options.input, options.output, chexpert=options.chexpert)
    print(f"{count:,} reports labelled: {options.output}.")
    _tell(problems, _beside(options.output))
    return 0


def table(options: argparse.Namespace) -> int:
    """Write the one table of the sources."""
    if run := cluster_run(options):
        return _table_on_cluster(options, run)
    collection, output = load_sources(options), Path(options.output)
    write_table(collection.table[_columns(collection)], output)
    splits = collection.table["split"].value_counts()
    shown = ", ".join(f"{name} {splits.get(name, 0):,}" for name in ("train", "val", "test"))
    what = "images" if collection.table["image_path"].notna().any() else "reports"
    print(f"{len(collection.table):,} {what} ({shown}): {output}.")
    _tell(collection.problems, _beside(output))
    return 0


def _columns(collection: Collection) -> list[str]:
    further = [name for name in ("ehr", "icd_codes", "icd_versions") if name in collection.table.columns]
    return [*COLUMNS, *further]


def _table_on_cluster(options: argparse.Namespace, run: ClusterRun) -> int:
    # Ray is an extra, and pyarrow takes long to import.
    from core.datasets.table_on_cluster import ReportsOnCluster, write_on_cluster

    reports = ReportsOnCluster(run)
    collection = load_sources(options, reports)
    outcome = write_on_cluster(collection, _columns(collection), run, errors=reports.errors)
    print(outcome.sentence(run.output, items="rows", failed="have a report that could not be read"), file=sys.stderr)
    return outcome.status


def prepare(options: argparse.Namespace) -> int:
    """Write resized copies of all images of the sources."""
    if run := cluster_run(options, "workers"):
        return _prepare_on_cluster(options, run)
    collection, output = load_sources(options), Path(options.output)
    copies = prepare_images(
        collection.table,
        output,
        image_size=options.image_size,
        bits=options.bits,
        square=options.square,
        workers=options.workers,
    )
    print(
        f"{len(copies.table):,} of {len(collection.table):,} images prepared in {output}; train on them with "
        f"--dataset csv --data_dir {output}."
    )
    _tell(collection.problems + copies.problems, output / "problems.csv")
    return 0


def _prepare_on_cluster(options: argparse.Namespace, run: ClusterRun) -> int:
    from core.datasets.preparation.copies_on_cluster import prepare_on_cluster
    from core.datasets.table_on_cluster import ReportsOnCluster

    reports = ReportsOnCluster(run)
    collection = load_sources(options, reports)
    outcome = prepare_on_cluster(
        collection.table,
        [*collection.problems, *reports.problems()],
        run,
        image_size=options.image_size,
        bits=options.bits,
        square=options.square,
    )
    print(outcome.sentence(run.output, items="images", failed="could not be prepared"), file=sys.stderr)
    return outcome.status


def quality(options: argparse.Namespace) -> int:
    """Assess a table and its images, and what the reader left out of it."""
    problems = read_problems(_beside(options.table))
    result = assess_quality(read_table(options.table), problems, cache_dir=options.output, workers=options.workers)
    page = write_quality_report(result, options.output)
    for sentence in result["summary"]:
        print(f"{sentence['level'] + ':':<9}{sentence['text']}")
    print(f"Details: {page}")
    return 0


def _as_text(described: dict, *, chexpert: bool) -> str:
    """The labels that a report speaks of, and the words they rest on."""
    lines = []
    for name, value in described["labels"].items():
        if value is None:
            continue
        mentions = [one for one in described["mentions"] if one["observation"] == name]
        firmest = next((one for one in mentions if one["presence"] == _IN_WORDS[value]), mentions[0])
        stated = ", ".join(part for part in (firmest["severity"], firmest["laterality"]) if part)
        qualified = f" ({stated})" if stated else ""
        lines.append(f"{display_name(name):<20}{_IN_WORDS[value] + qualified:<28}{firmest['sentence']!r}")
    if chexpert:
        known = {name: value for name, value in described["chexpert"].items() if value is not None}
        lines += ["", "CheXpert-14", *(f"{name:<28}{_IN_WORDS[value]}" for name, value in known.items())]
    return "\n".join(lines) or f"The text speaks of none of the {len(LABELS)} findings."


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}.problems.csv")


def _tell(problems: Sequence[Problem], path: Path) -> None:
    """List problems in a file and say so; the file of an earlier run does not stay."""
    write_problems(problems, path)
    if problems:
        what = "row or file was" if len(problems) == 1 else "rows or files were"
        print(f"{len(problems):,} {what} left out or mended: {path} says why.", file=sys.stderr)
