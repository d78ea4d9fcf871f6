"""Whatever is asked of studies, a person gets what the person may see, on each database."""

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import aliased

from core.studies.errors import NoSuchStudy
from core.studies.studies import Studies, Upload
from core.studies.tables import Study
from core.studies.viewer import Viewer, seen_by
from core.studies.worklist import Query, by_id, find, find_all

ANN, BOB, CAS = Viewer(1, "ward"), Viewer(2, "ward"), Viewer(3, None)
ADMIN = Viewer(4, None, sees_all=True)


@pytest.fixture
def ids(studies: Studies) -> dict[str, str]:
    """A study of each, and one from before there were accounts."""
    made = {}
    for name, viewer in {"ann": ANN, "bob": BOB, "cas": CAS, "nobody": None}.items():
        with seen_by(viewer):
            made[name] = studies.receive(Upload(f"{name}.png", b"-")).id
    return made


def _is_there(studies: Studies, study_id: str) -> bool:
    try:
        studies.find(study_id)
    except NoSuchStudy:
        return False
    return True


@pytest.mark.parametrize(
    ("viewer", "seen"),
    [
        (ANN, {"ann", "bob"}),
        (BOB, {"ann", "bob"}),
        (CAS, {"cas"}),
        (Viewer(5, "other"), set()),
        (Viewer(1, None), {"ann"}),
        (ADMIN, {"ann", "bob", "cas", "nobody"}),
        (None, {"ann", "bob", "cas", "nobody"}),
    ],
)
def test_every_way_to_studies_gives_those_of_the_person_and_the_group(
    studies: Studies, ids: dict[str, str], viewer: Viewer | None, seen: set[str]
) -> None:
    wanted = {ids[name] for name in seen}
    with seen_by(viewer):
        assert {study_id for study_id in ids.values() if _is_there(studies, study_id)} == wanted
        page = find(studies.database, Query())
        assert {study.id for study in page.studies} == wanted
        assert (page.total, page.unfinished) == (len(wanted), len(wanted))
        assert {study.id for study in find_all(studies.database, Query(sort="urgency"), at_most=10)} == wanted
        assert {study.id for study in by_id(studies.database, ids.values()).studies} == wanted
        with studies.database.session() as session:
            other = aliased(Study)
            assert set(session.scalars(select(other.id))) == wanted
            assert session.scalar(select(func.count()).select_from(select(Study).subquery())) == len(wanted)


def test_what_is_not_seen_can_neither_be_changed_nor_deleted(studies: Studies, ids: dict[str, str]) -> None:
    with seen_by(CAS):
        with pytest.raises(NoSuchStudy):
            studies.delete(ids["ann"])
        with studies.database.session() as session:
            session.execute(update(Study).values(status="done"))
            session.execute(delete(Study).where(Study.id == ids["bob"]))
            session.commit()
    assert {name: studies.find(study_id).status for name, study_id in ids.items()} == {
        "ann": "queued",
        "bob": "queued",
        "cas": "done",
        "nobody": "queued",
    }
    assert studies.read(ids["ann"], "upload") == b"-"
