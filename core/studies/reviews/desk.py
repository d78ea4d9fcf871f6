"""What a reviewer can do with a report: save, sign, reopen. The state of a review follows from its record alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from core import __version__
from core.errors import ChestLensError
from core.reporting import Evidence, Report, Review, Sentence, SignOff
from core.reporting.report import SECTIONS
from core.studies.results import Result
from core.studies.reviews.store import Entry, OutOfDate, ReviewStore
from core.studies.tables import Event, iso

Source = Literal["template", "vlm"]
EDITABLE = ("findings", "impression")
"""Sections that a reviewer writes; the other two state facts of the file."""


class NotPossible(ChestLensError):
    """The report is not in a state that allows this.

    Attributes:
        code: for the interface.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Standing:
    """A review as it stands.

    Attributes:
        state: draft, edited or signed.
        version: of the report, from 1 on.
        revision: number of the last entry, 0 for none.
        text: the four sections.
        base: the text that this version started from: a draft or, after a reopening, the text signed before.
        source: which draft the text was made from.
        saved: time of the last entry.
        signed: the signature's entry, while the report is signed.
        reopened: the entry that began this version, if it is not the first.
    """

    state: Literal["draft", "edited", "signed"]
    version: int
    revision: int
    text: dict[str, str]
    base: dict[str, str]
    source: Source
    saved: datetime | None = None
    signed: Event | None = None
    reopened: Event | None = None


class Desk:
    """One study's review.

    Args:
        store: of all entries.
        study_id: whose.
        result: what was found in it.
        model: name, version and architecture of the classifier that now runs.
        checkpoint_sha256: its digest.
    """

    def __init__(
        self, store: ReviewStore, study_id: str, result: Result, *, model: dict[str, str], checkpoint_sha256: str
    ) -> None:
        self._store, self._study_id = store, study_id
        self.evidence: Evidence = result.evidence
        self._result = result
        # A study that another model analysed was not read by the checkpoint that runs now.
        self._model: dict[str, Any] = {
            **self.evidence.model,
            "checkpoint_sha256": checkpoint_sha256 if self.evidence.model == model else None,
            "chestlens": __version__,
        }
        self.events = store.events(study_id)

    def standing(self) -> Standing:
        """The review as its entries leave it."""
        if not self.events:
            source: Source = "vlm" if self._result.rewritten else "template"
            text = self._draft_text(source)
            return Standing("draft", 1, 0, text, text, source)
        last = self.events[-1]
        return Standing(
            state="signed" if last.kind == "sign" else "edited",
            version=last.version,
            revision=last.number,
            text=last.text,
            base=_latest(self.events, "draft", "reopen").text,
            source=_latest(self.events, "draft").source,  # type: ignore[arg-type]
            saved=last.time,
            signed=last if last.kind == "sign" else None,
            reopened=_latest(self.events, "reopen") if last.version > 1 else None,
        )

    @property
    def draft(self) -> Report:
        """The draft that the text was made from."""
        source = self.standing().source
        sentences = (
            Sentence(item["section"], item["text"], tuple(item["findings"]), item["kind"])
            for item in self._draft(source)["sentences"]
        )
        return Report(source, tuple(sentences))

    def save(self, revision: int, text: dict[str, str], source: Source, author: str) -> None:
        """Add the text to the record if it is new there.

        Args:
            revision: that the text was edited from.
            text: Findings and Impression.
            source: the draft that the text was made from.
            author: may be empty.

        Raises:
            OutOfDate: the record has gone on since ``revision``.
            NotPossible: the report is signed.
        """
        self._write(revision, self._changes(revision, text, source, author))

    def sign(self, revision: int, text: dict[str, str], source: Source, name: str) -> None:
        """Sign exactly this text.

        Raises:
            OutOfDate, NotPossible: as for ``save``.
        """
        entries = self._changes(revision, text, source, name)
        standing = self.standing()
        if not self.events and not entries:
            entries = [self._draft_entry(standing.source, standing.version)]
        before = entries[-1].text if entries else standing.text
        signed = Entry("sign", standing.version, before | text, self._model, author=name)
        self._write(revision, [*entries, signed])

    def reopen(self, revision: int, name: str, reason: str) -> None:
        """Begin the next version with the signed text.

        Raises:
            OutOfDate: the record has gone on since ``revision``.
            NotPossible: the report is not signed.
        """
        standing = self.standing()
        self._check(revision)
        if standing.state != "signed":
            raise NotPossible("not_signed", "The report is not signed, so that it can be edited as it is.")
        entry = Entry("reopen", standing.version + 1, standing.text, self._model, author=name, reason=reason)
        self._write(revision, [entry])

    def _changes(self, revision: int, text: dict[str, str], source: Source, author: str) -> list[Entry]:
        """Entries that bring the record to this text; none where it is there already."""
        standing = self.standing()
        self._check(revision)
        if standing.state == "signed":
            raise NotPossible("signed", "The report is signed; reopen it to go on editing.")
        entries: list[Entry] = []
        before = standing.text
        if source != standing.source or (not self.events and before != before | text):
            entries.append(self._draft_entry(source, standing.version))
            before = entries[0].text
        if before != before | text:
            entries.append(Entry("edit", standing.version, before | text, self._model, author=author))
        return entries

    def _check(self, revision: int) -> None:
        if revision != (len(self.events) and self.events[-1].number):
            raise OutOfDate

    def _write(self, revision: int, entries: Sequence[Entry]) -> None:
        if entries:
            self._store.append(self._study_id, revision, entries)
            self.events = self._store.events(self._study_id)

    def _draft_entry(self, source: Source, version: int) -> Entry:
        writer = (self._result.rewriting or {}).get("model") if source == "vlm" else None
        model = self._model | ({"writer": writer} if writer else {})
        return Entry("draft", version, self._draft_text(source), model, source=source, author="ChestLens")

    def _draft_text(self, source: Source) -> dict[str, str]:
        return {section: self._draft(source)[section] for section in SECTIONS}

    def _draft(self, source: Source) -> dict[str, Any]:
        report = self._result.drafts.get(source)
        if report is None:
            raise NotPossible("no_such_draft", f"This study has no draft of the kind {source!r}.")
        return report


def as_review(events: Sequence[Event]) -> Review | None:
    """What exports take, from a record or, where the version before does not matter, its last entry alone.

    None where there is no entry: the draft stands.
    """
    if not events:
        return None
    *before, last = events
    sign_off = SignOff(last.author, last.time, last.digest) if last.kind == "sign" else None
    signed = [place for place, entry in enumerate(before) if entry.kind == "sign"]
    amends = as_review(before[: signed[-1] + 1]) if signed else None
    return Review(last.version, {section: last.text[section] for section in SECTIONS}, sign_off, amends)


def summary_object(last: Event | None) -> dict[str, Any]:
    """The state of a review as ``GET /api/studies`` shows it, from the last entry of its record."""
    if last is None:
        return {"state": "draft", "version": 1, "signed_by": None, "signed_at": None}
    signed = last.kind == "sign"
    return {
        "state": "signed" if signed else "edited",
        "version": last.version,
        "signed_by": last.author if signed else None,
        "signed_at": iso(last.time) if signed else None,
    }


def _latest(events: Sequence[Event], *kinds: str) -> Event:
    return next(entry for entry in reversed(events) if entry.kind in kinds)
