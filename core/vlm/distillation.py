"""Reasoning in exactly ten steps, distilled from a teacher: only what the guard lets through is learned from."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm.auto import tqdm

from core.labeler.sentences import sentences_in
from core.reporting.evidence import Evidence
from core.reporting.guard import Case, check, examine_sentence
from core.vlm.backends.backend import Backend
from core.vlm.prompts import STEPS, Reply, read_reply, reasoning_steps, render_prompt, write_reply


@dataclass(frozen=True)
class Sample:
    """A study to reason about.

    Attributes:
        id: of the study.
        image: path of its image.
        evidence: what may be said of it.
        split: train or val.
    """

    id: str
    image: str
    evidence: Evidence
    split: str


@dataclass(frozen=True)
class Distilled:
    """What a teacher gave.

    Attributes:
        records: conversations by split, each with exactly ten steps before the report.
        rejected: ``id``, ``reasons`` and the ``answer`` of each that was not used.
    """

    records: dict[str, list[dict[str, Any]]]
    rejected: list[dict[str, Any]]


def distil(
    samples: Iterable[Sample], teacher: Backend | None, picture: Callable[[str], Image.Image], *, seed: int = 0
) -> Distilled:
    """Ask a teacher to reason about each sample, and keep what stands up to the guard.

    Args:
        samples: studies.
        teacher: any backend; None for the steps and the report that follow from the evidence by rule.
        picture: path to picture.
        seed: of the draws.

    Raises:
        BackendError: a server does not answer.
    """
    records: dict[str, list[dict[str, Any]]] = {"train": [], "val": []}
    rejected = []
    for number, sample in enumerate(tqdm(list(samples), desc="distilling", unit="record", disable=None)):
        request = render_prompt(sample.evidence, "reasoning")
        if teacher is None:
            answer = by_rule(sample.evidence)
        else:
            answer = teacher.answer(picture(sample.image), request, seed=seed + number)
        reasons = reasons_against(answer, sample.evidence)
        if reasons:
            rejected.append({"id": sample.id, "reasons": reasons, "answer": answer})
            continue
        reply = read_reply(answer)
        records[sample.split].append(
            {
                "image": sample.image,
                "style": "reasoning",
                "conversations": [
                    {"from": "human", "value": f"<image>\n{request}"},
                    {"from": "gpt", "value": write_reply(Reply(reply.draft, steps=reply.steps))},
                ],
            }
        )
    return Distilled(records, rejected)


def by_rule(evidence: Evidence) -> str:
    """The answer that follows from the evidence alone."""
    from core.reporting.templater import write_report
    from core.vlm.claims import shown_draft

    return write_reply(Reply(shown_draft(write_report(evidence)), steps=reasoning_steps(evidence)))


def reasons_against(answer: str, evidence: Evidence) -> list[str]:
    """Why an answer is not learned from; empty if it is."""
    reply = read_reply(answer)
    if not reply.steps:
        return [f"It has not exactly {STEPS} numbered steps before the report."]
    if not reply.draft.findings or not reply.draft.impression:
        return ["It lacks Findings or Impression."]
    reasons = [one.message for one in check(reply.draft, Case.of(evidence)).faults]
    # The first step describes the image, the last sums up.
    for number, step in enumerate(reply.steps[1:-1], 2):
        for sentence in sentences_in(step):
            reasons += [
                f"Step {number}: {one.message}" for one in examine_sentence(sentence.text, evidence) if one.refuses
            ]
    return list(dict.fromkeys(reasons))


def write_distilled(found: Distilled, folder: Path) -> Counter[str]:
    """Write ``train.json``, ``val.json`` and ``rejected.jsonl``; how many went where."""
    from core.atomic import write_text
    from core.datasets.conversations import write_conversations

    counts = write_conversations(found.records, folder)
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found.rejected)
    write_text(folder / "rejected.jsonl", lines)
    return counts + Counter(rejected=len(found.rejected))
