"""The record of a review: entries that are only ever added, each sealed by a digest over all that went before.

The method is that of linked time stamps (Haber and Stornetta, J Cryptology 1991): the digest of an entry is taken over
the digest of the one before and its own content, so that any later change shows. What a chain cannot show by itself is
that its end was cut off: signed exports carry the digest of their entry and so witness all entries up to it.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import DDL, JSON, DateTime, ForeignKey, String, event
from sqlalchemy.orm import Mapped, mapped_column

from core.web.store import Base

Kind = Literal["draft", "edit", "sign", "reopen"]

START = "0" * 64
"""What stands for the digest before the first entry."""


class Event(Base):
    """One entry.

    Attributes:
        study_id, number: which study's, and its place there from 1 on.
        version: of the report, from 1 on; each reopening begins another.
        kind: ``draft`` is the text that the editing starts from, ``edit`` a text as it was saved, ``sign`` a signed
            text, ``reopen`` the signed text that the next version starts from.
        text: the four sections of the report, word for word.
        source: of a draft, ``template`` or ``vlm``; else empty.
        author: name as given; empty where none was given.
        reason: why a signed report was reopened; else empty.
        time: the server's.
        model: name, version and architecture of the classifier, ``checkpoint_sha256`` where it is known, the version of
            ChestLens and, for a rewritten draft, the ``writer``.
        previous: digest of the entry before, ``START`` for the first.
        digest: SHA-256 of ``previous`` and ``content``, in hexadecimal.
    """

    __tablename__ = "review_events"

    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(8))
    text: Mapped[dict[str, str]] = mapped_column(JSON)
    source: Mapped[str] = mapped_column(String(8))
    author: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(500))
    time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    model: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))

    @property
    def moment(self) -> datetime:
        """``time`` in UTC; SQLite gives it back without its zone."""
        return self.time.astimezone(UTC) if self.time.tzinfo else self.time.replace(tzinfo=UTC)

    @property
    def iso(self) -> str:
        """``time`` to the second, as the interface gives it."""
        return self.moment.isoformat(timespec="seconds").replace("+00:00", "Z")

    def content(self) -> dict[str, Any]:
        """All that the digest protects, as plain data."""
        return {
            "study": self.study_id,
            "number": self.number,
            "version": self.version,
            "kind": self.kind,
            "text": self.text,
            "source": self.source,
            "author": self.author,
            "reason": self.reason,
            "time": self.moment.isoformat(timespec="microseconds"),
            "model": self.model,
        }

    def seal(self, previous: str) -> None:
        """Link the entry to the one before."""
        self.previous, self.digest = previous, digest_of(previous, self.content())


def digest_of(previous: str, content: dict[str, Any]) -> str:
    """SHA-256 over the previous digest followed by the content as JSON: keys sorted, no spaces, UTF-8."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((previous + canonical).encode()).hexdigest()


def first_fault(events: Sequence[Event]) -> str | None:
    """What is wrong with a study's entries, given in their order, in one sentence; None where the chain holds."""
    previous = START
    for place, entry in enumerate(events, start=1):
        if entry.number != place:
            return f"Entry {place} is missing."
        if entry.digest != digest_of(entry.previous, entry.content()):
            return f"Entry {place} was changed after it was written."
        if entry.previous != previous:
            return f"Entry {place} does not follow from the one before; something was changed or taken out."
        previous = entry.digest
    return None


# Changes and deletions are refused by the database itself, except that a study may be deleted as a whole.
_SQLITE = (
    """
    CREATE TRIGGER review_events_stay BEFORE UPDATE ON review_events
    BEGIN SELECT RAISE(ABORT, 'entries of a review are never changed'); END
    """,
    """
    CREATE TRIGGER review_events_are_kept BEFORE DELETE ON review_events
    WHEN EXISTS (SELECT 1 FROM studies WHERE id = OLD.study_id)
    BEGIN SELECT RAISE(ABORT, 'entries of a review are deleted only with their study'); END
    """,
)
_POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION chestlens_keep_review_event() RETURNS trigger AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT 1 FROM studies WHERE id = OLD.study_id) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'entries of a review are never changed, and deleted only with their study';
    END
    $$ LANGUAGE plpgsql
    """,
    """
    CREATE TRIGGER review_events_are_kept BEFORE UPDATE OR DELETE ON review_events
    FOR EACH ROW EXECUTE FUNCTION chestlens_keep_review_event()
    """,
)
for _dialect, _statements in (("sqlite", _SQLITE), ("postgresql", _POSTGRESQL)):
    for _statement in _statements:
        event.listen(Event.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect))
