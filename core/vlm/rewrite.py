"""Evidence and template to a rewritten report: the writer writes, the guard decides what is shown."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from core.labeler.sentences import sentences_in
from core.reporting.evidence import Evidence
from core.reporting.guard import Draft, Verdict, examine_sentence, guarded
from core.reporting.report import Report
from core.vlm.prompts import Reply, Style, read_reply, reasoning_steps, render_prompt
from core.vlm.writer import Writer


@dataclass(frozen=True)
class Rewrite:
    """A report as the writer gave it and the guard let it through.

    Attributes:
        report: what is shown: the rewritten report, or the template where the guard let nothing through.
        verdict: what the guard found, draft by draft.
        reply: the reply that ``report`` rests on, in its parts; None on fallback.
        seconds: time taken.
        model: name and version of the writer.
        steps_by_rule: whether the reasoning of ``reply`` follows from the evidence by rule, because the model's own
            disagreed with it or had not ten steps.
    """

    report: Report
    verdict: Verdict
    reply: Reply | None
    seconds: float
    model: dict[str, str]
    steps_by_rule: bool = False


def rewrite(
    picture: Image.Image,
    evidence: Evidence,
    template: Report,
    writer: Writer,
    *,
    style: Style = "report",
    context: str = "",
    on_sentences: Callable[[tuple[str, ...]], None] | None = None,
) -> Rewrite:
    """Rewrite the evidence of one radiograph; the same input gives the same text.

    Args:
        picture: what the writer sees, from ``core.vlm.pictures``.
        evidence: what it may say.
        template: the report that stands where nothing else may be shown.
        writer: the model.
        style: what it is asked for.
        context: clinical facts in one line, or nothing.
        on_sentences: is given the sentences of the first draft while it is written, as far as each by itself agrees
            with the evidence.
    """
    started = time.perf_counter()
    prompt = render_prompt(evidence, style, context=context)
    seed = int.from_bytes(hashlib.blake2b(picture.tobytes() + prompt.encode(), digest_size=6).digest())
    replies: list[Reply] = []

    def drafts() -> Iterator[Draft]:
        watch = _SentenceWatch(evidence, on_sentences) if on_sentences else None
        for reply in writer.replies(picture, prompt, seed=seed, on_text=watch):
            replies.append(reply)
            yield reply.draft

    report, verdict = guarded(drafts(), evidence, template)
    shown, by_rule = None, False
    if verdict.action != "fallback":
        steps: tuple[str, ...] = ()
        if style == "reasoning":
            steps = _supported(replies[-1].steps, evidence)
            # As the template stands in for a report, the steps that the evidence gives stand in for a reasoning.
            by_rule = not steps
            steps = steps or reasoning_steps(evidence)
        draft = Draft(report.text("findings"), report.text("impression"))
        shown = Reply(draft, technique=replies[-1].technique, view=replies[-1].view, steps=steps)
    return Rewrite(report, verdict, shown, time.perf_counter() - started, writer.identity, by_rule)


class _SentenceWatch:
    """Collects text that is being written and tells of the finished sentences that may be shown."""

    def __init__(self, evidence: Evidence, tell: Callable[[tuple[str, ...]], None]) -> None:
        self._evidence = evidence
        self._tell = tell
        self._text = ""
        self._told: tuple[str, ...] = ()

    def __call__(self, piece: str) -> None:
        self._text += piece
        draft = read_reply(self._text).draft
        sentences = [one.text for part in (draft.findings, draft.impression) for one in sentences_in(part)]
        # The last one may still grow.
        finished = tuple(text for text in sentences[:-1] if not examine_sentence(text, self._evidence))
        if finished != self._told:
            self._told = finished
            self._tell(finished)


def _supported(steps: tuple[str, ...], evidence: Evidence) -> tuple[str, ...]:
    """The reasoning, if every statement of it agrees with the evidence; otherwise none of it."""
    # The first step describes the image, the last sums up.
    statements = (sentence.text for step in steps[1:-1] for sentence in sentences_in(step))
    return () if any(examine_sentence(text, evidence) for text in statements) else steps
