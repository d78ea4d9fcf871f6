"""The record in real databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from core.studies.reviews.record import Event, first_fault
from core.studies.reviews.store import Entry, OutOfDate, ReviewStore
from core.studies.studies import Studies, Upload

UPLOAD = Upload("chest.png", b"bytes")
TEXT = {"technique": "", "view": "PA", "findings": "Übersicht.\nNo “mass”.", "impression": "胸部"}


@pytest.fixture
def reviews(studies: Studies) -> ReviewStore:
    return ReviewStore(studies.database)


def _entry(kind: str, **more: str) -> Entry:
    return Entry(kind, 1, TEXT, {"name": "model", "n": 1.5, "none": None}, **more)  # type: ignore[arg-type]


def test_entries_come_back_with_digests_that_hold(studies: Studies, reviews: ReviewStore) -> None:
    study = studies.receive(UPLOAD).id
    reviews.append(study, 0, [_entry("draft", source="template"), _entry("edit", author="Ада")])
    reviews.append(study, 2, [_entry("sign", author="Ада")])
    events = reviews.events(study)
    assert [(event.number, event.kind) for event in events] == [(1, "draft"), (2, "edit"), (3, "sign")]
    assert events[1].text == TEXT
    assert first_fault(events) is None
    assert first_fault([]) is None


def test_whoever_comes_second_is_turned_away(studies: Studies, reviews: ReviewStore) -> None:
    study = studies.receive(UPLOAD).id
    reviews.append(study, 0, [_entry("draft")])
    for revision in (0, 2):
        with pytest.raises(OutOfDate):
            reviews.append(study, revision, [_entry("edit")])
    studies.delete(study)
    with pytest.raises(OutOfDate):
        reviews.append(study, 0, [_entry("edit")])
    assert reviews.events(study) == []


def test_of_many_at_once_one_is_first(studies: Studies, reviews: ReviewStore) -> None:
    study = studies.receive(UPLOAD).id

    def try_once(_: int) -> bool:
        try:
            reviews.append(study, 0, [_entry("draft"), _entry("edit")])
        except OutOfDate:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_once, range(8))) == 1
    assert first_fault(reviews.events(study)) is None


def test_the_last_entries_of_many_studies_come_with_one_query(studies: Studies, reviews: ReviewStore) -> None:
    one, two, untouched = (studies.receive(UPLOAD).id for name in "abc")
    reviews.append(one, 0, [_entry("draft"), _entry("edit")])
    reviews.append(two, 0, [_entry("draft"), _entry("edit"), _entry("sign", author="Ada")])
    latest = reviews.latest([one, two, untouched])
    assert {study: event.kind for study, event in latest.items()} == {one: "edit", two: "sign"}
    assert reviews.latest([]) == {}


def test_the_database_refuses_changes_until_the_study_goes(studies: Studies, reviews: ReviewStore) -> None:
    study = studies.receive(UPLOAD).id
    reviews.append(study, 0, [_entry("draft"), _entry("sign", author="Ada")])
    for statement in ("UPDATE review_events SET author = 'Eve'", "DELETE FROM review_events WHERE number = 2"):
        with (
            pytest.raises(SQLAlchemyError, match="entries of a review are"),
            studies.database.engine.begin() as connection,
        ):
            connection.execute(text(statement))
    studies.delete(study)
    assert reviews.events(study) == []


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda events: events[1].text.update(findings="Large mass."), "Entry 2 was changed after it was written."),
        (lambda events: events.pop(1), "Entry 2 is missing."),
        (lambda events: events[1].seal("f" * 64), "Entry 2 does not follow from the one before"),
        (lambda events: setattr(events[2], "time", events[2].time.replace(year=2001)), "Entry 3 was changed"),
    ],
)
def test_every_kind_of_tampering_is_found(studies: Studies, spoil: object, fault: str) -> None:
    reviews, study = ReviewStore(studies.database), studies.receive(UPLOAD).id
    reviews.append(study, 0, [_entry("draft"), _entry("edit"), _entry("sign", author="Ada")])
    events: list[Event] = reviews.events(study)
    spoil(events)  # type: ignore[operator]
    assert (first_fault(events) or "").startswith(fault)
