"""Training records that give the evidence in the prompt, in LLaVA's conversation format.

Three kinds, all for the same trainer. Reports: a radiologist's Findings and Impression without what the evidence does
not cover, asked for with the evidence that the labeler reads from them. Composed: sentences of such reports put
together for evidence drawn at random, so that rare findings and their combinations are learned too. Image only: the
same reports asked for without evidence, which aligns the projector with what the tower sees.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from core.datasets.conversations import REQUEST, clean_report
from core.datasets.table import SPLITS, DatasetError
from core.findings import LABELS
from core.labeler.sentences import sentences_in
from core.reporting.evidence import Evidence
from core.reporting.guard import Draft, examine, repair
from core.vlm.composition import SentenceBank, random_evidence
from core.vlm.ehr import in_one_line, invented_record
from core.vlm.pairing import ImagePairs
from core.vlm.prompts import STYLES, Reply, reasoning_steps, render_prompt, write_reply
from core.vlm.reference_evidence import evidence_from_report
from core.vlm.text_metrics.normalisation import normalise

Record = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """A report that the evidence covers in full.

    Attributes:
        study_id: of the report.
        evidence: what it says, as the labeler reads it.
        draft: its Findings and Impression, without what the evidence does not cover.
        original: the same sections as they were written.
        image: path of its own image, or None.
    """

    study_id: str
    evidence: Evidence
    draft: Draft
    original: Draft
    image: str | None

    def verbatim(self) -> Draft:
        """The draft without sentences that the guard had to mend, which are safe but not always well put."""
        return Draft(
            _verbatim(self.draft.findings, self.original.findings),
            _verbatim(self.draft.impression, self.original.impression),
        )


@dataclass(frozen=True)
class Recipe:
    """How many records are made of what.

    Attributes:
        variants: records of each report, each with other probabilities.
        composed: records with evidence drawn at random, for training only.
        image_only: share of the records that give no evidence.
        style_shares: shares of the records that ask for each of ``STYLES``.
        context: share of the records with an invented health record beside the evidence, which is to leave no trace.
        own_words: share of the complete reports' records in the report's own words; the others, and those of reports
            that say little once stripped, are put into typical ones.
        complete_tokens: Findings of at least so many tokens are complete.
        normal_reports: typical normal reports that are put together, at most.
        seed: of all draws.
    """

    variants: int = 4
    composed: int = 12_000
    image_only: float = 0.1
    style_shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    context: float = 0.1
    own_words: float = 0.25
    complete_tokens: int = 22
    normal_reports: int = 400
    seed: int = 0


def covered_reports(table: pd.DataFrame) -> dict[str, list[Example]]:
    """The reports of a table, by split, without what 14 findings do not cover.

    A report is left out where nothing remains, or where what remains says something else than its evidence.

    Raises:
        DatasetError: no report of the training split is left.
    """
    examples: dict[str, list[Example]] = {name: [] for name in SPLITS}
    texts = zip(table["report_findings"].fillna(""), table["report_impression"].fillna(""), strict=True)
    for (_, row), (findings, impression) in tqdm(
        zip(table.iterrows(), texts, strict=True), total=len(table), desc="reading reports", unit="report", disable=None
    ):
        example = covered_report(row["study_id"], clean_report(findings), clean_report(impression), row["view"])
        if example is not None:
            image = row["image_path"] if isinstance(row["image_path"], str) else None
            examples[row["split"]].append(replace(example, image=image))
    if not examples["train"]:
        raise DatasetError(
            f"None of the {len(table)} rows has a training report with findings and impression that the evidence "
            "covers: use a source with reports, such as openi, rexgradient or mimic."
        )
    return examples


def covered_report(study_id: str, findings: str | None, impression: str | None, view: str | None) -> Example | None:
    """One report, cleaned, with what it says as evidence; None if it cannot be used."""
    if not findings or not impression:
        return None
    evidence = evidence_from_report(f"{findings} {impression}", study_id=study_id, view=view or None)
    draft = repair(Draft(findings, impression), evidence)
    if not draft.findings or not draft.impression or examine(draft, evidence):
        return None
    return Example(study_id, evidence, draft, Draft(findings, impression), None)


def make_training_records(
    examples: Mapping[str, Sequence[Example]], pairs: Mapping[str, ImagePairs | None], recipe: Recipe
) -> dict[str, list[Record]]:
    """Records of every split; composed ones in training only.

    Args:
        examples: from ``covered_reports``.
        pairs: for each split, images for reports without one of their own; None where there are none.
        recipe: how many of what.

    Raises:
        DatasetError: a report has no image, and none was given to stand in.
    """
    bank = SentenceBank(
        [(example.evidence, example.verbatim()) for example in examples["train"]],
        [example.original.findings for example in examples["train"] if not _called(example.evidence)],
        normal_reports=recipe.normal_reports,
        seed=recipe.seed,
    )
    records: dict[str, list[Record]] = {}
    for split, reports in examples.items():
        draw = random.Random(f"{recipe.seed}-{split}")
        records[split] = [
            record
            for example in reports
            for record in _of_report(
                example, pairs[split], bank, recipe, draw, variants=recipe.variants if split == "train" else 1
            )
        ]
    draw = random.Random(f"{recipe.seed}-composed")
    bar = tqdm(total=recipe.composed, desc="composing", unit="record", disable=None)
    for evidence, draft in _compositions(bank, draw, recipe.composed):
        image = _image(evidence, pairs["train"], draw)
        records["train"].append(_record(image, evidence, draft, recipe, draw))
        bar.update()
    bar.close()
    return records


def count_styles(records: Sequence[Record]) -> Counter[str]:
    """How many records ask for what."""
    return Counter(record["style"] for record in records)


def _of_report(
    example: Example,
    pairs: ImagePairs | None,
    bank: SentenceBank,
    recipe: Recipe,
    draw: random.Random,
    *,
    variants: int,
) -> Iterator[Record]:
    """Records with one report's evidence: in its own words where it is complete, in typical ones otherwise."""
    for variant in range(variants):
        text = f"{example.draft.findings} {example.draft.impression}"
        evidence = evidence_from_report(text, study_id=f"{example.study_id}#{variant}", view=example.evidence.view)
        draft = example.draft
        complete = len(normalise(draft.findings).split()) >= recipe.complete_tokens and draft == example.verbatim()
        if not complete or draw.random() >= recipe.own_words:
            draft = _composition(bank, evidence, draw) or draft
        image = example.image or _image(evidence, pairs, draw)
        if draw.random() < recipe.image_only:
            yield _conversation(image, REQUEST.removeprefix("<image>\n"), Reply(draft), "image only")
        else:
            yield _record(image, evidence, draft, recipe, draw)


