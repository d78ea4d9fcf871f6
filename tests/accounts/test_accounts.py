"""Accounts, sessions and tokens in a real database."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text, update

from core.accounts import AccountError, Accounts
from core.studies.database import Database
from core.studies.tables import ApiToken, SignedIn, User, now

PASSWORD = "an old lighthouse"


@pytest.fixture
def database(new_database: Path, tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{shutil.copy(new_database, tmp_path / 'test.sqlite3')}")
    yield database
    database.close()


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


def test_there_are_no_accounts_until_one_is_added(accounts: Accounts, database: Database) -> None:
    assert not accounts.exist()
    Accounts(database).add("ann", PASSWORD)
    assert accounts.exist()


def test_who_gives_name_and_password_is_known(accounts: Accounts) -> None:
    added = accounts.add("Ann@Example.org", PASSWORD, role="reviewer", full_name="Dr. Ann  Reader", group=" ward 3 ")
    assert (added.name, added.full_name, added.group) == ("ann@example.org", "Dr. Ann Reader", "ward 3")
    assert accounts.check_password(" ANN@example.ORG ", PASSWORD) == added
    assert accounts.check_password("ann@example.org", PASSWORD + "x") is None
    assert accounts.check_password("bob", PASSWORD) is None


def test_passwords_are_kept_as_argon2_hashes_alone(accounts: Accounts, database: Database, tmp_path: Path) -> None:
    accounts.add("ann", PASSWORD)
    token = accounts.tokens.add("ann", "script")
    session = accounts.sessions.open(1, {})
    with database.session() as opened:
        kept = opened.scalars(select(User.password)).one()
    assert kept.startswith("$argon2id$")
    assert PasswordHasher().verify(kept, PASSWORD)
    database.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(secret.encode() in written for secret in (PASSWORD, token, session))


@pytest.mark.parametrize(
    ("name", "password", "more", "words"),
    [
        ("", PASSWORD, {}, "1 to 64 printable characters"),
        ("two words", PASSWORD, {}, "without spaces"),
        ("a\u202eb", PASSWORD, {}, "printable"),
        ("a\0b", PASSWORD, {}, "printable"),
        ("x" * 65, PASSWORD, {}, "1 to 64"),
        ("bob", "short", {}, "8 to 256"),
        ("bob", "x" * 257, {}, "8 to 256"),
        ("bobbobbob", "BobBobBob", {}, "must not be the name"),
        ("bob", PASSWORD, {"role": "king"}, "uploader, reviewer or admin"),
        ("ANN", PASSWORD, {"full_name": "Other"}, "already"),
        ("bob", PASSWORD, {"full_name": "ann reader"}, "tells them apart"),
    ],
)
def test_a_bad_account_is_refused_with_a_sentence(
    accounts: Accounts, name: str, password: str, more: dict[str, str], words: str
) -> None:
    accounts.add("ann", PASSWORD, full_name="Ann Reader")
    with pytest.raises(AccountError, match=words):
        accounts.add(name, password, **more)
    assert [person.name for person in accounts.all()] == ["ann"]


def test_who_is_disabled_is_not_known_any_more_by_any_way(accounts: Accounts) -> None:
    ann = accounts.add("ann", PASSWORD)
    token, session = accounts.tokens.add("ann", "script"), accounts.sessions.open(ann.id, {"_user_id": str(ann.id)})
    accounts.set_disabled("ann", True)
    assert accounts.check_password("ann", PASSWORD) is None
    assert accounts.tokens.person(token) is None
    assert accounts.sessions.find(session) is None
    accounts.set_disabled("ann", False)
    assert accounts.check_password("ann", PASSWORD) is not None


def test_a_session_that_nobody_uses_for_a_while_is_over(database: Database) -> None:
    def leave_alone(minutes: int) -> None:
        with database.session() as opened:
            opened.execute(update(SignedIn).values(last_used=now() - timedelta(minutes=minutes)))
            opened.commit()

    accounts = Accounts(database, idle_minutes=30)
    session = accounts.sessions.open(accounts.add("ann", PASSWORD).id, {"place": "here"})
    for _ in range(2):  # used again and again, it stays
        leave_alone(29)
        assert accounts.sessions.find(session) == {"place": "here"}
    with database.session() as opened:
        assert now() - opened.scalars(select(SignedIn.last_used)).one() < timedelta(minutes=1)
    leave_alone(31)
    assert accounts.sessions.find(session) is None


def test_a_new_password_ends_all_other_sessions(accounts: Accounts) -> None:
    ann = accounts.add("ann", PASSWORD)
    here, elsewhere = (accounts.sessions.open(ann.id, {"place": place}) for place in ("here", "elsewhere"))
    accounts.set_password("ann", "a new lighthouse", keep_session=here)
    assert accounts.sessions.find(here) == {"place": "here"}
    assert accounts.sessions.find(elsewhere) is None
    assert accounts.check_password("ann", PASSWORD) is None
    assert accounts.check_password("ann", "a new lighthouse") == ann


def test_sessions_end_by_time_and_are_then_removed(accounts: Accounts, database: Database) -> None:
    secret = accounts.sessions.open(None, {"a": 1})
    accounts.sessions.update(secret, {"a": 2})
    assert accounts.sessions.find(secret) == {"a": 2}
    with database.session() as session:
        session.execute(update(SignedIn).values(expires=now()))
        session.commit()
    assert accounts.sessions.find(secret) is None
    accounts.sessions.close(accounts.sessions.open(None, {}))
    with database.session() as session:
        assert session.scalars(select(SignedIn)).all() == []


def test_tokens_act_for_their_person_until_they_end_or_are_taken_back(accounts: Accounts, database: Database) -> None:
    ann, bob = accounts.add("ann", PASSWORD), accounts.add("bob", PASSWORD)
    lasting, short = accounts.tokens.add("ann", "lasting"), accounts.tokens.add("ann", "short", days=1)
    assert accounts.tokens.person(lasting) == accounts.tokens.person(short) == ann
    assert accounts.tokens.person("chestlens_unknown") is None
    with database.session() as session:
        session.execute(update(ApiToken).where(ApiToken.title == "short").values(expires=now()))
        session.commit()
    assert accounts.tokens.person(short) is None
    first = accounts.tokens.of_person(ann.id)[-1]
    assert (first.title, first.last_used is not None) == ("lasting", True)
    assert not accounts.tokens.revoke(bob.id, first.id)
    assert accounts.tokens.person(lasting) == ann
    assert accounts.tokens.revoke(ann.id, first.id)
    assert accounts.tokens.person(lasting) is None
    with pytest.raises(AccountError, match="1 to 3650 days"):
        accounts.tokens.add("ann", "never", days=0)


def test_a_provider_finds_an_account_by_name_once_and_by_its_lasting_name_from_then_on(accounts: Accounts) -> None:
    ann = accounts.add("ann@example.org", None)
    accounts.add("bob@example.org", PASSWORD)
    assert accounts.of_provider("https://id", "s-1", "Ann@Example.org") == ann
    assert accounts.of_provider("https://id", "s-1", "renamed@example.org") == ann
    # Whoever gets the address later is somebody else, and an account with a password is not handed over.
    assert accounts.of_provider("https://id", "s-2", "ann@example.org") is None
    assert accounts.of_provider("https://id", "s-3", "bob@example.org") is None
    assert accounts.check_password("ann@example.org", "") is None
    accounts.set_disabled("ann@example.org", True)
    assert accounts.of_provider("https://id", "s-1", "ann@example.org") is None


def test_the_audit_log_cannot_be_changed_even_by_hand(database: Database) -> None:
    from core.studies.audit import AuditLog, Search

    audit = AuditLog(database)
    audit.add("view", actor_id=1, actor="ann", studies=["a", "b"])
    audit.add("sign in", actor_id=2, actor="bob")
    for statement in ("UPDATE audit_log SET actor = 'eve'", "DELETE FROM audit_log"):
        with pytest.raises(Exception, match="only ever added"), database.engine.begin() as connection:
            connection.execute(text(statement))
    assert [(entry.actor, entry.study_id) for entry in audit.find(Search())] == [
        ("bob", None),
        ("ann", "b"),
        ("ann", "a"),
    ]
    assert [entry.study_id for entry in audit.find(Search(study_id="a"))] == ["a"]
    assert [entry.action for entry in audit.find(Search(actor="bob"))] == ["sign in"]
    assert audit.actions() == ["sign in", "view"]
