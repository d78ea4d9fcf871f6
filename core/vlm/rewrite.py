"""Evidence to a rewritten report: the plan in the model's words, or what the model says of the image on its own.

Either way the guard reads the result before anyone else does.
"""

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
from core.reporting.plan import Statement, plan_of
from core.reporting.report import Report, Section, Sentence
from core.reporting.templater import word
from core.vlm.backends.backend import Backend, Weighing
from core.vlm.backends.opening import SHIPPED_WRITER
from core.vlm.claims import Claim, judged
from core.vlm.prompts import (
    Mode,
    Style,
    read_numbered,
    read_reply,
    reasoning_steps,
    render_image_prompt,
    render_prompt,
    render_rewording,
)
from core.vlm.wording_bank import load_wordings
from core.vlm.wordings import says, wordings

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
        mode: whether the model worded the plan or reported on its own.
        apart: what the model said on its own and the evidence refuses or does not cover, in reading order: never part
            of the report.
    """

    report: Report
    verdict: Verdict
    seconds: float
    model: dict[str, str]
    steps: tuple[str, ...] = ()
    steps_by_rule: bool = False
    mode: Mode = "evidence"
    apart: tuple[Claim, ...] = ()

    def worded_by(self, author: str) -> int:
        """Sentences of Findings and Impression whose words the ``model`` chose, or the ``rule``; notes do not count."""
        own = (one for one in self.report.sentences if one.section in ("findings", "impression"))
        return sum(one.author == author and one.kind != "note" for one in own)


def rewrite(
    picture: Image.Image,
    evidence: Evidence,
    writer: Backend,
    *,
    style: Style = "report",
    mode: Mode = "evidence",
    context: str = "",
    on_sentences: Callable[[tuple[str, ...]], None] | None = None,
) -> Rewrite:
    """Word the plan for one radiograph, or judge what a model says of it; the same input gives the same text.

    Args:
        picture: what the writer sees, from ``core.vlm.pictures``.
        evidence: what the report may say.
        writer: the model.
        style: ``reasoning`` asks for ten steps beside the report.
        mode: ``evidence`` words the plan; ``image`` lets the model report on its own.
        context: clinical facts in one line, or nothing. The draws are those without it, so that whatever differs is
            owed to it.
        on_sentences: is given the sentences so far whenever there is one more.

    Raises:
        BackendError: a server does not answer.
    """
    started = time.perf_counter()
    seed = _seed(picture, render_prompt(evidence, "report"))
    template = word(plan_of(evidence), evidence)
    steps: tuple[str, ...] = ()
    apart: tuple[Claim, ...] = ()
    if mode == "image":
        reply = read_reply(writer.answer(picture, render_image_prompt(style, context=context), seed=seed))
        report, verdict, apart = judged(reply.draft, evidence, template)
        steps = reply.steps
    else:
        asked = render_prompt(evidence, "report", context=context)
        if writer.weighs:
            worded = _worded(
                evidence, template, writer.begin(picture, asked), writer.decoding.temperature, seed, on_sentences
            )
        else:
            worded = _reworded(evidence, template, picture, writer, context, seed)
        report, verdict = _guarded(worded, template, evidence)
        if style == "reasoning":
            asked = render_prompt(evidence, style, context=context)
            steps = read_reply(writer.answer(picture, asked, seed=seed)).steps
    by_rule = False
    if style == "reasoning":
        steps = _supported(steps, evidence)
        # As the template stands in for a report, the steps that the evidence gives stand in for a reasoning.
        by_rule = not steps
        steps = steps or reasoning_steps(evidence)
    if on_sentences and (mode == "image" or not writer.weighs):
        on_sentences(tuple(one.text for one in report.sentences if one.section in ("findings", "impression")))
    return Rewrite(report, verdict, time.perf_counter() - started, writer.identity, steps, by_rule, mode, apart)


def _seed(picture: Image.Image, prompt: str) -> int:
    return int.from_bytes(hashlib.blake2b(picture.tobytes() + prompt.encode(), digest_size=6).digest())


def _worded(
    evidence: Evidence,
    template: Report,
    text: Weighing,
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


def _reworded(
    evidence: Evidence, template: Report, picture: Image.Image, writer: Backend, context: str, seed: int
) -> Report:
    """The template's report with each sentence of the plan in the writer's words, where these say just the same."""
    plan = plan_of(evidence)
    pairs: list[tuple[Statement, Sentence]] = []
    for section, _ in _WORDED:
        own = [one for one in template.sentences if one.section == section]
        pairs += zip(plan.section(section), own, strict=True)
    given = [sentence.text for statement, sentence in pairs if statement.kind != "note"]
    answer = writer.answer(picture, render_rewording(given, context=context), seed=seed) if given else ""
    lines = iter(read_numbered(answer, len(given)))
    done = [one for one in template.sentences if one.section in ("technique", "view")]
    for statement, sentence in pairs:
        if statement.kind != "note":
            line = next(lines)
            if line and says(line, statement, evidence):
                sentence = replace(sentence, text=line, author="model")
        done.append(sentence)
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