def _composition(bank: SentenceBank, evidence: Evidence, draw: random.Random) -> Draft | None:
    """A report that says just what the evidence says; the guard has the last word, and may have none of it."""
    draft = bank.compose(evidence, draw)
    if examine(draft, evidence):
        draft = repair(draft, evidence)
    return None if examine(draft, evidence) else draft


def _verbatim(text: str, original: str) -> str:
    return " ".join(f"{one.text}." for one in sentences_in(text) if f"{one.text}." in original)


def _called(evidence: Evidence) -> set[str]:
    return {item.finding.name for item in evidence.findings if item.decision in ("present", "possible")}


def _compositions(bank: SentenceBank, draw: random.Random, count: int) -> Iterator[tuple[Evidence, Draft]]:
    """Evidence at random, each with its report."""
    made = 0
    while made < count:
        evidence = random_evidence(draw)
        draft = _composition(bank, evidence, draw)
        if draft is not None:
            made += 1
            yield evidence, draft


def _image(evidence: Evidence, pairs: ImagePairs | None, draw: random.Random) -> str:
    if pairs is None:
        raise DatasetError(
            "The reports have no images of their own; name a table of labelled images that stand in (--images)."
        )
    called = _called(evidence)
    return pairs.draw({label: label in called for label in LABELS}, draw)


def _record(image: str, evidence: Evidence, draft: Draft, recipe: Recipe, draw: random.Random) -> Record:
    style = draw.choices(STYLES, recipe.style_shares)[0]
    context = in_one_line(invented_record(draw)) if draw.random() < recipe.context else ""
    reply = Reply(draft)
    if style == "rsna":
        reply = replace(
            reply,
            technique="Single frontal chest radiograph.",
            view=f"{evidence.view}." if evidence.view else "Not stated, taken as frontal.",
        )
    if style == "reasoning":
        reply = replace(reply, steps=reasoning_steps(evidence))
    return _conversation(image, render_prompt(evidence, style, context=context), reply, style)


def _conversation(image: str, request: str, reply: Reply, style: str) -> Record:
    return {
        "image": image,
        "style": style,
        "conversations": [
            {"from": "human", "value": f"<image>\n{request}"},
            {"from": "gpt", "value": write_reply(reply)},
        ],
    }
