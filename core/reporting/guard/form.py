"""Whether a sentence is plain language at all."""

import re

from core.reporting.guard.claims import WORD
from core.reporting.guard.verdict import ViolationKind

# A sentence of a report is shorter than this, in words.
_LONGEST = 60
_UNFINISHED = re.compile(
    r"(?:\b(?:a|an|and|any|are|as|at|but|consistent|due|for|from|in|is|may|no|nor|not|of|on|or|over|represent|secondary"
    r"|suggest|than|that|the|this|to|was|were|which|with|without)|[,;:/-])\s*$"
)
# Small words that never stand side by side: "the or", "of is".
_COLLIDING = re.compile(
    r"\b(?:a|an|the|of|or|no|with|without) (?:is|are|was|were|or|and|of|but|there)\b|\b(?!xx)(\w+) \1\b"
)
# Letters, digits and what joins them; anything else belongs to no plain sentence.
_STRANGE = re.compile(r"[^A-Za-z0-9 ,.;'/%-]")
# In front of a line of a structured report: "Pneumothorax: none".
_LABEL = re.compile(r"^[A-Za-z][A-Za-z /]{2,40}:(?=\s)")
_FOREIGN_SCRIPT = re.compile(r"[^\W\d_\u0000-\u024f]")
_LOOP = re.compile(r"\b(\w+\W+\w+\W+\w+)\b(?:.*?\b\1\b){2}")
# Traces of a language model and of markup.
_MARKUP = re.compile(r"[*#`|<>{}\[\]\\~^=\u2022]|^\s*[-+]\s")
_ARTEFACT = re.compile(
    r"^(?:sure|certainly|okay)\b"
    r"|\b(?:as an ai|ai|language model|the model|assistant|user|prompt|sorry|apologi\w+|i'm|json|labell?ed"
    r"|probabilit\w+|threshold\w*|heatmap\w*|operating point|input|output|instruction\w*|based on the"
    r" (?:evidence|provided)"
    r"|here (?:is|are)|http\w*|www)\b"
)


def garbled(sentence: str, lowered: str, *, aside: bool) -> tuple[ViolationKind, str] | None:
    """Why a sentence is no plain language; None if it is.

    Args:
        sentence: as written.
        lowered: the same in lower case.
        aside: whether it speaks only of what is not checked, where a slip of the pen does no harm.
    """
    if found := _ARTEFACT.search(lowered) or (None if aside else _MARKUP.search(lowered)):
        return "artefact", f"“{found[0].strip()}” is no language of a report."
    words = WORD.findall(lowered)
    if not words:
        return "garbled", "It has no words."
    if found := _FOREIGN_SCRIPT.search(sentence):
        return "garbled", f"“{found[0]}” cannot be read."
    if len(words) > _LONGEST:
        return "garbled", f"It has {len(words)} words; a sentence of a report has fewer than {_LONGEST}."
    if found := _LOOP.search(lowered):
        return "garbled", f"It repeats “{found[1]}”."
    if aside:
        return None
    if found := _STRANGE.search(_LABEL.sub("", sentence)):
        return "garbled", f"“{found[0]}” belongs to no plain sentence."
    if found := _COLLIDING.search(lowered):
        return "garbled", f"“{found[0]}” makes no sense."
    if _UNFINISHED.search(lowered.rstrip(". ")):
        return "garbled", "It is unfinished."
    return None
