"""``python -m core.vlm ask|compare``: questions about an image, and its report with and without a health record."""

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

from core import DISCLAIMER
from core.vlm.options import add_backend_options, add_pass_options, backend_choice, pass_settings
from core.vlm.prompts import MODES

_WIDTH = 96
_MARKS = {"same": ("", ""), "only without": ("[-", "-]"), "only with": ("{+", "+}")}


def add_reading(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the two commands to the parser of ``python -m core.vlm``."""
    one = commands.add_parser(
        "ask",
        help="a question about a radiograph",
        description="The answer cites the findings it rests on and says so where the evidence is silent; what a model "
        "says beside it is marked and stands apart.",
    )
    one.add_argument("file", type=Path, metavar="FILE", help="DICOM, PNG or JPEG")
    one.add_argument("question", metavar="QUESTION", help="one sentence or two")
    two = commands.add_parser(
        "compare",
        help="the report with and without a health record, side by side",
        description="Both are written with the same draws, so that every difference is the record's: [-words-] stand "
        "only in the report without it, {+words+} only in the report with it.",
    )
    two.add_argument("file", type=Path, metavar="FILE", help="DICOM, PNG or JPEG")
    two.add_argument("--structured", action="store_true", help="with labels and codes in passes of their own")
    two.add_argument("--mode", choices=MODES, default="evidence", help="as for write [evidence]")
    for command in (one, two):
        command.add_argument("--ehr", type=Path, required=command is two, metavar="JSON", help="health record")
        command.add_argument("--checkpoint", type=Path, help="classifier folder or public weights [the shipped one]")
        command.add_argument("--force", action="store_true", help="judge also what does not look like a frontal chest")
        command.add_argument("--json", action="store_true", help="all as JSON")
        add_backend_options(command)
    add_pass_options(two)
    one.set_defaults(run=ask)
    two.set_defaults(run=compare)


def ask(options: argparse.Namespace) -> int:
    """Answer one question."""
    # transformers takes seconds to import, which --help should not wait for.
    from core.anatomy import admit
    from core.imaging import read_safely
    from core.reporting import assess
    from core.vlm.backends import open_backend
    from core.vlm.ehr import in_one_line, read_ehr
    from core.vlm.pictures import picture_of
    from core.vlm.questions import answer_question

    context = in_one_line(read_ehr(options.ehr)) if options.ehr else ""
    admitted = admit(read_safely(options.file.read_bytes()), force=options.force)
    evidence = assess(admitted, _classifier(options)).evidence
    backend = open_backend(backend_choice(options))
    answer = answer_question(options.question, picture_of(admitted.radiograph), evidence, backend, context=context)
    if options.json:
        print(json.dumps(answer.as_object(), indent=2))
        return 0
    for sentence in answer.sentences:
        cited = f" [{', '.join(sentence.findings)}]" if sentence.findings else ""
        print(textwrap.fill(sentence.text + cited, _WIDTH))
    for claim in answer.apart:
        print(textwrap.fill(f"APART, {claim.standing}: {claim.text} ({claim.why})", _WIDTH, subsequent_indent="  "))
    print(f"\n{DISCLAIMER}")
    return 0


def compare(options: argparse.Namespace) -> int:
    """Write the report twice and mark what differs."""
    from core.vlm.backends import open_backend
    from core.vlm.record_comparison import compare_records

    compared = compare_records(
        options.file,
        options.ehr,
        classifier=_classifier(options),
        backend=open_backend(backend_choice(options)),
        mode=options.mode,
        structured=options.structured,
        settings=pass_settings(options),
        force=options.force,
    )
    if options.json:
        print(json.dumps(compared.as_object(), indent=2))
        return 0
    print("HEALTH RECORD as read, context and never a finding")
    for fact in compared.record:
        print(f"  {fact}")
    for name, runs in compared.differences().items():
        words = " ".join(f"{_MARKS[change][0]}{text}{_MARKS[change][1]}" for change, text in runs)
        print(f"\n{name.upper()}")
        print(textwrap.fill(words, _WIDTH, initial_indent="  ", subsequent_indent="  "))
    both = compared.as_object()
    for title, key in (("only with the record", "codes_added"), ("only without it", "codes_removed")):
        if both[key]:
            print(f"\nICD-10-CM {title}: {', '.join(both[key])}")
    print(f"\n{DISCLAIMER}")
    return 0


def _classifier(options: argparse.Namespace) -> Any:
    from core.classifier import SHIPPED, Classifier
    from core.classifier.importing import checkpoint_folder

    return Classifier(checkpoint_folder(options.checkpoint or SHIPPED))
