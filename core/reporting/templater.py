"""Evidence to ``Report`` through the Jinja templates in ``templates/reports``.

A template writes one sentence a line as ``kind | findings | text``, findings separated by commas, so that wording can
be edited without touching code and no sentence loses what it rests on.
"""

from pathlib import Path
from typing import cast, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.findings import FINDINGS
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.report import SECTIONS, Kind, Report, Section, Sentence
from core.reporting.wording import in_words, listed

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "reports"

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def write_report(evidence: Evidence) -> Report:
    """Write the four sections.

    Raises:
        ValueError: a template wrote a line that is not ``kind | findings | text``.
    """
    context = {
        "evidence": evidence,
        "present": evidence.decided("present"),
        "possible": evidence.decided("possible"),
        "clear": clear_findings(evidence),
        "unknown": evidence.decided("unknown"),
    }
    sentences: list[Sentence] = []
    for section in SECTIONS:
        text = _environment.get_template(f"{section}.j2").render(context)
        sentences.extend(_sentence(section, line) for line in text.splitlines() if line.strip())
    return Report(source="template", sentences=tuple(sentences))


def clear_findings(evidence: Evidence) -> list[FindingEvidence]:
    """Absent findings that may be stated as absent.

    A finding that looks much like one called present or possible (see ``Finding.resembles``) is left unsaid: "no
    consolidation" beside a pneumonia would read as a contradiction.
    """
    called = {item.finding.name for item in evidence.decided("present", "possible")}
    silent = {name for finding in FINDINGS if finding.name in called for name in finding.resembles}
    return [item for item in evidence.findings if item.decision == "absent" and item.finding.name not in silent]


def _sentence(section: Section, line: str) -> Sentence:
    parts = [part.strip() for part in line.split("|", 2)]
    if len(parts) != 3 or parts[0] not in get_args(Kind):
        raise ValueError(f"templates/reports/{section}.j2 wrote {line!r}, which is not 'kind | findings | text'.")
    names = tuple(name.strip() for name in parts[1].split(",") if name.strip())
    return Sentence(section=section, text=parts[2], findings=names, kind=cast(Kind, parts[0]))


def _percent(probability: float) -> str:
    """A probability as people read it: whole percents, one decimal below ten."""
    percent = 100 * probability
    return f"{percent:.1f}%" if percent < 10 else f"{percent:.0f}%"


def _listed(items: list[FindingEvidence]) -> str:
    return listed([item.finding.phrase for item in items])


def _names(items: list[FindingEvidence]) -> str:
    return ",".join(item.finding.name for item in items)


_environment.filters.update(percent=_percent, listed=_listed, names=_names, places=in_words)
