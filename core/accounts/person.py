"""Somebody with an account, as everything but the database knows a person."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.accounts.errors import AccountError
from core.accounts.roles import Role
from core.plain_text import printable
from core.studies.tables import User

LONGEST_NAME = 64


@dataclass(frozen=True)
class Person:
    """Somebody with an account.

    Attributes:
        id: number of the account.
        name: to sign in with, in lower case.
        full_name: as it stands under a signed report.
        role: what the person may do.
        group: whose studies the person sees beside own ones; None for nobody's.
        disabled: whether signing in is refused.
        created: when the account was made.
        has_password: whether there is a password; without one the provider of OpenID Connect vouches.
    """

    id: int
    name: str
    full_name: str
    role: Role
    group: str | None
    disabled: bool
    created: datetime
    has_password: bool


def user_named(session: Session, name: str) -> User:
    """The row of that name.

    Raises:
        AccountError: there is none.
    """
    user = session.scalar(select(User).where(User.name == folded(name)))
    if user is None:
        raise AccountError(f"There is no account {name!r}.")
    return user


def person_of(user: User) -> Person:
    """Whom a row is about."""
    return Person(
        id=user.id,
        name=user.name,
        full_name=user.full_name,
        role=user.role,  # type: ignore[arg-type]
        group=user.group,
        disabled=user.disabled,
        created=user.created,
        has_password=user.password is not None,
    )


def folded(name: str) -> str:
    """A name to sign in with as it is kept; case does not matter, nor what cannot be seen."""
    return printable(unicodedata.normalize("NFKC", name)).strip().casefold()


def one_line(text: str, what: str) -> str:
    """A text as one line without further spaces.

    Raises:
        AccountError: it is empty, too long, or has characters that cannot be printed.
    """
    line = " ".join(unicodedata.normalize("NFC", text).split())
    if not line or len(line) > LONGEST_NAME or not line.isprintable():
        raise AccountError(f"The {what} must have 1 to {LONGEST_NAME} printable characters.")
    return line
