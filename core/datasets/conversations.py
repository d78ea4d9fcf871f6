"""Report-generation records: one image, one request, the report as the answer.

The format is that of LLaVA (Liu et al., NeurIPS 2023), which the trainers of vision-language models read.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from core.atomic import write_text
from core.datasets.splits import split_table
from core.datasets.table import SPLITS, DatasetError, Problem
from core.labeler import presences
from core.labeler.sentences import sentences_in

FRACTIONS = (0.8, 0.1, 0.1)
REQUEST = "<image>\nWrite the Findings and the Impression of this chest radiograph."

# What de-identification leaves behind.
_HOLE = re.compile(r"\b(?:x{3,}|_{2,})(?:[- ]?x{3,})*\b|\[\*\*.*?\*\*\]", re.IGNORECASE)
# A hole behind or before these words was a noun or a number, which cannot be spared; elsewhere it was an adjective.
_LOST = re.compile(
    r"\b(?:the|an?|of|from|by|with|in|on|at|to|for|is|are|be|was|were|and|or|than|as|dr\.?|since|over|'s|pulmonary)"
    r"\s+(?:x{3,}|_{2,})"
    r"|(?:x{3,}|_{2,})(?:\W*$|\s*[,;:]|\s+(?:is|are|was|were|has|have|and|or|of|in|on|with|without|which|that|to|at)\b)",
    re.IGNORECASE,
)
# Holes whose filling is certain.
_FILLINGS = (
    (re.compile(r"\bx-x{3,}", re.IGNORECASE), "x-ray"),
    (re.compile(r"(?<=costophrenic )x{3,}", re.IGNORECASE), "angle"),
)
# Sentences about the report rather than the image.
_OFFICE = re.compile(
    r"\b(?:discussed with|notif(?:ied|ication)|communicated|dictated|electronically|signed by|telephone|paged|veriphy"
    r"|primordial|dr\.|physician|see above|above findings|as above|as described|images? (?:were|was) reviewed)\b",
    re.IGNORECASE,
)
# Sentences that only compare with an earlier study, which the model does not see.
_COMPARES = re.compile(
    r"\b(?:compar(?:ed|ison)|prior|previous(?:ly)?|interval|unchanged|no (?:significant )?change|since the last"
    r"|again)\b",
    re.IGNORECASE,
)


def clean_report(text: str | None) -> str | None:
    """A section of a report as continuous sentences about the image.

    Numbers of lists, line breaks and sentences about communication go; so do sentences that compare with an earlier
    study and name no finding. Words that de-identification removed are closed up where an adjective is missing;
    sentences that miss more go whole.

    Returns:
        The sentences, each with its full stop, in order and without repetition; empty if none is left. None where a
        sentence that asserts a finding cannot be kept: without it the rest would teach to pass over findings.
    """
    kept: dict[str, None] = {}
    for hole, filling in _FILLINGS:
        text = hole.sub(filling, text or "")
    for sentence in sentences_in(text or ""):
        words = re.sub(r"\s+", " ", sentence.text).strip(" .,;:")
        if len(words) < 4 or _OFFICE.search(words):
            continue
        found = presences(words)
        if _COMPARES.search(words) and not found:
            continue
        if _HOLE.search(words):
            if _LOST.search(words):
                if set(found.values()) & {"present", "uncertain"}:
                    return None
                continue
            words = re.sub(r"\s+", " ", _HOLE.sub("", words)).strip(" .,;:")
            if len(words) < 4:
                continue
        kept[words[0].upper() + words[1:] + ("" if words.endswith("?") else ".")] = None
    return " ".join(kept)


def conversation(image: str, findings: str, impression: str) -> dict[str, Any]:
    """One record."""
    return {
        "image": image,
        "conversations": [
            {"from": "human", "value": REQUEST},
            {"from": "gpt", "value": f"FINDINGS:\n{findings}\n\nIMPRESSION:\n{impression}"},
        ],
    }


def make_conversations(
    table: pd.DataFrame, *, fractions: Sequence[float] = FRACTIONS, seed: int = 0, keep_splits: bool = False
) -> tuple[dict[str, list[dict[str, Any]]], list[Problem]]:
    """Records for each split, divided by patient.

    Args:
        table: as ``load_table`` returns it.
        fractions: shares of train, val and test.
        seed: of the division.
        keep_splits: keep the table's own splits instead.

    Returns:
        Records by split name, and the images without a record: those whose report lacks a section once it is cleaned.

    Raises:
        DatasetError: no image has a report with both sections.
    """
    findings = _cleaned(table["report_findings"])
    impressions = _cleaned(table["report_impression"])
    has_image = table["image_path"].notna()
    whole = has_image & (findings != "") & (impressions != "")
    if not whole.any():
        raise DatasetError(
            f"None of the {len(table)} rows has an image and a report with both findings and impression: use a source "
            "with reports, such as openi, rexgradient or mimic."
        )
    problems = [
        Problem(str(path), "Its report lacks findings or impression, or misses words that matter; it gets no record.")
        for path in table["image_path"][has_image & ~whole]
    ]
    rows = table[whole]
    split = (rows if keep_splits else split_table(rows, fractions=fractions, seed=seed, given=False)[0])["split"]
    records: dict[str, list[dict[str, Any]]] = {name: [] for name in SPLITS}
    for row, name in split.items():
        records[name].append(conversation(table["image_path"][row], findings[row], impressions[row]))
    return records, problems


def write_conversations(records: dict[str, list[dict[str, Any]]], output_dir: str | Path) -> Counter[str]:
    """Write ``train.json``, ``val.json`` and ``test.json``; the number of records in each."""
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in records.items():
        write_text(folder / f"{name}.json", json.dumps(part, indent=1, ensure_ascii=False) + "\n")
    return Counter({name: len(part) for name, part in records.items()})


def _cleaned(texts: Iterable[str | None]) -> pd.Series:
    series = pd.Series(texts)
    return series.map({text: clean_report(text) or "" for text in series.dropna().unique()}).fillna("")
