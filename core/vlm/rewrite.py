"""Evidence to a rewritten report: the plan says what stands in it, the writer chooses the words, the guard reads it."""

import hashlib
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from core.labeler.sentences import sentences_in
from core.reporting.evidence import Evidence
from core.reporting.guard import Attempt, Draft, Verdict, examine, examine_sentence
from core.reporting.plan import plan_of
from core.reporting.report import Report, Section
from core.reporting.templater import word
from core.vlm.prompts import Style, reasoning_steps, render_prompt
from core.vlm.wording_bank import load_wordings
from core.vlm.wordings import wordings
from core.vlm.writer import SHIPPED_WRITER, TextInProgress, Writer

_WORDED: tuple[tuple[Section, str], ...] = (("findings", "FINDINGS:\n"), ("impression", "\n\nIMPRESSION:\n"))
# How radiologists put what is normal; foreign models choose among the same sentences.
_WORDINGS = SHIPPED_WRITER / "wordings.json"


@dataclass(frozen=True)
class Rewrite:
    """A report as the writer worded it and the guard let it through.

    Attributes:
        report: what is shown: the rewritten report, or the template's where the guard let nothing through. The author
            of each sentence is the model where it chose the words, and the rule where the template's sentence stands.
        verdict: what the guard found, draft by draft.
        seconds: time taken.
        model: name and version of the writer.
        steps: ten steps of reasoning, where they were asked for.
        steps_by_rule: whether these follow from the evidence by rule, because the model's own disagreed with it or were
            not ten.
    """

    report: Report
    verdict: Verdict
    seconds: float
    model: dict[str, str]
    steps: tuple[str, ...] = ()
    steps_by_rule: bool = False

    def worded_by(self, author: str) -> int:
        """Sentences of Findings and Impression whose words the ``model`` chose, or the ``rule``; notes do not count."""
        own = (one for one in self.report.sentences if one.section in ("findings", "impression"))
        return sum(one.author == author and one.kind != "note" for one in own)


def rewrite(
    picture: Image.Image,
    evidence: Evidence,
    writer: Writer,
    *,
    style: Style = "report",
    context: str = "",
    on_sentences: Callable[[tuple[str, ...]], None] | None = None,
) -> Rewrite:
    """Word the plan for one radiograph; the same input gives the same text.

    Args:
        picture: what the writer sees, from ``core.vlm.pictures``.
        evidence: what the report may say.
        writer: the model.
        style: ``reasoning`` asks for ten steps beside the report.
        context: clinical facts in one line, or nothing.
        on_sentences: is given the sentences so far whenever there is one more.
    """
    started = time.perf_counter()
    prompt = render_prompt(evidence, "report", context=context)
    seed = int.from_bytes(hashlib.blake2b(picture.tobytes() + prompt.encode(), digest_size=6).digest())
    template = word(plan_of(evidence), evidence)
    worded = _worded(evidence, template, writer.begin(picture, prompt), writer.decoding.temperature, seed, on_sentences)
    report, verdict = _guarded(worded, template, evidence)
    steps: tuple[str, ...] = ()
    by_rule = False
    if style == "reasoning":
        asked = render_prompt(evidence, style, context=context)
        steps = _supported(writer.reply(picture, asked, seed=seed).steps, evidence)
        # As the template stands in for a report, the steps that the evidence gives stand in for a reasoning.
        by_rule = not steps
        steps = steps or reasoning_steps(evidence)
    return Rewrite(report, verdict, time.perf_counter() - started, writer.identity, steps, by_rule)


def _worded(
    evidence: Evidence,
    template: Report,
    text: TextInProgress,
    temperature: float,
    seed: int,
    tell: Callable[[tuple[str, ...]], None] | None,
) -> Report:
    """The template's report with the sentences of the plan in the writer's words, one after another."""
    bank = load_wordings(_WORDINGS)
    draw = random.Random(seed)
    plan = plan_of(evidence)
    done = [one for one in template.sentences if one.section in ("technique", "view")]
    told: list[str] = []
    for section, heading in _WORDED:
        text.add(heading)
        before = ""
        own = [one for one in template.sentences if one.section == section]
        for statement, sentence in zip(plan.section(section), own, strict=True):
            if ways := wordings(statement, evidence, bank):
                chosen = _choice(ways, text.likelihoods([before + way for way in ways]), temperature, draw)
                sentence = replace(sentence, text=chosen, author="model")
                text.add(before + chosen)
                before = " "
            done.append(sentence)
            told.append(sentence.text)
            if tell:
                tell(tuple(told))
    return Report("vlm", tuple(done))


def _choice(ways: Sequence[str], likelihoods: Sequence[float], temperature: float, draw: random.Random) -> str:
    """One of the ways, the likelier the more often; at temperature 0 the likeliest."""
    best = max(likelihoods)
    if temperature <= 0:
        return ways[likelihoods.index(best)]
    return draw.choices(ways, [math.exp((value - best) / temperature) for value in likelihoods])[0]


def _guarded(worded: Report, template: Report, evidence: Evidence) -> tuple[Report, Verdict]:
    """The report if the guard finds nothing in it; else with the template's sentence for each that it objects to; else
    the template."""
    first = _attempt(worded, evidence)
    if not first.violations:
        return worded, Verdict("accepted", (first,))
    refused = {violation.sentence for violation in first.violations}
    pairs = zip(worded.sentences, template.sentences, strict=True)
    mended = Report("vlm", tuple(plain if one.text in refused else one for one, plain in pairs))
    second = _attempt(mended, evidence)
    if not second.violations:
        return mended, Verdict("repaired", (first, second))
    return template, Verdict("fallback", (first, second))


def _attempt(report: Report, evidence: Evidence) -> Attempt:
    """What the guard finds in the report; notes are the plan's own and no writer's."""
    stated = Report(report.source, tuple(one for one in report.sentences if one.kind != "note"))
    draft = Draft(stated.text("findings"), stated.text("impression"))
    return Attempt(draft, examine(draft, evidence) if stated.sentences else ())


def _supported(steps: tuple[str, ...], evidence: Evidence) -> tuple[str, ...]:
    """The reasoning, if every statement of it agrees with the evidence; otherwise none of it."""
    # The first step describes the image, the last sums up.
    statements = (sentence.text for step in steps[1:-1] for sentence in sentences_in(step))
    refused = (one.refuses for text in statements for one in examine_sentence(text, evidence))
    return () if any(refused) else steps
