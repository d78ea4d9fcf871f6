"""All tables of the server, as a new database gets them. An older one is brought to them by its revisions.

What changes here needs a revision in ``migrations/versions``; a test holds the two ways to the same schema.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from sqlalchemy import (
    DDL,
    JSON,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    String,
    TypeDecorator,
    UniqueConstraint,
    event,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.studies.kept_rows import AUDIT_LOG_IS_KEPT, REVIEWS_ARE_KEPT
from core.studies.viewer import audience, owner_group, owner_id

Status = Literal["queued", "running", "done", "failed"]
"""States of a study as people see them; one whose file is still being received has ``arriving`` and is not shown."""
ARRIVING = "arriving"
JobKind = Literal["analyse", "rewrite", "answer", "export"]
InquiryKind = Literal["question", "record", "settings"]
ReviewKind = Literal["draft", "edit", "sign", "reopen"]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, given and taken with its zone, and kept in UTC on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC.

        Raises:
            ValueError: the moment has no zone.
        """
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """With its zone, which SQLite does not keep."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def now() -> datetime:
    """This moment, as every table keeps it."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Base(DeclarativeBase):
    """All tables, so that they are looked at together."""

    # As the revisions have them; SQLAlchemy 2.1 would call them DOUBLE.
    type_annotation_map: ClassVar[dict[Any, Any]] = {float: Float}


class Study(Base):
    """One uploaded file and what became of it.

    Attributes:
        id: unguessable, in the URL.
        filename: as the uploader called it, for display only.
        created: when its upload arrived.
        status: ``arriving`` until the file is safe, then a ``Status``.
        progress: share of the work done, in [0, 1].
        error_code, error_message: why it failed.
        summary: names of the findings called present and possible, for the list.
        total_ms: milliseconds from upload to result.
        owner_id, owner_group: who may see it, see ``core.studies.visibility``; None where there are no users.
        forced: somebody insisted that it be judged, whatever it shows.
        upload_key: digest of the ``Idempotency-Key`` that its upload came with.
        upload_sha256: of the file, to tell a repeated upload from another one with the same key.
        layout: format of the files in its folder.
    """

    __tablename__ = "studies"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    filename: Mapped[str] = mapped_column(String(255))
    created: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    status: Mapped[str] = mapped_column(String(8), index=True)
    progress: Mapped[float] = mapped_column(default=0.0)
    error_code: Mapped[str | None] = mapped_column(String(32), default=None)
    error_message: Mapped[str | None] = mapped_column(String(500), default=None)
    summary: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict)
    total_ms: Mapped[int | None] = mapped_column(default=None)
    owner_id: Mapped[int | None] = mapped_column(default=owner_id, index=True)
    owner_group: Mapped[str | None] = mapped_column(String(64), default=owner_group, index=True)
    forced: Mapped[bool] = mapped_column(default=False)
    upload_key: Mapped[str | None] = mapped_column(String(64), default=None, index=True, unique=True)
    upload_sha256: Mapped[str | None] = mapped_column(String(64), default=None)
    layout: Mapped[int] = mapped_column(default=2)


class Export(Base):
    """A file of many studies that takes too long to be made while somebody waits; see ``core.studies.exports``.

    Attributes:
        owner_id: who asked for it and may fetch it; None where there are no users.
        viewer: whose studies are in it, see ``core.studies.viewer.Viewer``; None for all.
        asked_by: name of the person; empty where there are no users.
        format: ``table``, or one of ``core.reporting.FORMATS`` for an archive with a file of each study.
        query: which studies, by the names of ``core.studies.worklist.Query``.
        total, written: number of studies, None before they are counted, and how many of them are in it already.
    """

    __tablename__ = "exports"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(default=owner_id, index=True)
    viewer: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    asked_by: Mapped[str] = mapped_column(String(64), default="")
    format: Mapped[str] = mapped_column(String(16), default="table")
    query: Mapped[dict[str, Any]] = mapped_column(JSON)
    total: Mapped[int | None] = mapped_column(default=None)
    written: Mapped[int] = mapped_column(default=0)
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class Job(Base):
    """Something to be done for a study, or an export.

    Attributes:
        kind: what.
        study_id, export_id: for which of both.
        state: queued, running, done or failed.
        priority: what is higher goes first.
        attempts: how often it was begun.
        deaths: how often the process that did it ended in the middle.
        error_code, error_message: why the last attempt failed.
        claimed_by, lease_until: the process that does it, and how long that is believed without a sign of life.
        not_before: when the next attempt may begin.
        partial: what is there of a result that comes in pieces.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("study_id", "kind"),
        UniqueConstraint("export_id", name="uq_jobs_export_id"),
        Index("ix_jobs_state_not_before", "state", "not_before"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[str | None] = mapped_column(ForeignKey(Study.id, ondelete="CASCADE"))
    export_id: Mapped[str | None] = mapped_column(ForeignKey(Export.id, name="fk_jobs_export_id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(8), default="queued")
    priority: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(32), default=None)
    error_message: Mapped[str | None] = mapped_column(String(500), default=None)
    claimed_by: Mapped[str | None] = mapped_column(String(128), default=None)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    partial: Mapped[list[str] | None] = mapped_column(JSON, default=None)


class Presence(Base):
    """A worker process that gives signs of life.

    Attributes:
        name: as claims name it.
        seen: when it gave the last one.
    """

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    seen: Mapped[datetime] = mapped_column(UtcDateTime, default=now, index=True)


class Inquiry(Base):
    """What somebody asked the writer about a finished study, and the answer; see ``core.studies.inquiries``.

    Attributes:
        kind: ``question``, ``record`` (the report with and without the health record) or ``settings`` (with one choice
            of settings and with another).
        asked: ``question``, or ``settings``: both choices, each by the names of
            ``core.vlm.pass_settings.PassSettings``; ``mode``, see ``core.vlm.prompts``.
        asked_by: name of the person; empty where there are no users.
        state: waiting, done or failed.
        answer: as ``core.vlm.questions`` or ``core.vlm.comparison`` give it.
        error_message: why there is none.
    """

    __tablename__ = "inquiries"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey(Study.id, ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    asked_by: Mapped[str] = mapped_column(String(64), default="")
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    error_message: Mapped[str | None] = mapped_column(String(500), default=None)


class Call(Base):
    """One finding of one finished study."""

    __tablename__ = "study_calls"
    __table_args__ = (Index("ix_study_calls_finding_decision", "finding", "decision"),)

    study_id: Mapped[str] = mapped_column(ForeignKey(Study.id, ondelete="CASCADE"), primary_key=True)
    finding: Mapped[str] = mapped_column(String(32), primary_key=True)
    decision: Mapped[str] = mapped_column(String(8))
    probability: Mapped[float | None]


class Rating(Base):
    """How urgent a finished study is; see ``core.reporting.urgency``.

    Attributes:
        level: urgent, soon or routine.
        rank, strength: the order within the worklist.
        because: the findings that it rests on, as shown.
        sentence: the same in words.
    """

    __tablename__ = "study_ratings"

    study_id: Mapped[str] = mapped_column(ForeignKey(Study.id, ondelete="CASCADE"), primary_key=True)
    level: Mapped[str] = mapped_column(String(8))
    rank: Mapped[int]
    strength: Mapped[float]
    because: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    sentence: Mapped[str] = mapped_column(String(1000))


class SampleStudy(Base):
    """The study that was made from a sample, for those who see each other's studies."""

    __tablename__ = "sample_studies"

    sample_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    audience: Mapped[str] = mapped_column(String(80), primary_key=True, default=audience)
    study_id: Mapped[str] = mapped_column(ForeignKey(Study.id, ondelete="CASCADE"), index=True)


