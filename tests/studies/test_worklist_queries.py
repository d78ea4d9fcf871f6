import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from core.anatomy import admit
from core.classifier import Classifier
from core.findings import BY_NAME
from core.imaging import read_radiograph
from core.reporting import FindingEvidence, assess
from core.reporting.storage import store as store_files
from core.studies.store import Store, Study
from core.studies.worklist import BadQuery, Call, Query, Rating, find, rate_earlier, record

START = datetime(2026, 1, 1, tzinfo=UTC)


def _add(store: Store, name: str, calls: Mapping[str, str] | None, *, hours: int = 0) -> str:
    """A finished study with these decisions, or one that waits."""
    study = store.add(name, b"bytes")
    store.update(study.id, created=START + timedelta(hours=hours))
    if calls is not None:
        record(store, study.id, [_evidence(finding, decision) for finding, decision in calls.items()])
        store.update(study.id, status="done")
    return study.id


def _evidence(finding: str, decision: Any) -> FindingEvidence:
    return FindingEvidence(BY_NAME[finding], 0.7 if decision == "present" else 0.3, None, decision, (), None)


def _names(store: Store, **parameters: str) -> list[str]:
    return [study.filename for study in find(store, Query.from_arguments(parameters)).studies]


@pytest.fixture
def filled(store: Store) -> Store:
    _add(store, "anna_PA.png", {"Effusion": "present", "Mass": "possible"}, hours=1)
    _add(store, "Bert 100%.dcm", {"Pneumothorax": "present"}, hours=2)
    _add(store, "Ёлка.png", {"Effusion": "absent", "Pleural_Thickening": "possible"}, hours=3)
    _add(store, "dora.png", None, hours=4)
    return store


def test_studies_come_newest_first_by_urgency_or_by_name(filled: Store) -> None:
    assert _names(filled) == ["dora.png", "Ёлка.png", "Bert 100%.dcm", "anna_PA.png"]
    assert _names(filled, sort="urgency") == ["Bert 100%.dcm", "anna_PA.png", "Ёлка.png", "dora.png"]
    assert _names(filled, sort="name")[:3] == ["anna_PA.png", "Bert 100%.dcm", "dora.png"]


def test_search_finds_words_in_file_names_and_in_what_was_called(filled: Store) -> None:
    expected = {
        "ANNA": ["anna_PA.png"],
        "ёлка": ["Ёлка.png"],
        "%": ["Bert 100%.dcm"],
        "_": ["anna_PA.png"],
        "effusion": ["anna_PA.png"],
        "pleural": ["Ёлка.png", "anna_PA.png"],
        "Pleural_Thickening": ["Ёлка.png"],
        "mass anna": ["anna_PA.png"],
        "mass bert": [],
        "  ": ["dora.png", "Ёлка.png", "Bert 100%.dcm", "anna_PA.png"],
        "an\x00na": ["anna_PA.png"],
        "' OR 1=1 --": [],
    }
    assert {query: _names(filled, query=query) for query in expected} == expected


def test_filters_narrow_by_finding_decision_and_state(filled: Store) -> None:
    assert _names(filled, finding="Effusion") == ["anna_PA.png"]
    assert _names(filled, finding="Effusion", decision="absent") == ["Ёлка.png"]
    assert _names(filled, decision="possible") == ["Ёлка.png", "anna_PA.png"]
    assert _names(filled, state="queued") == ["dora.png"]
    assert _names(filled, state="done", query="anna", finding="Mass") == ["anna_PA.png"]


def test_pages_tell_the_total_and_what_is_unfinished(filled: Store) -> None:
    page = find(filled, Query(limit=1, offset=1, state="done"))
    assert [study.filename for study in page.studies] == ["Bert 100%.dcm"]
    assert (page.total, page.unfinished) == (3, 1)
    study_id = page.studies[0].id
    assert page.ratings[study_id].level == "urgent"
    assert [call.finding for call in page.calls[study_id]] == ["Pneumothorax"]


