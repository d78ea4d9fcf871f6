"""The ``Report``: sections of sentences, each with the findings it rests on."""

from dataclasses import dataclass
from typing import Literal

Section = Literal["technique", "view", "findings", "impression"]
Kind = Literal["finding", "normal", "note"]
Author = Literal["rule", "model", "reviewer"]

SECTIONS: tuple[Section, ...] = ("technique", "view", "findings", "impression")


@dataclass(frozen=True)
class Sentence:
    """One sentence.

    Attributes:
        section: where it stands.
        text: the sentence.
        findings: names of the findings it rests on; empty for remarks that rest on none.
        kind: ``finding`` states a finding, ``normal`` says that findings were not called, ``note`` is anything else.
        author: who chose its words: a template or a ``rule`` of the program, the language ``model``, or the
            ``reviewer``.
    """

    section: Section
    text: str
    findings: tuple[str, ...]
    kind: Kind
    author: Author = "rule"


@dataclass(frozen=True)
class Report:
    """A report on one radiograph.

    Attributes:
        source: ``template``, ``vlm``, or ``reviewer`` for an edited text.
        sentences: in reading order.
    """

    source: Literal["template", "vlm", "reviewer"]
    sentences: tuple[Sentence, ...]

    def text(self, section: Section) -> str:
        """All sentences of a section as one paragraph."""
        return " ".join(sentence.text for sentence in self.sentences if sentence.section == section)
