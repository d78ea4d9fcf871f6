from pathlib import Path

from core.studies.store import Store


def test_a_study_is_found_again_by_another_process(store: Store, database_url: str, tmp_path: Path) -> None:
    study = store.add("chest.png", b"bytes")
    store.update(study.id, status="done", summary={"present": ["Mass"]}, total_ms=700)
    other = Store(database_url, tmp_path / "studies")
    found = other.get(study.id)
    other.close()
    assert found is not None
    assert (found.filename, found.status, found.summary, found.total_ms) == (
        "chest.png",
        "done",
        {"present": ["Mass"]},
        700,
    )


def test_the_unfinished_come_oldest_first(store: Store) -> None:
    first, second, third = (store.add(f"{name}.png", b"bytes").id for name in "abc")
    store.update(second, status="failed", error_code="internal", error_message="It failed.")
    assert store.unfinished() == [first, third]


def test_deleting_takes_the_folder_with_it_and_later_updates_do_nothing(store: Store) -> None:
    study = store.add("chest.png", b"bytes")
    assert store.upload(study.id).read_bytes() == b"bytes"
    assert store.delete(study.id)
    assert not store.path(study.id).exists()
    store.update(study.id, status="done")
    assert store.get(study.id) is None
    assert not store.delete(study.id)


def test_long_and_foreign_file_names_are_kept_as_far_as_they_fit(store: Store) -> None:
    study = store.add("рентген-" + "x" * 400 + ".png", b"bytes")
    found = store.get(study.id)
    assert found is not None
    assert found.filename == ("рентген-" + "x" * 400)[:255]
