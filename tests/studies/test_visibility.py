"""Whatever is asked of studies, a person gets what the person may see, on each database."""

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import aliased

from core.studies.store import Store
from core.studies.tables import Study
from core.studies.viewer import Viewer, seen_by
from core.studies.worklist import Query, by_id, find, find_all

ANN, BOB, CAS = Viewer(1, "ward"), Viewer(2, "ward"), Viewer(3, None)
ADMIN = Viewer(4, None, sees_all=True)


@pytest.fixture
def ids(store: Store) -> dict[str, str]:
    """A study of each, and one from before there were accounts."""
    made = {}
    for name, viewer in {"ann": ANN, "bob": BOB, "cas": CAS, "nobody": None}.items():
        with seen_by(viewer):
            made[name] = store.add(f"{name}.png", b"").id
    return made


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
    store: Store, ids: dict[str, str], viewer: Viewer | None, seen: set[str]
) -> None:
    wanted = {ids[name] for name in seen}
    with seen_by(viewer):
        assert {study_id for study_id in ids.values() if store.get(study_id)} == wanted
        assert set(store.unfinished()) == wanted
        page = find(store, Query())
        assert {study.id for study in page.studies} == wanted
        assert (page.total, page.unfinished) == (len(wanted), len(wanted))
        assert {study.id for study in find_all(store, Query(sort="urgency"), at_most=10)} == wanted
        assert {study.id for study in by_id(store, ids.values()).studies} == wanted
        with store.database.session() as session:
            other = aliased(Study)
            assert set(session.scalars(select(other.id))) == wanted
            assert session.scalar(select(func.count()).select_from(select(Study).subquery())) == len(wanted)


def test_what_is_not_seen_can_neither_be_changed_nor_deleted(store: Store, ids: dict[str, str]) -> None:
    with seen_by(CAS):
        store.update(ids["ann"], status="failed")
        assert not store.delete(ids["ann"])
        with store.database.session() as session:
            session.execute(update(Study).values(status="done"))
            session.execute(delete(Study).where(Study.id == ids["bob"]))
            session.commit()
    left = {name: store.get(study_id) for name, study_id in ids.items()}
    assert {name: study and study.status for name, study in left.items()} == {
        "ann": "queued",
        "bob": "queued",
        "cas": "done",
        "nobody": "queued",
    }
    assert store.upload(ids["ann"]).is_file()
