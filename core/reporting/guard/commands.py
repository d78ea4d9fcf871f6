"""The commands about texts: ``python -m core guard|guard-study``."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from tqdm.auto import tqdm

from core.reporting.guard.checking import Outside, check_object


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of ``python -m core``."""
    one = commands.add_parser(
        "guard",
        help="drafts of reports against their evidence",
        description="Reads a JSON object a line: id, evidence, findings, impression. The evidence is the findings list "
        "of GET /api/studies/<id>, or short: '+Effusion@left_lower_zone ?Pneumonia 0Hernia' (+ present, ? possible, "
        "0 not called, as are all others). Writes a verdict a line: id, verdict, faults, not_checked.",
    )
    one.add_argument("--input", type=Path, required=True, metavar="FILE", help="JSON lines with drafts")
    one.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON lines to write")
    one.add_argument(
        "--outside",
        choices=get_args(Outside),
        default="shown",
        help="what becomes of words outside the 14 findings: shown and listed as not checked, or removed from the text "
        "that is written beside the verdict [shown]",
    )
    one.set_defaults(run=guard)


def guard(options: argparse.Namespace) -> int:
    """Judge each draft; 1 if not one line could be read."""
    if not options.input.is_file():
        raise FileNotFoundError(f"There is no file {options.input} with drafts.")
    partial = options.output.with_name(options.output.name + ".partial")
    judged = failed = 0
    with options.input.open("rb") as lines, partial.open("w", encoding="utf-8") as output:
        for number, line in enumerate(_progress(lines, options.input.stat().st_size), 1):
            if not line.strip():
                continue
            try:
                answer = check_object(_parsed(line), outside=options.outside)
            except ValueError as error:
                print(f"line {number}: {error}", file=sys.stderr)
                failed += 1
                continue
            output.write(json.dumps(answer, ensure_ascii=False) + "\n")
            judged += 1
    os.replace(partial, options.output)
    if failed:
        print(f"{failed} of {failed + judged} lines could not be read.", file=sys.stderr)
    return 1 if failed and not judged else 0


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("The line is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"The line is not JSON: {error.msg} at character {error.pos + 1}.") from None
    except RecursionError:
        raise ValueError("The line is nested too deeply.") from None


def _progress(lines: Iterator[bytes], size: int) -> Iterator[bytes]:
    with tqdm(total=size, desc="checking", unit="B", unit_scale=True, disable=None) as bar:
        for line in lines:
            yield line
            bar.update(len(line))
