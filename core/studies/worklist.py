"""The worklist: what was called in each study and how urgent it is, in tables that the database searches and sorts."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import Select, and_, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from core.errors import ChestLensError
from core.findings import FINDINGS, LABELS, display_name
from core.plain_text import printable
from core.reporting import FindingEvidence
from core.reporting.evidence import DECISIONS, Decision
from core.reporting.urgency import urgency_of
from core.studies.database import Database
from core.studies.tables import ARRIVING, Call, Rating, Status, Study

log = logging.getLogger(__name__)

SORTS = ("arrival", "urgency", "name")
CALLED: tuple[Decision, ...] = ("present", "possible")
LONGEST_PAGE = 200
_LONGEST_TEXT = 200


class BadQuery(ChestLensError):
    """A search parameter that means nothing; the message says what it may be."""

    code = "bad_query"


@dataclass(frozen=True)
class Query:
    """Which studies, in what order.

    Attributes:
        text: words that each must stand in the file name or name a finding called present or possible.
        finding: one of the 14, called present or possible, or as ``decision`` says.
        decision: of ``finding``, or of any finding where none is given.
        state: queued, running, done or failed.
        sort: arrival (newest first), urgency (most urgent first, then newest) or name.
        limit, offset: the page.
    """

    text: str = ""
    finding: str | None = None
    decision: Decision | None = None
    state: Status | None = None
    sort: str = "arrival"
    limit: int = 50
    offset: int = 0

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, str]) -> "Query":
        """Read the parameters of a request; those that are missing or empty ask for nothing.

        Raises:
            BadQuery: a value is not among those that there are.
        """
        # PostgreSQL takes no NUL in a text, and no file name holds what is not printable.
        text = printable(arguments.get("query", ""))
        return cls(
            text=text[:_LONGEST_TEXT].strip(),
            finding=_choice(arguments, "finding", LABELS),
            decision=_choice(arguments, "decision", DECISIONS),
            state=_choice(arguments, "state", get_args(Status)),
            sort=_choice(arguments, "sort", SORTS) or "arrival",
            limit=number(arguments, "limit", 50, lowest=1, highest=LONGEST_PAGE),
            offset=number(arguments, "offset", 0, lowest=0, highest=2**31),
        )


@dataclass(frozen=True)
class Page:
    """A part of the worklist.

    Attributes:
        studies: in the order that was asked for.
        ratings: by study id; none for a study that is not finished.
        calls: findings called present or possible by study id, present first and the most probable first.
        total: studies that match, on all pages.
        unfinished: studies that wait or are analysed, whether they match or not.
    """

    studies: list[Study]
    ratings: dict[str, Rating]
    calls: dict[str, list[Call]]
    total: int
    unfinished: int


def keep_calls(session: Session, study_id: str, findings: Sequence[FindingEvidence], *, undoubted: bool = True) -> None:
    """Keep what was called in a study, in place of what was kept before.

    Args:
        session: whose transaction this is part of.
        study_id: of a study that is there.
        findings: what is known of each.
        undoubted: whether the picture is taken for a frontal chest radiograph without doubt.
    """
    urgency = urgency_of(findings, undoubted=undoubted)
    rating = Rating(
        study_id=study_id,
        level=urgency.level,
        rank=urgency.rank,
        strength=urgency.strength,
        because=[
            {
                "name": item.finding.name,
                "decision": item.decision,
                "probability": item.probability,
                "certainty": item.certainty,
            }
            for item in urgency.because
        ],
        sentence=urgency.sentence,
    )
    calls = [
        Call(study_id=study_id, finding=item.finding.name, decision=item.decision, probability=item.probability)
        for item in findings
    ]
    for table in (Call, Rating):
        session.execute(delete(table).where(table.study_id == study_id))
    session.add_all([rating, *calls])


def find(database: Database, query: Query) -> Page:
    """The studies that match, one page of them."""
    matching = _matching(query)
    with database.session() as session:
        total = session.scalar(matching.with_only_columns(func.count(), maintain_column_froms=True)) or 0
        # Counted before the studies are read: where none is left, each of them is read as finished.
        waiting = select(func.count()).where(Study.status.in_(("queued", "running")))
        unfinished = session.scalar(waiting) or 0
        page = _sorted(matching, query.sort).limit(query.limit).offset(query.offset)
        studies = list(session.scalars(page))
        ratings, calls = _details(session, [study.id for study in studies])
        session.expunge_all()
        return Page(studies, ratings, calls, total, unfinished)


def find_all(database: Database, query: Query, *, at_most: int) -> list[Study]:
    """The studies that match on all pages, up to a number."""
    with database.session() as session:
        return list(session.scalars(_sorted(_matching(query), query.sort).limit(at_most)))


def by_id(database: Database, ids: Iterable[str]) -> Page:
    """The studies of these ids that there are, in no particular order."""
    with database.session() as session:
        studies = list(session.scalars(select(Study).where(Study.id.in_(list(ids)), Study.status != ARRIVING)))
        ratings, calls = _details(session, [study.id for study in studies])
        session.expunge_all()
    return Page(studies, ratings, calls, len(studies), sum(study.status in ("queued", "running") for study in studies))


def _details(session: Session, ids: list[str]) -> tuple[dict[str, Rating], dict[str, list[Call]]]:
    ratings = {rating.study_id: rating for rating in session.scalars(select(Rating).where(Rating.study_id.in_(ids)))}
    calls: dict[str, list[Call]] = {}
    for call in session.scalars(select(Call).where(Call.study_id.in_(ids), Call.decision.in_(CALLED))):
        calls.setdefault(call.study_id, []).append(call)
    for of_study in calls.values():
        of_study.sort(key=lambda call: (CALLED.index(call.decision), -(call.probability or 0), call.finding))
    return ratings, calls


def _matching(query: Query) -> Select[Any]:
    statement = select(Study).where(Study.status != ARRIVING)
    for word in query.text.split():
        named = [Study.filename.icontains(word, autoescape=True)]
        if labels := _labels_named(word):
            named.append(_called(Call.finding.in_(labels), Call.decision.in_(CALLED)))
        statement = statement.where(or_(*named))
    if query.finding or query.decision:
        decided = Call.decision == query.decision if query.decision else Call.decision.in_(CALLED)
        of_finding = [Call.finding == query.finding] if query.finding else []
        statement = statement.where(_called(decided, *of_finding))
    if query.state:
        statement = statement.where(Study.status == query.state)
    return statement


def _sorted(statement: Select[Any], sort: str) -> Select[Any]:
    newest = (Study.created.desc(), Study.id)
    if sort == "name":
        return statement.order_by(func.lower(Study.filename), *newest)
    if sort == "urgency":
        # What has no rating yet comes last on every database, wherever it puts NULL.
        unrated = func.coalesce(Rating.rank, 2**15)
        return statement.outerjoin(Rating, Rating.study_id == Study.id).order_by(
            unrated, func.coalesce(Rating.strength, 0).desc(), *newest
        )
    return statement.order_by(*newest)


def _called(*conditions: Any) -> Any:
    return exists().where(and_(Call.study_id == Study.id, *conditions))


def _labels_named(word: str) -> list[str]:
    wanted = word.lower()
    return [
        item.name
        for item in FINDINGS
        if wanted in display_name(item.name).lower() or wanted in item.phrase or wanted == item.name.lower()
    ]


def _choice(arguments: Mapping[str, str], name: str, choices: Sequence[str]) -> Any:
    value = arguments.get(name) or None
    if value is not None and value not in choices:
        raise BadQuery(f"The parameter {name} may be {', '.join(choices[:-1])} or {choices[-1]}, not {value[:40]!r}.")
    return value


def number(arguments: Mapping[str, str], name: str, default: Any, *, lowest: int, highest: int) -> Any:
    """A whole number among the parameters of a request, or the default.

    Raises:
        BadQuery: it is none, or not within the limits.
    """
    if not arguments.get(name):
        return default
    text = arguments[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and lowest <= int(text) <= highest):
        raise BadQuery(f"The parameter {name} must be a whole number from {lowest} to {highest}, not {text[:40]!r}.")
    return int(text)