class Event(Base):
    """One entry in the record of a review; see ``core.studies.reviews.record``.

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
        previous: digest of the entry before, 64 zeros for the first.
        digest: SHA-256 of ``previous`` and ``content``, in hexadecimal.
    """

    __tablename__ = "review_events"

    study_id: Mapped[str] = mapped_column(ForeignKey(Study.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(8))
    text: Mapped[dict[str, str]] = mapped_column(JSON)
    source: Mapped[str] = mapped_column(String(8))
    author: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(500))
    time: Mapped[datetime] = mapped_column(UtcDateTime)
    model: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))

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
            "time": self.time.astimezone(UTC).isoformat(timespec="microseconds"),
            "model": self.model,
        }

    def seal(self, previous: str) -> None:
        """Link the entry to the one before."""
        self.previous, self.digest = previous, digest_of(previous, self.content())


def digest_of(previous: str, content: dict[str, Any]) -> str:
    """SHA-256 over the previous digest followed by the content as JSON: keys sorted, no spaces, UTF-8."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((previous + canonical).encode()).hexdigest()


class AuditEntry(Base):
    """Who saw, changed, exported or deleted what; rows are only ever added. Outlives the study that it names.

    Attributes:
        time: the server's.
        actor_id, actor: the user, and the name at that time; None and empty where there are no users.
        action: such as ``view``, ``export``, ``sign`` or ``delete``.
        study_id: which study, if it was about one.
        detail: further facts, none of which identifies a patient.
    """

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    actor_id: Mapped[int | None] = mapped_column(default=None)
    actor: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(32))
    study_id: Mapped[str | None] = mapped_column(String(32), default=None, index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class User(Base):
    """Somebody with an account; see ``core.accounts``. Accounts are disabled, never deleted: signatures name them.

    Attributes:
        name: to sign in with, in lower case.
        full_name: as it stands under a signed report.
        role: uploader, reviewer or admin.
        group: whose studies are seen beside own ones.
        password: Argon2 hash; None where a provider of OpenID Connect vouches.
        issuer, subject: that provider, and its lasting name for the person, once it has vouched.
    """

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    full_name: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    group: Mapped[str | None] = mapped_column("group_name", String(64), default=None)
    password: Mapped[str | None] = mapped_column(String(255), default=None)
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    issuer: Mapped[str | None] = mapped_column(String(255), default=None)
    subject: Mapped[str | None] = mapped_column(String(255), default=None)


class SignedIn(Base):
    """A session of a browser.

    Attributes:
        digest: SHA-256 of the secret that the browser's cookie carries.
        user_id: whose; None while nobody has signed in.
        data: what belongs to it.
        expires: when it ends.
        last_used: by a request, to a twentieth of the time after which an idle one is over.
    """

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    expires: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    last_used: Mapped[datetime | None] = mapped_column(UtcDateTime, default=now)


class ApiToken(Base):
    """A secret by which programs act for a person.

    Attributes:
        title: what it is for.
        digest: SHA-256 of the secret.
        expires: when it ends, None for never.
        last_used: to the hour.
    """

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    last_used: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)


for _rows, _by_dialect in ((Event, REVIEWS_ARE_KEPT), (AuditEntry, AUDIT_LOG_IS_KEPT)):
    for _dialect, _statements in _by_dialect.items():
        for _statement in _statements:
            event.listen(_rows.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect))
