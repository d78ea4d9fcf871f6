"""Free questions about an image: answers cite findings, say when the evidence is silent, and pass the guard."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from core.findings import BY_NAME, LABELS, display_name
from core.labeler import find_mentions
from core.reporting.evidence import Evidence
from core.reporting.guard import Draft, link
from core.reporting.report import Sentence
from core.reporting.templater import write_report
from core.vlm.backends.backend import Backend
from core.vlm.claims import Claim, claims_apart
from core.vlm.prompts import render_question, without_headings
from core.vlm.question import one_question

# Two sentences, in tokens.
_LONGEST_ANSWER = 120
_GENERAL = ("anything", "normal", "clear", "abnormal", "see", "show", "find", "wrong", "report", "summar", "impression")


@dataclass(frozen=True)
class Answer:
    """What is shown of an answer.

    Attributes:
        question: as it was put.
        sentences: each with the findings that it cites; by ``rule`` from the report, or in the ``model``'s words.
        silent: whether the evidence does not cover what is asked.
        apart: what the model said beside it, which the evidence refuses or does not cover.
        seconds: time taken.
        model: name and version of the writer; None where it was not asked, because it cannot answer questions or the
            evidence covers nothing of it.
    """

    question: str
    sentences: tuple[Sentence, ...]
    silent: bool
    apart: tuple[Claim, ...]
    seconds: float
    model: dict[str, str] | None

    @property
    def text(self) -> str:
        """All sentences as one paragraph."""
        return " ".join(one.text for one in self.sentences)

    def as_object(self) -> dict[str, Any]:
        """The answer as plain data."""
        return {
            "question": self.question,
            "answer": self.text,
            "sentences": [
                {"text": one.text, "findings": list(one.findings), "author": one.author} for one in self.sentences
            ],
            "silent": self.silent,
            "apart": [one.as_object() for one in self.apart],
            "seconds": round(self.seconds, 2),
            "model": self.model,
        }


def answer_question(
    question: str, picture: Image.Image, evidence: Evidence, backend: Backend, *, context: str = ""
) -> Answer:
    """Answer from the evidence; the same input gives the same answer.

    What the report says of the findings that are asked for always stands first; the sentences of a model that answers
    questions follow where the guard lets them through.

    Args:
        question: one sentence or two.
        picture: as ``core.vlm.pictures`` makes it.
        evidence: what may be said.
        backend: who is asked.
        context: clinical facts in one line; never a source of findings.

    Raises:
        QuestionError: the question is empty or too long.
        BackendError: a server does not answer.
    """
    started = time.perf_counter()
    question = one_question(question)
    asked = asked_findings(question)
    if not asked:
        text = "The evidence does not cover this: it knows only the 14 findings."
        silent = (Sentence("findings", text, (), "note"),)
        return Answer(question, silent, True, (), time.perf_counter() - started, None)
    known = _stated(asked, evidence)
    if not backend.answers_questions:
        return Answer(question, tuple(known), False, (), time.perf_counter() - started, None)
    seed = int.from_bytes(hashlib.blake2b(picture.tobytes() + question.encode(), digest_size=6).digest())
    decoding = replace(backend.decoding, max_new_tokens=min(_LONGEST_ANSWER, backend.decoding.max_new_tokens))
    prompt = render_question(question, evidence, context=context)
    draft = Draft(" ".join(without_headings(backend.answer(picture, prompt, seed=seed, decoding=decoding)).split()), "")
    # What a model says over and over is told once.
    apart = tuple({one.text: one for one in claims_apart(draft, evidence)}.values())
    refused = {one.text for one in apart}
    own = [
        Sentence(one.section, one.text, one.findings, one.kind, "model")
        for one in link(draft, evidence)
        if one.findings and set(one.findings) & set(asked) and not any(text in one.text for text in refused)
    ]
    said = {one.text for one in known}
    sentences = (*known, *(one for one in own if one.text not in said))
    return Answer(question, sentences, False, apart, time.perf_counter() - started, backend.identity)


def asked_findings(question: str) -> tuple[str, ...]:
    """Names of the findings that a question is about: those it names, or all where it asks for whatever is there."""
    named = {one.observation for one in find_mentions(question)} & set(LABELS)
    lower = question.lower()
    named |= {name for name in LABELS if BY_NAME[name].phrase in lower or display_name(name).lower() in lower}
    if named:
        return tuple(name for name in LABELS if name in named)
    others = {one.observation for one in find_mentions(question)}
    return LABELS if not others and any(word in lower for word in _GENERAL) else ()


def _stated(asked: Sequence[str], evidence: Evidence) -> list[Sentence]:
    """What the report says of these findings; of those that it passes over, that they are not called or not known."""
    report = [one for one in write_report(evidence).sentences if one.section == "findings" and one.kind != "note"]
    found = [one for one in report if set(one.findings) & set(asked)]
    left = [name for name in asked if not any(name in one.findings for one in found)]
    decided = {item.finding.name: item.decision for item in evidence.findings}
    for name in left:
        word = "not assessed by this model" if decided[name] == "unknown" else "not called by this model"
        found.append(Sentence("findings", f"{display_name(name)} is {word}.", (name,), "normal"))
    return found
