"""Accounts from the command line: ``python -m core users``."""

import argparse
import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from core.accounts.accounts import Accounts
from core.accounts.errors import AccountError
from core.accounts.roles import MEANINGS, ROLES
from core.settings import ServerSettings
from core.studies.audit import AuditLog
from core.studies.database import Database
from core.studies.instance import open_instance
from core.studies.tables import iso


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``users`` to the commands of ``python -m core``."""
    users = commands.add_parser(
        "users",
        help="accounts of the server",
        description="Accounts of the server. While there is none, nobody signs in, and the server is open to its own "
        "machine alone. The database is that of the server: CHESTLENS_INSTANCE or DATABASE_URL.",
    )
    actions = users.add_subparsers(required=True, metavar="ACTION")

    add = _action(actions, "add", _add, "make an account; the password is asked for, or read from stdin")
    _add_role(add, default="uploader")
    add.add_argument("--full-name", default="", metavar="TEXT", help="as it stands under a signed report [NAME]")
    add.add_argument("--group", default="", help="people of a group see each other's studies [none]")
    add.add_argument("--single-sign-on", action="store_true", help="no password: the OpenID Connect provider vouches")

    change = _action(actions, "change", _change, "give somebody another role or group")
    _add_role(change, default=None)
    change.add_argument("--group", help='the new group, "" for none')

    _action(actions, "password", _password, "set a password, which is asked for, or read from stdin")
    _action(actions, "disable", _disable, "refuse somebody from now on; the account's studies and signatures stay")
    _action(actions, "enable", _enable, "let somebody in again")

    token = _action(actions, "token", _token, "make an API token and print it; it is shown this once")
    token.add_argument("--title", default="command line", help="what it is for [command line]")
    token.add_argument("--days", type=int, help="for so many days it is taken [for ever]")

    shown = actions.add_parser("list", help="everybody who has an account")
    shown.add_argument("--json", action="store_true", help="as JSON")
    shown.set_defaults(run=_list)


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text.capitalize() + ".")
    parser.add_argument("name", metavar="NAME", help="to sign in with")
    parser.set_defaults(run=run)
    return parser


def _add_role(parser: argparse.ArgumentParser, default: str | None) -> None:
    meanings = "; ".join(f"{role} {meaning}" for role, meaning in MEANINGS.items())
    parser.add_argument("--role", choices=ROLES, default=default, help=f"{meanings} [{default or 'as it is'}]")


def _add(options: argparse.Namespace) -> int:
    with _opened("add person", options.name) as accounts:
        password = None if options.single_sign_on else _asked_password()
        person = accounts.add(
            options.name, password, role=options.role, full_name=options.full_name, group=options.group
        )
    print(f"{person.name} was added as {person.role}.")
    return 0


def _change(options: argparse.Namespace) -> int:
    with _opened("change person", options.name) as accounts:
        person = accounts.change(options.name, role=options.role, group=options.group)
    print(f"{person.name} is {person.role}" + (f" in the group {person.group}." if person.group else " in no group."))
    return 0


def _password(options: argparse.Namespace) -> int:
    with _opened("change person", options.name) as accounts:
        name = accounts.named(options.name).name
        accounts.set_password(name, _asked_password())
    print(f"{name} has a new password and must sign in again.")
    return 0


def _disable(options: argparse.Namespace) -> int:
    with _opened("change person", options.name) as accounts:
        person = accounts.set_disabled(options.name, True)
    print(f"{person.name} can no longer sign in.")
    return 0


def _enable(options: argparse.Namespace) -> int:
    with _opened("change person", options.name) as accounts:
        person = accounts.set_disabled(options.name, False)
    print(f"{person.name} can sign in.")
    return 0


def _token(options: argparse.Namespace) -> int:
    with _opened("make token", options.name) as accounts:
        print(accounts.tokens.add(options.name, options.title, days=options.days))
    return 0


def _list(options: argparse.Namespace) -> int:
    with _opened() as accounts:
        people = accounts.all()
    if options.json:
        print(json.dumps([asdict(person) | {"created": iso(person.created)} for person in people], indent=2))
        return 0
    for person in people:
        state = "disabled" if person.disabled else "active"
        print("\t".join((person.name, person.role, person.group or "-", state, person.full_name)))
    if not people:
        print("There are no accounts; add one with: python -m core users add NAME --role admin")
    return 0


@contextmanager
def _opened(action: str = "", name: str = "") -> Iterator[Accounts]:
    """The accounts of the server's database, for one command that ends in the audit log where it changes something."""
    settings = ServerSettings.from_environment()
    open_instance(settings.instance)
    database = Database(settings.database_url)
    try:
        yield Accounts(database)
        if action:
            AuditLog(database).add(action, actor="(command line)", detail={"person": name})
    finally:
        database.close()


def _asked_password() -> str:
    """From the terminal, twice, or the first line of stdin. Never an argument: others could read it among processes."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != password:
        raise AccountError("The two passwords differ; nothing was changed.")
    return password
