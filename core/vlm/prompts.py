"""Prompts from evidence, through the Jinja files in ``templates/prompts``, and replies back to their parts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.errors import ChestLensError
from core.findings import FINDINGS
from core.reporting.certainty import PHRASES
from core.reporting.evidence import DECISIONS, Decision, Evidence, FindingEvidence
from core.reporting.guard import Draft
from core.reporting.plan import clear_findings
from core.reporting.wording import side_of
from core.settings import WRITER_MODES, WriterMode

Style = Literal["report", "rsna", "reasoning"]
STYLES: tuple[Style, ...] = get_args(Style)
Mode = WriterMode
"""``evidence``: the model words what the plan says; ``image``: it reports on its own, and is judged claim by claim."""
MODES = WRITER_MODES
STEPS = 10

PROMPTS = Path(__file__).resolve().parents[2] / "templates" / "prompts"

# Upper ends of the bands that a probability is told in; exact figures would invite the model to repeat them.
_BANDS = ((0.05, "very low"), (0.2, "low"), (0.5, "moderate"), (0.8, "high"), (1.0, "very high"))
_SIDES = ("left", "right", "bilateral")
_HEADINGS = ("technique", "view", "findings", "impression")
# In front of a colon, or alone in its line, as models of all kinds write them: FINDINGS:, **Findings:**, ## Findings.
_HEADING = re.compile(
    rf"^[ \t#*_]*({'|'.join(_HEADINGS)})[ \t*_]*(?::[ \t*_]*|\.?[ \t*_]*$)", re.IGNORECASE | re.MULTILINE
)
_STEP = re.compile(r"^[ \t]*(\d{1,2})[.)][ \t]+(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Reply:
    """What a model wrote, in its parts.

    Attributes:
        draft: Findings and Impression; empty texts where the reply lacks them.
        technique, view: texts under these headings, empty where the style has none.
        steps: the reasoning, without its numbers; empty where the style has none or the reply has not exactly ten.
    """

    draft: Draft
    technique: str = ""
    view: str = ""
    steps: tuple[str, ...] = ()


def render_prompt(evidence: Evidence, style: Style = "report", *, context: str = "") -> str:
    """What the model is asked.

    Args:
        evidence: what the report may say.
        style: Findings and Impression (``report``), the four headings of an RSNA report (``rsna``), or ten reasoning
            steps before Findings and Impression (``reasoning``).
        context: clinical facts in one line, or nothing.
    """
    template = _environment.get_template(f"{style}.j2")
    return template.render(evidence=evidence, ehr=context).strip()


def render_image_prompt(style: Style = "report", *, context: str = "") -> str:
    """What a model is asked that reports on its own, with nothing but the image and perhaps a clinical context."""
    return _environment.get_template(f"image_{style}.j2").render(ehr=context).strip()


def render_rewording(sentences: Sequence[str], *, context: str = "") -> str:
    """What a model is asked that puts given sentences into other words."""
    return _environment.get_template("reword.j2").render(sentences=sentences, ehr=context).strip()


def render_structured(name: str, evidence: Evidence | None, *, context: str = "", names: Sequence[str] = ()) -> str:
    """What a model is asked in one of the structured passes.

    Args:
        name: ``impression``, ``chexpert`` or ``icd``.
        evidence: what the answer may say; None to ask about the image alone.
        context: clinical facts in one line, or nothing.
        names: of the labels.
    """
    template = _environment.get_template(f"structured_{name}.j2")
    return template.render(evidence=evidence, ehr=context, names=names).strip()


def render_stage(name: str, *, context: str = "", names: Sequence[str] = ()) -> str:
    """What a model is asked in stage ``a`` or ``b`` of the curriculum."""
    return _environment.get_template(f"stage_{name}.j2").render(ehr=context, names=names).strip()


def render_question(question: str, evidence: Evidence, *, context: str = "") -> str:
    """What a model is asked when a reader has a question about the image."""
    return _environment.get_template("question.j2").render(question=question, evidence=evidence, ehr=context).strip()


def read_numbered(text: str, count: int) -> list[str]:
    """The lines of an answer by their numbers from 1 to ``count``; empty where a number is missing or comes twice."""
    found: dict[int, list[str]] = {}
    for number, line in _STEP.findall(text):
        found.setdefault(int(number), []).append(line.strip())
    return [lines[0] if len(lines := found.get(number, [])) == 1 else "" for number in range(1, count + 1)]


def reasoning_steps(evidence: Evidence) -> tuple[str, ...]:
    """The ten steps that the evidence supports, which the writer is trained to write."""
    called = [item for item in evidence.findings if item.decision in ("present", "possible")]
    text = _environment.get_template("steps.j2").render(
        evidence=evidence,
        by_name={item.finding.name: item for item in evidence.findings},
        clear=clear_findings(evidence),
        called=", ".join(
            ("possible " if stated_decision(item) == "possible" else "") + item.finding.phrase for item in called
        ),
    )
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.strip("\n").split("\n"))
    steps = tuple(line or "Nothing else is stated." for line in lines)
    if len(steps) != STEPS:
        raise ChestLensError(f"templates/prompts/steps.j2 wrote {len(steps)} steps; there must be {STEPS}.")
    return steps


def write_reply(reply: Reply) -> str:
    """The text whose parts a reply has: what a model is trained to write."""
    numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(reply.steps, 1))
    sections = (
        ("TECHNIQUE", reply.technique),
        ("VIEW", reply.view),
        ("FINDINGS", reply.draft.findings),
        ("IMPRESSION", reply.draft.impression),
    )
    written = [f"{name}:\n{text}" for name, text in sections if text]
    return "\n\n".join([numbered, *written] if numbered else written)


def read_reply(text: str) -> Reply:
    """Parts of a model's reply, whatever the case of its headings.

    Text before the first heading is reasoning where it has exactly ten numbered steps in order, and is dropped
    otherwise. A heading that comes twice counts once, with the first text.
    """
    parts = _HEADING.split(text)
    sections: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        sections.setdefault(name.lower(), re.sub(r"\s+", " ", body).strip())
    steps = _STEP.findall(parts[0])
    whole = [number for number, _ in steps] == [str(number) for number in range(1, STEPS + 1)]
    return Reply(
        draft=Draft(sections.get("findings", ""), sections.get("impression", "")),
        technique=sections.get("technique", ""),
        view=sections.get("view", ""),
        steps=tuple(step.strip() for _, step in steps) if whole else (),
    )


def without_headings(text: str) -> str:
    """A model's text without the headings of a report, which claim nothing."""
    return _HEADING.sub(" ", text)


