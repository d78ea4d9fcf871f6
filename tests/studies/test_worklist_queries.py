from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from core.findings import BY_NAME
from core.reporting import FindingEvidence
from core.settings import ServerSettings
from core.studies.studies import Studies, Upload
from core.studies.tables import Call, Rating, Study
from core.studies.worklist import BadQuery, Query, find, keep_calls

START = datetime(2026, 1, 1, tzinfo=UTC)


def _add(studies: Studies, name: str, calls: Mapping[str, str] | None, *, hours: int = 0) -> str:
    """A finished study with these decisions, or one that waits."""
    study = studies.receive(Upload(name, b"bytes"))
    values: dict[str, Any] = {"created": START + timedelta(hours=hours)}
    with studies.database.session() as session:
        if calls is not None:
            keep_calls(session, study.id, [_evidence(finding, decision) for finding, decision in calls.items()])
            values["status"] = "done"
        session.execute(update(Study).where(Study.id == study.id).values(**values))
        session.commit()
    return study.id


def _evidence(finding: str, decision: Any) -> FindingEvidence:
    return FindingEvidence(BY_NAME[finding], 0.7 if decision == "present" else 0.3, None, decision, (), None)


def _names(studies: Studies, **parameters: str) -> list[str]:
    return [study.filename for study in find(studies.database, Query.from_arguments(parameters)).studies]


@pytest.fixture
def filled(studies: Studies) -> Studies:
    _add(studies, "anna_PA.png", {"Effusion": "present", "Mass": "possible"}, hours=1)
    _add(studies, "Bert 100%.dcm", {"Pneumothorax": "present"}, hours=2)
    _add(studies, "Ёлка.png", {"Effusion": "absent", "Pleural_Thickening": "possible"}, hours=3)
    _add(studies, "dora.png", None, hours=4)
    return studies


def test_studies_come_newest_first_by_urgency_or_by_name(filled: Studies) -> None:
    assert _names(filled) == ["dora.png", "Ёлка.png", "Bert 100%.dcm", "anna_PA.png"]
    assert _names(filled, sort="urgency") == ["Bert 100%.dcm", "anna_PA.png", "Ёлка.png", "dora.png"]
    assert _names(filled, sort="name")[:3] == ["anna_PA.png", "Bert 100%.dcm", "dora.png"]


def test_search_finds_words_in_file_names_and_in_what_was_called(filled: Studies) -> None:
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


def test_filters_narrow_by_finding_decision_and_state(filled: Studies) -> None:
    assert _names(filled, finding="Effusion") == ["anna_PA.png"]
    assert _names(filled, finding="Effusion", decision="absent") == ["Ёлка.png"]
    assert _names(filled, decision="possible") == ["Ёлка.png", "anna_PA.png"]
    assert _names(filled, state="queued") == ["dora.png"]
    assert _names(filled, state="done", query="anna", finding="Mass") == ["anna_PA.png"]


def test_pages_tell_the_total_and_what_is_unfinished(filled: Studies) -> None:
    page = find(filled.database, Query(limit=1, offset=1, state="done"))
    assert [study.filename for study in page.studies] == ["Bert 100%.dcm"]
    assert (page.total, page.unfinished) == (3, 1)
    study_id = page.studies[0].id
    assert page.ratings[study_id].level == "urgent"
    assert [call.finding for call in page.calls[study_id]] == ["Pneumothorax"]


def test_a_study_that_finishes_while_the_list_is_read_is_still_counted(filled: Studies) -> None:
    """Who waits until nothing is unfinished must not be left with a study that is shown as waiting."""
    waiting = find(filled.database, Query(state="queued")).studies[0].id
    statements: list[str] = []

    def finish(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statements and "LIMIT" in statements[-1]:
            statements.clear()
            with filled.database.session() as session:
                session.execute(update(Study).where(Study.id == waiting).values(status="done"))
                session.commit()
        statements.append(statement)

    event.listen(filled.database.engine, "before_cursor_execute", finish)
    page = find(filled.database, Query())
    event.remove(filled.database.engine, "before_cursor_execute", finish)
    shown = sum(study.status == "queued" for study in page.studies)
    assert (shown, page.unfinished) == (1, 1)
    assert find(filled.database, Query()).unfinished == 0


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


def test_deleting_a_study_takes_its_calls_and_rating_with_it(filled: Studies) -> None:
    for study in find(filled.database, Query()).studies:
        filled.delete(study.id)
    with Session(filled.database.engine) as session:
        assert [session.scalar(select(func.count()).select_from(table)) for table in (Study, Call, Rating)] == [0, 0, 0]


def test_the_first_page_is_found_without_sorting_all_studies(settings: ServerSettings) -> None:
    studies = Studies(settings)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(studies.database.engine, "before_cursor_execute", note)
    find(studies.database, Query())
    event.remove(studies.database.engine, "before_cursor_execute", note)
    (page,) = [one for one in asked if "LIMIT" in one[0]]
    with studies.database.engine.connect() as connection:
        plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {page[0]}", page[1]))
    studies.close()
    assert "USING INDEX ix_studies_created" in plan
    assert "FOR ORDER BY" not in plan
