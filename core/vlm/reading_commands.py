"""``python -m core.vlm ask|compare``: questions about an image, and two of its reports side by side."""

import argparse
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import DISCLAIMER
from core.vlm.options import add_backend_options, add_pass_options, backend_choice, pass_settings
from core.vlm.pass_settings import PassSettings, SettingError
from core.vlm.prompts import MODES

if TYPE_CHECKING:
    from core.vlm.comparison import Comparison

_WIDTH = 96
_MARKS = {"same": ("", ""), "only first": ("[-", "-]"), "only second": ("{+", "+}")}


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
        help="two reports side by side: with and without a health record, or with two choices of settings",
        description="Both are written with the same draws, so that every difference is owed to the record, or to the "
        "settings: [-words-] stand only in the first report, {+words+} only in the second.",
    )
    two.add_argument("file", type=Path, metavar="FILE", help="DICOM, PNG or JPEG")
    two.add_argument("--structured", action="store_true", help="with labels and codes in passes of their own")
    two.add_argument("--mode", choices=MODES, default="evidence", help="as for write [evidence]")
    two.add_argument(
        "--against",
        action="append",
        metavar="NAME=VALUE",
        help="a setting of the structured passes that the second report has otherwise, such as icd_positive_bias=2; "
        "may be given again. A health record is then read for both reports",
    )
    for command in (one, two):
        command.add_argument("--ehr", type=Path, metavar="JSON", help="health record")
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
    from core.vlm.backends import open_backend
    from core.vlm.ehr import in_one_line, read_ehr
    from core.vlm.generation import look
    from core.vlm.questions import answer_question

    context = in_one_line(read_ehr(options.ehr)) if options.ehr else ""
    seen = look(options.file, classifier=_classifier(options), force=options.force)
    backend = open_backend(backend_choice(options))
    answer = answer_question(options.question, seen.picture, seen.evidence, backend, context=context)
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
    from core.vlm.comparison import compare_records, compare_settings
    from core.vlm.ehr import lines_of, read_ehr
    from core.vlm.generation import look

    if not (options.against or options.ehr):
        raise SettingError("There is nothing to compare; give a health record (--ehr) or another setting (--against).")
    record = read_ehr(options.ehr) if options.ehr else None
    settings = pass_settings(options)
    other = _other_settings(settings, options.against or ())
    seen = look(options.file, classifier=_classifier(options), force=options.force)
    writer = open_backend(backend_choice(options))
    if options.against:
        compared = compare_settings(seen, (settings, other), writer, record=record, mode=options.mode)
    else:
        assert record is not None
        compared = compare_records(
            seen, record, writer, mode=options.mode, structured=options.structured, settings=settings
        )
    facts = lines_of(record or {})
    if options.json:
        print(json.dumps({"record": facts, **compared.as_object()}, indent=2))
    else:
        print(_side_by_side(compared, facts))
    return 0


def _other_settings(settings: PassSettings, given: Sequence[str]) -> PassSettings:
    """The settings of the second report."""
    changed: dict[str, object] = dict(vars(settings))
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().lower()
        if not equals or name not in changed:
            raise SettingError(f"--against takes NAME=VALUE with one of {', '.join(changed)}, not {text!r}.")
        changed[name] = value.strip()
    return PassSettings.of(changed, {})


def _side_by_side(compared: "Comparison", facts: Sequence[str]) -> str:
    lines = ["HEALTH RECORD as read, context and never a finding", *(f"  {fact}" for fact in facts)] if facts else []
    for name, runs in compared.differences().items():
        words = " ".join(f"{_MARKS[change][0]}{text}{_MARKS[change][1]}" for change, text in runs)
        lines += ["", name.upper(), textwrap.fill(words, _WIDTH, initial_indent="  ", subsequent_indent="  ")]
    for title, report in zip(compared.names, compared.reports, strict=True):
        if report.passes is not None:
            answered = [f"{name} {value}" for name, value in report.passes.answered.items() if value is not None]
            lines += ["", f"LABELS ANSWERED, {title}", textwrap.fill(", ".join(answered) or "none", _WIDTH)]
        lines += [
            textwrap.fill(f"APART, {title}, {one.standing}: {one.text} ({one.why})", _WIDTH, subsequent_indent="  ")
            for one in report.rewrite.apart
        ]
    for title, codes in zip(compared.names, compared.codes(), strict=True):
        if codes:
            lines += ["", f"ICD-10-CM only with {title}: {', '.join(codes)}"]
    return "\n".join([*lines, "", DISCLAIMER]).lstrip("\n")


def _classifier(options: argparse.Namespace) -> Any:
    from core.classifier import SHIPPED, Classifier
    from core.classifier.importing import checkpoint_folder

    return Classifier(checkpoint_folder(options.checkpoint or SHIPPED))
