"""``Plan`` to ``Report`` through the Jinja templates in ``templates/reports``.

A template writes one sentence a line as ``kind | findings | text``, findings separated by commas, so that wording can
be edited without touching code and no sentence loses what it rests on.
"""

from functools import partial
from pathlib import Path
from typing import cast, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.reporting.errors import ReportingError
from core.reporting.evidence import Evidence
from core.reporting.plan import Plan, Statement, plan_of
from core.reporting.report import SECTIONS, Kind, Report, Section, Sentence
from core.reporting.wording import called, listed, not_called, phrases

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "reports"

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def write_report(evidence: Evidence) -> Report:
    """Write the four sections of the plan for this evidence.

    Raises:
        ReportingError: a template wrote a line that is not ``kind | findings | text``.
    """
    return word(plan_of(evidence), evidence)


def word(plan: Plan, evidence: Evidence) -> Report:
    """Write the four sections of a plan; ``evidence`` gives the figures and what is known of file and model.

    Raises:
        ReportingError: a template wrote a line that is not ``kind | findings | text``.
    """
    sentences: list[Sentence] = []
    for section in SECTIONS:
        text = _environment.get_template(f"{section}.j2").render(
            evidence=evidence, plan=plan.section(section), figures=partial(_figures, evidence)
        )
        sentences.extend(_sentence(section, line) for line in text.splitlines() if line.strip())
    return Report(source="template", sentences=tuple(sentences))


def _sentence(section: Section, line: str) -> Sentence:
    parts = [part.strip() for part in line.split("|", 2)]
    if len(parts) != 3 or parts[0] not in get_args(Kind):
        raise ReportingError(f"templates/reports/{section}.j2 wrote {line!r}, which is not 'kind | findings | text'.")
    names = tuple(name.strip() for name in parts[1].split(",") if name.strip())
    return Sentence(section=section, text=parts[2], findings=names, kind=cast(Kind, parts[0]))


def _figures(evidence: Evidence, statement: Statement) -> str:
    """The probabilities that a statement rests on: "probability 24%", "probability 24% and 31%"."""
    known = {item.finding.name: item.probability for item in evidence.findings}
    values = [known[name] for name in statement.findings]
    texts = ["not known" if value is None else _percent(value) for value in values]
    return f"probability {listed(texts, 'and')}"


def _percent(probability: float) -> str:
    """A probability as people read it: whole percents, one decimal below ten."""
    percent = 100 * probability
    return f"{percent:.1f}%" if percent < 10 else f"{percent:.0f}%"


def _called(statement: Statement) -> str:
    """What a statement calls, as certain as it is, with its places and without a full stop."""
    assert statement.certainty is not None
    return called(statement.findings, statement.places, statement.certainty).rstrip(".")


def _listed(statement: Statement) -> str:
    return listed(phrases(statement.findings))


def _either(statement: Statement) -> str:
    """The findings joined by "or" alone, which leaves no doubt of what a "not" in front of them reaches."""
    return " or ".join(phrases(statement.findings))


def _names(statement: Statement) -> str:
    return ",".join(statement.findings)


def _not_called(statement: Statement) -> str:
    return not_called(statement.findings)


_environment.filters.update(not_called=_not_called, either=_either, called=_called, listed=_listed, names=_names)
