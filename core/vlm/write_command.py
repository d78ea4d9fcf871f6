"""``python -m core.vlm write``: the written report of one file, or of all files of a manifest."""

import argparse
import json
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm.auto import tqdm

from core import DISCLAIMER
from core.atomic import write_text
from core.datasets.table import DatasetError
from core.distributed import ClusterRun, add_cluster_options, cluster_run
from core.reporting.report import SECTIONS, Section
from core.vlm.manifest_lines import Writing, line_writer
from core.vlm.manifests import read_wanted, write_all_wanted
from core.vlm.options import add_backend_options, add_pass_options, backend_choice, pass_settings
from core.vlm.prompts import MODES, Style

if TYPE_CHECKING:
    from core.vlm.generation import GeneratedReport

# What is asked of the writer for each choice of --style.
_STYLES: dict[str, Style] = {"report": "report", "rsna": "rsna", "reasoning": "reasoning", "structured": "report"}
_WIDTH = 96


def add_write(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``write`` to the parser of ``python -m core.vlm``."""
    one = commands.add_parser("write", help="the written report of one radiograph, or of many")
    one.add_argument("file", nargs="?", type=Path, metavar="FILE", help="DICOM, PNG or JPEG")
    one.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="instead of FILE: a .csv or .jsonl file with image_path, and if there are any id, ehr (JSON or a file's "
        "name), patient_id, view, reference_findings, reference_impression, reference_icd; a stopped run goes on when "
        "the same command is given again",
    )
    one.add_argument("--output", help="file to write, .csv or .jsonl for a manifest [standard output]")
    one.add_argument("--ehr", type=Path, metavar="JSON", help="health record, context for the writer")
    one.add_argument("--json", action="store_true", help="all as JSON, as GET /api/studies/<id> gives it")
    one.add_argument(
        "--style",
        choices=list(_STYLES),
        default="report",
        help="Findings and Impression; the four headings of an RSNA report; ten reasoning steps before the report; or "
        "impression, labels and codes as JSON [report]",
    )
    one.add_argument(
        "--mode",
        choices=MODES,
        default="evidence",
        help="evidence: the writer words what the classifier's evidence gives; image: it reports on its own, and is "
        "judged claim by claim against the evidence [evidence]",
    )
    one.add_argument("--checkpoint", type=Path, help="classifier folder or public weights [the shipped one]")
    one.add_argument(
        "--force", action="store_true", help="judge also what does not look like a frontal chest; the report says so"
    )
    add_backend_options(one)
    add_pass_options(one)
    add_cluster_options(one, items="studies")
    one.set_defaults(run=write)


def write(options: argparse.Namespace) -> int:
    """Write one report or many; 1 if none could be written."""
    # transformers takes seconds to import, which --help should not wait for.
    from core.classifier import SHIPPED
    from core.classifier.importing import checkpoint_folder
    from core.vlm.generation import generate

    run = cluster_run(options)
    if (options.file is None) == (options.manifest is None):
        raise DatasetError("Name one FILE, or a table of files with --manifest.")
    if run and options.file:
        raise DatasetError("--ray writes the reports of a table of files (--manifest), not of one FILE.")
    asked = Writing(
        checkpoint=checkpoint_folder(options.checkpoint or SHIPPED).resolve(),
        backend=backend_choice(options),
        style=_STYLES[options.style],
        mode=options.mode,
        structured=options.style == "structured",
        settings=pass_settings(options),
        force=options.force,
    )
    if options.manifest:
        return _write_on_cluster(options, asked, run) if run else _write_many(options, asked)
    ehr = options.ehr.read_text(encoding="utf-8") if options.ehr else None
    text = _shown(generate(options.file, ehr, **asked.open()), options)
    if options.output:
        write_text(options.output, text + "\n")
    else:
        print(text)
    return 0


def _write_many(options: argparse.Namespace, asked: Writing) -> int:
    if options.output is None:
        raise DatasetError("Name the file for the reports with --output.")
    wanted = read_wanted(options.manifest)
    # A command with other options does not go on with the lines of this one.
    key = [options.manifest.read_text(encoding="utf-8-sig", errors="replace"), options.json, asked.depends_on()]
    lines = write_all_wanted(wanted, Path(options.output), line_writer(asked, whole=options.json), key=key)
    actions: Counter[str] = Counter()
    for line in tqdm(lines, desc="writing", unit="report", total=len(wanted), disable=None):
        actions["failed" if line.get("error") else line["guard_action"]] += 1
    written = len(wanted) - actions["failed"]
    counts = ", ".join(f"{name} {count}" for name, count in actions.most_common())
    print(f"{written} of {len(wanted)} reports ({counts}): {options.output}", file=sys.stderr)
    return 0 if written else 1


def _write_on_cluster(options: argparse.Namespace, asked: Writing, run: ClusterRun) -> int:
    # Ray is an extra, and pyarrow takes long to import.
    from core.vlm.manifest_on_cluster import write_on_cluster

    outcome = write_on_cluster(read_wanted(options.manifest), run, asked, whole=options.json)
    print(outcome.sentence(run.output, items="studies", failed="have no report"), file=sys.stderr)
    return outcome.status


def _shown(generated: "GeneratedReport", options: argparse.Namespace) -> str:
    if options.json:
        return json.dumps(generated.as_object(), indent=2)
    if options.style == "structured":
        return json.dumps(generated.structured(), indent=2)
    report, steps = generated.rewrite.report, generated.rewrite.steps
    lines = []
    if options.style == "reasoning":
        by_rule = "; by rule from the evidence, with which the model's own disagreed"
        lines += [f"REASONING (not part of the report{by_rule if generated.rewrite.steps_by_rule else ''})"]
        for number, step in enumerate(steps, 1):
            lines += textwrap.wrap(f"{number}. {step}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
        lines.append("")
    sections: tuple[Section, ...] = SECTIONS if options.style == "rsna" else ("findings", "impression")
    for section in sections:
        lines += [section.capitalize() if options.style == "rsna" else section.upper()]
        lines += textwrap.wrap(report.text(section), _WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines.append("")
    if generated.rewrite.apart:
        lines.append("APART (the model's own words, which the evidence does not bear out; not part of the report)")
        for claim in generated.rewrite.apart:
            text = f"[{claim.standing}] {claim.text} ({claim.why})"
            lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
        lines.append("")
    return "\n".join([*lines, DISCLAIMER])
