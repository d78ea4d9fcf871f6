"""``python -m core users`` as a shell calls it."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.accounts import Accounts
from core.studies.database import Database


@pytest.fixture
def users(command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("CHESTLENS_INSTANCE", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def call(*arguments: str, stdin: str = "", status: int = 0) -> Any:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        return command(main, "users", *arguments, status=status)

    return call


def test_accounts_are_added_listed_and_disabled(users: Callable[..., Any], tmp_path: Path) -> None:
    assert "no accounts" in users("list").out
    assert users("add", "Ann", "--role", "admin", stdin="an old lighthouse\n").out == "ann was added as admin.\n"
    users("add", "bob", "--group", "ward", "--full-name", "Dr. Bob", stdin="an old lighthouse\n")
    users("disable", "bob")
    assert users("list").out.splitlines() == ["ann\tadmin\t-\tactive\tAnn", "bob\tuploader\tward\tdisabled\tDr. Bob"]
    assert [entry["name"] for entry in json.loads(users("list", "--json").out)] == ["ann", "bob"]
    users("enable", "bob")
    assert users("change", "bob", "--role", "reviewer", "--group", "").out == "bob is reviewer in no group.\n"
    users("password", "bob", stdin="a new lighthouse\n")
    token = users("token", "bob", "--days", "3").out.strip()
    accounts = Accounts(database := Database(f"sqlite:///{tmp_path / 'chestlens.sqlite3'}"))
    assert accounts.check_password("bob", "a new lighthouse") == accounts.tokens.person(token) == accounts.named("bob")
    database.close()
    assert {path.stat().st_mode & 0o077 for path in (tmp_path, *tmp_path.iterdir())} == {0}


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["add", "ann"], "short\n", "8 to 256 characters"),
        (["add", "ann"], "", "8 to 256 characters"),
        (["disable", "nobody"], "", "no account 'nobody'"),
        (["password", "nobody"], "an old lighthouse", "no account 'nobody'"),
        (["token", "nobody"], "", "no account 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    users: Callable[..., Any], arguments: list[str], stdin: str, words: str
) -> None:
    ended = users(*arguments, stdin=stdin, status=1)
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "no accounts" in users("list").out


def test_a_password_is_never_an_argument(users: Callable[..., Any]) -> None:
    users("add", "ann", "--password", "an old lighthouse", status=2)
    users("add", "ann", "an old lighthouse", status=2)