def evidence_units() -> list[str]:
    """Every way in which a prompt states a finding, and how probable it is.

    A small model's tokenizer keeps each as one token, so that the model need not learn to read before it can write.
    """
    units = [_unit(finding.phrase, decision, None) for finding in FINDINGS for decision in DECISIONS]
    units += [
        _unit(finding.phrase, decision, side)
        for finding in FINDINGS
        if not finding.diffuse
        for decision in ("present", "possible")
        for side in _SIDES
    ]
    return units + [f" ({name})" for _, name in _BANDS]


def _unit(phrase: str, decision: Decision, side: str | None) -> str:
    return f"{f'{side} ' if side else ''}{phrase}: {decision}"


def _item_unit(item: FindingEvidence) -> str:
    return _unit(item.finding.phrase, stated_decision(item), side_of(item.places))


def stated_decision(item: FindingEvidence) -> Decision:
    """The decision in whose words the finding is stated: what is called in doubt is possible, whatever its label."""
    if item.certainty is None:
        return item.decision
    return "possible" if PHRASES[item.certainty].hedged else "present"


def _band(item: FindingEvidence) -> str:
    if item.probability is None:
        return ""
    return next(f" ({name})" for upper, name in _BANDS if item.probability <= upper)


def _statement(item: FindingEvidence) -> str:
    """One finding as a sentence that the labeler reads as it is to be stated."""
    phrase = item.finding.phrase
    decision = stated_decision(item)
    if decision == "present":
        return f"{phrase[0].upper()}{phrase[1:]} is present."
    if decision == "possible":
        return f"Possible {phrase}."
    if decision == "absent":
        return f"No {phrase}."
    return ""


_environment = Environment(
    loader=FileSystemLoader(PROMPTS), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters.update(band=_band, unit=_item_unit, statement=_statement)
