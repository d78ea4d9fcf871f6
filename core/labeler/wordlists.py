"""Lists of words written as running text."""


def words_of(text: str) -> frozenset[str]:
    """The words of a text, divided by blanks."""
    return frozenset(text.split())


def phrases_of(text: str) -> tuple[str, ...]:
    """The phrases of a text, divided by upright strokes, in order."""
    return tuple(text.split(" | "))
