"""The commands about texts: ``python -m core guard|guard-study``."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from tqdm.auto import tqdm

from core.atomic import replacing
from core.errors import ChestLensError
from core.findings import LABELS
from core.reporting.errors import DraftError
from core.reporting.guard.checking import Outside, Silent, check_object
from core.reporting.guard.intake import read_evidence
from core.reporting.guard.study import CodedReport, as_table, read_examples, study_examples, study_reports
from core.reporting.guard.verdict import Draft


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the two commands to the parser of ``python -m core``."""
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
    one.add_argument(
        "--silent",
        choices=get_args(Silent),
        default="set_apart",
        help="what becomes of a place or a mild degree of a finding where the evidence gives none: listed as not "
        "checked, or refused [set_apart]",
    )
    one.set_defaults(run=guard)

    two = commands.add_parser("guard-study", help="how often the guard is right, beside a search for keywords")
    two.add_argument(
        "--sentences", type=Path, required=True, metavar="FILE", help="drafts with the right verdict, tab separated"
    )
    two.add_argument("--data_dir", type=Path, help="folder of Open-i [the reports of the torchxrayvision package]")
    two.add_argument("--r2gen_split", type=Path, metavar="FILE", help="adds the reports of that split's test part")
    two.set_defaults(run=guard_study)


def guard(options: argparse.Namespace) -> int:
    """Judge each draft; 1 if not one line could be read."""
    if not options.input.is_file():
        raise DraftError(f"There is no file {options.input} with drafts.")
    judged = failed = 0
    with (
        options.input.open("rb") as lines,
        replacing(options.output) as partial,
        partial.open("w", encoding="utf-8") as output,
    ):
        for number, line in enumerate(_progress(lines, options.input.stat().st_size), 1):
            if not line.strip():
                continue
            try:
                answer = check_object(_parsed(line), outside=options.outside, silent=options.silent)
            except ChestLensError as error:
                print(f"line {number}: {error}", file=sys.stderr)
                failed += 1
                continue
            output.write(json.dumps(answer, ensure_ascii=False) + "\n")
            judged += 1
    if failed:
        print(f"{failed} of {failed + judged} lines could not be read.", file=sys.stderr)
    return 1 if failed and not judged else 0


def guard_study(options: argparse.Namespace) -> int:
    """Print the figures."""
    figures = study_examples(read_examples(options.sentences))
    if options.r2gen_split:
        # Judging a text needs no table of data; reading the collection does.
        from core.datasets.sources.openi import load_openi, read_openi_reports
        from core.datasets.sources.openi_reports import coded_details

        table = load_openi(options.data_dir, images=False, r2gen_split=options.r2gen_split).table
        table = table[
            (table["split"] == "test") & table[LABELS[0]].notna() & table["report_findings"].fillna("").ne("")
        ]
        majors = read_openi_reports(options.data_dir).set_index("uid")["mesh_major"]
        reports = []
        for _, row in table.iterrows():
            details = coded_details(majors[row["study_id"]])
            findings = [
                {
                    "name": name,
                    "decision": "present" if row[name] == 1 else "absent",
                    "places": details[name].places if name in details else (),
                    "severity": details[name].severity if name in details else None,
                    "several": details[name].several if name in details else None,
                }
                for name in LABELS
            ]
            named = read_evidence(" ".join(f"+{name}" for name in LABELS if row[name] == 1))
            draft = Draft(row["report_findings"], row["report_impression"] or "")
            reports.append(CodedReport(draft, named, read_evidence(findings)))
        figures += study_reports(reports)
    print(as_table(figures))
    return 0


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise DraftError("The line is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        raise DraftError(f"The line is not JSON: {error.msg} at character {error.pos + 1}.") from None
    except RecursionError:
        raise DraftError("The line is nested too deeply.") from None


def _progress(lines: Iterator[bytes], size: int) -> Iterator[bytes]:
    with tqdm(total=size, desc="checking", unit="B", unit_scale=True, disable=None) as bar:
        for line in lines:
            yield line
            bar.update(len(line))