def test_a_study_that_finishes_while_the_list_is_read_is_still_counted(filled: Store) -> None:
    """Who waits until nothing is unfinished must not be left with a study that is shown as waiting."""
    waiting = find(filled, Query(state="queued")).studies[0].id
    statements: list[str] = []

    def finish(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statements and "LIMIT" in statements[-1]:
            statements.clear()
            filled.update(waiting, status="done")
        statements.append(statement)

    event.listen(filled.database.engine, "before_cursor_execute", finish)
    page = find(filled, Query())
    event.remove(filled.database.engine, "before_cursor_execute", finish)
    shown = sum(study.status == "queued" for study in page.studies)
    assert (shown, page.unfinished) == (1, 1)
    assert find(filled, Query()).unfinished == 0


@pytest.mark.parametrize(
    "parameters",
    [
        {"finding": "Fracture"},
        {"decision": "perhaps"},
        {"state": "gone"},
        {"sort": "size"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "x"},
        {"offset": "-1"},
        {"offset": "9" * 30},
    ],
)
def test_parameters_that_mean_nothing_are_refused_with_what_they_may_be(parameters: dict[str, str]) -> None:
    with pytest.raises(BadQuery, match=f"The parameter {next(iter(parameters))} m.*\\.$"):
        Query.from_arguments(parameters)


def test_deleting_a_study_takes_its_calls_and_rating_with_it(filled: Store) -> None:
    for study in find(filled, Query()).studies:
        assert filled.delete(study.id)
    with Session(filled.database.engine) as session:
        assert [session.scalar(select(func.count()).select_from(table)) for table in (Study, Call, Rating)] == [0, 0, 0]


def test_rating_a_deleted_study_leaves_nothing_behind(store: Store) -> None:
    study_id = _add(store, "a.png", None)
    store.delete(study_id)
    record(store, study_id, [_evidence("Mass", "present")])
    with Session(store.database.engine) as session:
        assert session.scalar(select(func.count()).select_from(Call)) == 0


def test_studies_of_the_version_without_ratings_are_rated_once(
    database_url: str, tmp_path: Path, classifier: Classifier, phantom_png_bytes: bytes
) -> None:
    earlier = Store(database_url, tmp_path / "studies")
    with_files, without_files, failed = (earlier.add(name, b"bytes").id for name in ("a.png", "b.png", "c.png"))
    earlier.update(with_files, status="done")
    earlier.update(without_files, status="done", summary={"present": ["Pneumothorax"], "possible": []})
    earlier.update(failed, status="failed", error_code="internal", error_message="It failed.")
    assessment = assess(admit(read_radiograph(phantom_png_bytes)), classifier)
    store_files(earlier.path(with_files), assessment.prediction, assessment.evidence, assessment.report)
    with earlier.database.engine.begin() as connection:
        for table in ("study_calls", "study_ratings"):
            connection.execute(text(f"DELETE FROM {table}"))
    earlier.close()

    store = Store(database_url, tmp_path / "studies")
    assert rate_earlier(store) == 2
    assert rate_earlier(store) == 0
    page = find(store, Query(sort="urgency"))
    assert page.studies[0].id == without_files
    assert page.ratings[without_files].sentence == "Rests on Pneumothorax, likely."
    expected = {item.finding.name for item in assessment.evidence.decided("present", "possible")}
    assert {call.finding for call in page.calls.get(with_files, [])} == expected
    store.close()


def test_a_database_file_of_the_first_version_goes_on_working(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE studies (id VARCHAR(32) NOT NULL, filename VARCHAR(255) NOT NULL, created DATETIME NOT NULL, "
            "status VARCHAR(8) NOT NULL, progress FLOAT NOT NULL, error_code VARCHAR(32), error_message VARCHAR(500), "
            "summary JSON NOT NULL, total_ms INTEGER, PRIMARY KEY (id))"
        )
        row = ("a" * 32, "old.png", "2026-01-01 10:00:00.000000", "done", 1.0, json.dumps({"present": ["Edema"]}), 500)
        old.execute("INSERT INTO studies VALUES (?, ?, ?, ?, ?, NULL, NULL, ?, ?)", row)
    old.close()
    store = Store(f"sqlite:///{path}", tmp_path / "studies")
    assert rate_earlier(store) == 1
    assert _names(store, query="edema") == ["old.png"]
    assert store.delete("a" * 32)
    store.close()
