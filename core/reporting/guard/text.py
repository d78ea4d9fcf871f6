"""A paragraph to sentences, divided as the labeler divides it."""

import re
import string

from core.labeler.sections import is_heading
from core.labeler.sentences import sentences_in

_HEADER = re.compile(
    r"(?:^|[\n.;])\s*(?:findings?|impressions?|conclusions?|technique|view|indications?|history|comparison)\s*(?::|\n)",
    re.IGNORECASE,
)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_NO_LETTERS = str.maketrans("", "", string.punctuation + string.digits + string.whitespace)


def divide(paragraph: str) -> tuple[str, ...]:
    """The sentences of a paragraph, each with its full stop; a heading between them is none."""
    return tuple(
        text if text.endswith("?") else f"{text}."
        for text in (one.text for one in sentences_in(" ".join(_BREAK.sub(" ", paragraph).split())))
        if not is_heading(text)
    )


def headed(paragraph: str) -> bool:
    """Whether the paragraph has a heading inside it."""
    return _HEADER.search(paragraph) is not None


def letters(text: str) -> str:
    """Letters only, to see whether two texts have the same words."""
    return text.translate(_NO_LETTERS)
