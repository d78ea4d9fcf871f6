"""What may be asked about an image: one question in one line."""

from core.errors import ChestLensError

LONGEST_QUESTION = 500
"""Characters."""


class QuestionError(ChestLensError):
    """The question cannot be put; the message says why."""


def one_question(text: str) -> str:
    """A question on one line.

    Raises:
        QuestionError: it is empty or too long.
    """
    question = " ".join(text.split())
    if not 1 <= len(question) <= LONGEST_QUESTION:
        raise QuestionError(f"A question has between 1 and {LONGEST_QUESTION} characters.")
    return question
