"""Words of certainty and of doubt that qualify a finding from elsewhere in its sentence."""

import re

# Certain, whatever was said before: "cannot be excluded, and is definitely present".
_CERTAIN = re.compile(
    r"\b(?:definite(?:ly)?|definitive(?:ly)?|certain(?:ly|ty)?|sure(?:ly)?|undoubted(?:ly)?|doubtless|unequivocal(?:ly)?"
    r"|unquestionabl[ey]|indisputabl[ey]|indubitabl[ey]|undeniabl[ey]|incontrovertibl[ey]|unmistakabl[ey]|manifest(?:ly)?"
    r"|prov(?:en|ed)|confirm(?:ed|s|ing)?|established|verif(?:y|ied|ies)|substantiated|corroborated|validated|ascertained|genuine(?:ly)?|real(?:ly)?|fact|actual(?:ly)?|truly|indeed|clearly"
    r"|obvious(?:ly)?|evidently|plainly|conclusive(?:ly)?|diagnostic of|diagnosed|pathognomonic"
    r"|convincing(?:ly)?|decided(?:ly)?"
    r"|(?:no|little|without(?: a| any)?|beyond(?: any| a)?) (?:doubt|question)|(?:not|never) (?:in (?:doubt"
    r"|question)|uncertain"
    r"|questionable|open)|more than (?:possible|likely|suspected|a possibility)|(?:almost|virtually) certain(?:ly)?"
    r"|highly (?:likely|probable)|most likely)\b"
    # "... and it is", "; it is present": a second predicate that takes the doubt back.
    r"|\b(?:and|but|which|;|,) ?(?:it |this |that |they )?(?:also )?(?:is|are)(?: (?:now|also|therefore|really))?"
    r"(?: (?:present|evident|there|seen|visible|demonstrated|apparent)\b|\s*[.,;]?$)"
    r"|\bis (?:present|there) (?:indeed|in fact)\b"
)
_NOT_CERTAIN = re.compile(
    r"\b(?:not|no|nor|neither|never|without|less than|cannot be|can't be|hardly|far from|un)"
    r"(?: (?:a|an|be|been|yet|entirely|completely|fully|absolutely|quite|so|evidence of))* ?$"
)
_DOUBTED = re.compile(
    r"\bmay or may not\b|\bnot (?:certain|definite|proven|confirmed|sure|established|conclusive)\b"
    r"|\b(?:unproven|unconfirmed|doubtful|questionable|remains open|open question|inconclusive|perhaps)\b"
)


def certainty_in(lowered: str) -> str | None:
    """The first words of a sentence in lower case that leave no doubt; None where it has none."""
    for found in _CERTAIN.finditer(lowered):
        if not _NOT_CERTAIN.search(lowered, 0, found.start()):
            return found[0].strip(" ,;.")
    return None


def is_doubted(lowered: str) -> bool:
    """Whether a sentence in lower case doubts, in words that need not stand beside the finding."""
    return _DOUBTED.search(lowered) is not None
