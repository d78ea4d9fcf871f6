"""The commands about radiographs: ``python -m core predict|report``."""

import argparse
import csv
import io
import os
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tqdm.auto import tqdm

from core.anatomy import admit
from core.atomic import write_bytes
from core.classifier import SHIPPED, Classifier, model_identity
from core.classifier.importing import checkpoint_folder
from core.distributed import ClusterRun, add_cluster_options, cluster_run
from core.findings import LABELS
from core.imaging import read_safely
from core.options import CHECKPOINT_HELP, add_policy_option
from core.plain_text import csv_cell
from core.reporting.assessment import assess
from core.reporting.bulk import COLUMNS, find_files, folders_for, score
from core.reporting.errors import ReportingError
from core.reporting.exports import FORMATS, ReportedStudy, check_choice, export
from core.reporting.overlay import blended_png
from core.reporting.resuming import PartialTable

_BINARY = ("pdf", "sr", "sc")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the two commands to the parser of ``python -m core``."""
    one = commands.add_parser("predict", help="files or folders to a table of probabilities")
    one.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="DICOM, PNG or JPEG files, or folders of them; with --ray also addresses of them that fsspec knows",
    )
    one.add_argument("--output", help="CSV to write [standard output]")
    one.add_argument("--heatmaps", type=Path, metavar="DIR", help="also write each finding's heatmap as PNG")
    add_cluster_options(one, items="files")
    one.set_defaults(run=predict)

    two = commands.add_parser("report", help="the report on one file")
    two.add_argument("file", type=Path, metavar="FILE", help="DICOM, PNG or JPEG")
    two.add_argument("--format", choices=list(FORMATS), default="txt", help="[txt]")
    two.add_argument(
        "--finding",
        choices=LABELS,
        metavar="NAME",
        help="whose heatmap pdf and sc show [the leading one]",
    )
    two.add_argument("--output", type=Path, help="file to write [standard output]")
    two.set_defaults(run=report)

    for command in (one, two):
        command.add_argument("--checkpoint", type=Path, default=SHIPPED, help=CHECKPOINT_HELP)
        add_policy_option(command)
        command.add_argument(
            "--force",
            action="store_true",
            help="judge also what does not look like a frontal chest; the result says so",
        )


def predict(options: argparse.Namespace) -> int:
    """Classify files and folders; 1 if not one file could be classified.

    With ``--output``, a run that was killed goes on when the same command is given again.
    """
    if run := cluster_run(options, "heatmaps"):
        return _predict_on_cluster(options, run)
    output = Path(options.output) if options.output else None
    files = find_files(options.paths)
    classifier = Classifier(checkpoint_folder(options.checkpoint))
    classifier.config.policy(options.policy)
    folders = folders_for(files) if options.heatmaps else {}
    table, done, failed = None, 0, 0
    if output:
        judged_by = {"model": model_identity(classifier.config), "policy": options.policy, "force": options.force}
        table = PartialTable(output, COLUMNS, judged_by | {"heatmaps": str(options.heatmaps)})
        done, failed = table.resume(files, partial(_seen_from, output))
    # A name on disk may be no text: its bytes are written as they are.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    with table.append() if table else nullcontext(sys.stdout) as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS, lineterminator="\n")
        if not table:
            writer.writeheader()
        scored = score(files[done:], classifier, options.policy, force=options.force, heatmaps=bool(options.heatmaps))
        progress = tqdm(scored, total=len(files), initial=done, desc="predicting", unit="img", disable=None)
        for item in progress:
            if item.admitted is None:
                failed += 1
            elif item.heatmaps is not None:
                folder = options.heatmaps / folders[item.path]
                folder.mkdir(parents=True, exist_ok=True)
                shown = item.admitted.radiograph
                for label, heatmap in zip(LABELS, item.heatmaps, strict=True):
                    picture = blended_png(shown.pixels, heatmap)
                    (folder / f"{label}.png").write_bytes(picture)
            # Last, and at once: what has a row is done, whenever the run is killed.
            writer.writerow(item.row() | {"path": _seen_from(output, item.path)})
            file.flush()
    if table:
        table.finish()
    if failed:
        print(f"{failed} of {len(files)} files could not be classified; the error column says why.", file=sys.stderr)
    return 1 if failed == len(files) else 0


def _predict_on_cluster(options: argparse.Namespace, run: ClusterRun) -> int:
    # Ray is an extra, and pyarrow takes long to import.
    from core.reporting.bulk_on_cluster import score_on_cluster

    outcome = score_on_cluster(
        options.paths,
        run,
        checkpoint=checkpoint_folder(options.checkpoint),
        policy=options.policy,
        force=options.force,
    )
    print(outcome.sentence(run.output, items="files", failed="could not be classified"), file=sys.stderr)
    return outcome.status


def _seen_from(table: Path | None, path: Path) -> str:
    """A path as a reader of the table finds it: relative ones from the folder of the table; never a formula."""
    return csv_cell(str(path) if table is None or path.is_absolute() else os.path.relpath(path, table.parent))


def report(options: argparse.Namespace) -> int:
    """Write the report on one file."""
    if not options.file.is_file():
        raise ReportingError(f"There is no file {options.file}.")
    check_choice(options.format, options.finding)
    if options.format in _BINARY and not options.output and sys.stdout.isatty():
        raise ReportingError(f"A {options.format} report is no text for a terminal; name a file with --output.")
    admitted = admit(read_safely(options.file.read_bytes()), force=options.force)
    made = assess(admitted, Classifier(checkpoint_folder(options.checkpoint)), options.policy)
    name, now = options.file.name, datetime.now(UTC)
    study = ReportedStudy(admitted.radiograph, made.prediction, made.evidence, made.report, name, now)
    data = export(study, options.format, finding=options.finding)
    if options.output:
        write_bytes(options.output, data)
    else:
        sys.stdout.buffer.write(data)
    return 0
