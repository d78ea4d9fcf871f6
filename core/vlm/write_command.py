"""``python -m core.vlm write``: the written report of one file, or of all files of a manifest."""

import argparse
import csv
import hashlib
import json
import os
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from core import DISCLAIMER
from core.datasets.table import DatasetError
from core.imaging import ImagingError
from core.reporting.report import SECTIONS, Section
from core.vlm.options import add_backend_options, add_pass_options, backend_choice, pass_settings
from core.vlm.prompts import MODES

if TYPE_CHECKING:
    from core.vlm.generation import GeneratedReport

# What is asked of the writer for each choice of --style.
_STYLES = {"report": "report", "rsna": "rsna", "reasoning": "reasoning", "structured": "report"}
_WIDTH = 96


def add_write(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``write`` to the parser of ``python -m core.vlm``."""
    one = commands.add_parser("write", help="the written report of one radiograph, or of many")
    one.add_argument("file", nargs="?", type=Path, metavar="FILE", help="DICOM, PNG or JPEG")
    one.add_argument(
        "--manifest",
        type=Path,
        metavar="CSV",
        help="instead of FILE: a table with the column image_path, and id and ehr (JSON text or file) if there are "
        "any; a stopped run goes on when the same command is given again",
    )
    one.add_argument("--output", type=Path, help="file to write, JSON lines for a manifest [standard output]")
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
    one.set_defaults(run=write)


def write(options: argparse.Namespace) -> int:
    """Write one report or many; 1 if none could be written."""
    # transformers takes seconds to import, which --help should not wait for.
    from core.classifier import SHIPPED, Classifier
    from core.classifier.importing import checkpoint_folder
    from core.vlm.backends import open_backend
    from core.vlm.generation import generate

    if (options.file is None) == (options.manifest is None):
        raise DatasetError("Name one FILE, or a table of files with --manifest.")
    models: dict[str, Any] = {
        "classifier": Classifier(checkpoint_folder(options.checkpoint or SHIPPED)),
        "backend": open_backend(backend_choice(options)),
        "style": _STYLES[options.style],
        "mode": options.mode,
        "structured": options.style == "structured",
        "settings": pass_settings(options),
        "force": options.force,
    }
    if options.manifest:
        return _write_many(options, models)
    ehr = options.ehr.read_text(encoding="utf-8") if options.ehr else None
    text = _shown(generate(options.file, ehr, **models), options)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    return 0


def _write_many(options: argparse.Namespace, models: dict[str, Any]) -> int:
    from core.vlm.generation import generate

    with options.manifest.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or "image_path" not in rows[0]:
        raise DatasetError(f"{options.manifest} needs the column image_path and at least one row.")
    if options.output is None:
        raise DatasetError("Name the file for the reports with --output.")
    partial = _partial(options)
    done = _finished_lines(partial)
    with partial.open("a", encoding="utf-8") as file:
        file.truncate(len("".join(done).encode()))
        rest = rows[len(done) :]
        for row in tqdm(rest, desc="writing", unit="report", initial=len(done), total=len(rows), disable=None):
            path = Path(row["image_path"])
            line: dict[str, Any] = {"id": row.get("id") or path.stem, "image_path": row["image_path"]}
            try:
                path = path if path.is_absolute() else options.manifest.parent / path
                line |= generate(path, _ehr_of(row, options.manifest.parent), **models).as_object()
            except (ImagingError, OSError, ValueError) as error:
                line["error"] = str(error)
            file.write(json.dumps(line) + "\n")
            file.flush()
    with partial.open(encoding="utf-8") as file:
        actions = Counter(_action(json.loads(text)) for text in file)
    os.replace(partial, options.output)
    written = len(rows) - actions["failed"]
    counts = ", ".join(f"{name} {count}" for name, count in actions.most_common())
    print(f"{written} of {len(rows)} reports ({counts}): {options.output}", file=sys.stderr)
    return 0 if written else 1


def _partial(options: argparse.Namespace) -> Path:
    """Where reports wait until all are written; a command with other options does not go on with them."""
    named = [options.manifest.read_text(encoding="utf-8-sig"), options.style, options.backend, str(options.checkpoint)]
    digest = hashlib.sha256(json.dumps(named).encode()).hexdigest()[:8]
    return options.output.with_name(f"{options.output.name}.{digest}.partial")


def _finished_lines(partial: Path) -> list[str]:
    """What an interrupted run wrote, without a line that was cut off."""
    if not partial.exists():
        return []
    return [line for line in partial.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]


def _action(line: dict[str, Any]) -> str:
    """What the guard did with a report."""
    return "failed" if "error" in line else str(line["rewrite"]["verdict"]["action"])


def _ehr_of(row: dict[str, str], folder: Path) -> str | Path | None:
    value = (row.get("ehr") or "").strip()
    if not value:
        return None
    return value if value.startswith("{") else folder / value


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
