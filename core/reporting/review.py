"""What a reviewer made of a draft report: the text that stands, whether it is signed, and where it leaves the evidence.

The reviewer is right: nothing here corrects a text or holds it back.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from core.findings import LABELS
from core.reporting.certainty import PHRASES
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.report import SECTIONS, Kind, Report, Section, Sentence

if TYPE_CHECKING:
    from core.labeler import Presence

# Up to a full stop before white space, or to the end of the line. Wrong cuts ("Dr. Smith") cost a link, never a word.
_SENTENCE = re.compile(r"\S[^\n]*?(?:[.!?]+(?=\s)|(?=\n)|\Z)")
# What a note to the reviewer calls them.
_WORDS: "dict[Presence, str]" = {"present": "present", "uncertain": "possible", "absent": "absent"}


@dataclass(frozen=True)
class SignOff:
    """A reviewer's signature.

    Attributes:
        name: as the reviewer gave it.
        time: the server's, with its time zone.
        record: SHA-256 of the entry in the study's record, in hexadecimal, which fixes all entries before it as well.
    """

    name: str
    time: datetime
    record: str


@dataclass(frozen=True)
class Review:
    """The text that a reviewer edited or signed.

    Attributes:
        version: 1, and one more for each time that a signed report was reopened.
        text: of each section, word for word.
        sign_off: None while the text is not signed.
        amends: the signed text that was reopened last, None where none was.
    """

    version: int
    text: Mapping[str, str]
    sign_off: SignOff | None = None
    amends: "Review | None" = None

    @property
    def state(self) -> Literal["edited", "signed"]:
        """``signed`` or ``edited``."""
        return "signed" if self.sign_off else "edited"

    @property
    def digest(self) -> str:
        """Names this text in this state."""
        signed = self.sign_off and self.sign_off.record
        return hashlib.sha256(json.dumps([self.version, dict(self.text), signed]).encode()).hexdigest()


def state_in_words(review: Review | None) -> str:
    """Draft, edited, or signed by whom and when: one line without a full stop."""
    if review is None:
        return "Draft, not reviewed"
    if review.sign_off is None:
        return f"Edited, not signed, version {review.version}"
    moment = review.sign_off.time.astimezone(UTC)
    return f"Signed by {review.sign_off.name}, {moment:%Y-%m-%d %H:%M} UTC, version {review.version}"


def reviewed_report(text: Mapping[str, str], draft: Report) -> Report:
    """An edited text as a ``Report``.

    A sentence that stands in the draft keeps what it rests on there; another names the findings that the labeler finds
    in it.
    """
    known = {(sentence.section, sentence.text): sentence for sentence in draft.sentences}
    sentences = (
        known.get((section, found[0])) or _labelled(section, found[0])
        for section in SECTIONS
        for found in _SENTENCE.finditer(text.get(section, ""))
    )
    return Report(source="reviewer", sentences=tuple(sentences))


@dataclass(frozen=True)
class Disagreement:
    """A finding of which a text says something else than the model.

    Attributes:
        finding: with the model's decision.
        says: what the text says.
    """

    finding: FindingEvidence
    says: "Presence"

    @property
    def message(self) -> str:
        """One sentence to the reviewer."""
        phrase, probability = self.finding.finding.phrase, self.finding.probability
        called = "the model does not judge it"
        if probability is not None:
            called = f"the model called it {self.finding.decision} ({probability:.1%})"
        if self.says == "not mentioned":
            return f"Your text does not mention {phrase}; {called}."
        return f"You now say {phrase} is {_WORDS[self.says]}; {called}."


def disagreements(text: Mapping[str, str], draft: Report, evidence: Evidence) -> list[Disagreement]:
    """Where an edited text leaves the evidence, in the order of the labels.

    Silence disagrees with findings called present or possible only: a report need not deny everything.
    """
    found = _stated(text, draft)
    differing = []
    for item in evidence.findings:
        says = found.get(item.finding.name, "not mentioned")
        if item.decision == "unknown":
            differs = says in ("present", "uncertain")
        elif says == "not mentioned":
            differs = item.decision in ("present", "possible")
        else:
            differs = says != _expected(item)
        if differs:
            differing.append(Disagreement(item, says))
    return differing


def _expected(item: FindingEvidence) -> "Presence":
    """What a text that follows the evidence says of a finding that the model judges."""
    if item.certainty is None:
        return "absent"
    return "uncertain" if PHRASES[item.certainty].hedged else "present"


def _stated(text: Mapping[str, str], draft: Report) -> "dict[str, Presence]":
    """What Findings and Impression say of each observation.

    The draft's own remarks are passed over: "this model does not assess effusion" states no effusion.
    """
    from core.labeler import presences  # see _labelled

    remarks = {sentence.text for sentence in draft.sentences if sentence.kind == "note"}
    sentences = (found[0] for section in ("findings", "impression") for found in _SENTENCE.finditer(text[section]))
    return presences("\n\n".join(sentence for sentence in sentences if sentence not in remarks))


def _labelled(section: Section, text: str) -> Sentence:
    # Its expressions are compiled when a text was edited; a server starts without them.
    from core.labeler import find_mentions

    said = {mention.observation: mention.presence for mention in find_mentions(text)}
    named = tuple(label for label in LABELS if said.get(label, "not mentioned") != "not mentioned")
    kind: Kind = "note"
    if named:
        kind = "normal" if all(said[label] == "absent" for label in named) else "finding"
    return Sentence(section, text, named, kind, "reviewer")
