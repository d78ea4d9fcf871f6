"""The accounts in the database.

Passwords are kept as Argon2id hashes (RFC 9106). Session and token secrets have 256 random bits, so that a plain digest
of them is as good as a slow one; neither can be read back from the database.
"""

import hashlib
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.accounts.errors import AccountError
from core.accounts.roles import ROLES, Role
from core.settings import ServerSettings
from core.studies.database import Database, telling_what_passes
from core.studies.errors import Unavailable
from core.studies.tables import ApiToken, SignedIn, User, now

LONGEST_NAME = 64
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256
SESSION_HOURS = 12
_VISITOR_HOURS = 1
_TOKEN_PREFIX = "chestlens_"
# A token's last use is told to the hour, so that not every request writes.
_USE_NOTED_EVERY = timedelta(hours=1)

_hasher = PasswordHasher()
# Verified where there is no such account, so that the time of an answer does not tell which names there are. No
# password is known to have it, and to make it up costs nothing.
_NOBODYS_HASH = (
    f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${'c2FsdA' * 2}${b64encode(secrets.token_bytes(_hasher.hash_len)).decode().rstrip('=')}"
)


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


@dataclass(frozen=True)
class Token:
    """A secret by which a program acts for a person; the secret itself is shown once, when the token is made."""

    id: int
    title: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None


class Accounts:
    """All accounts of one server.

    Args:
        database: with their tables.
        idle_minutes: after so long without a request, a session is over.
    """

    def __init__(self, database: Database, *, idle_minutes: int = ServerSettings.idle_minutes) -> None:
        self._database, self._idle = database, timedelta(minutes=idle_minutes)
        self._any = False

    def exist(self) -> bool:
        """Whether there is any account; until then nobody signs in. Accounts are disabled, never deleted."""
        if not self._any:
            with self._database.session() as session:
                self._any = bool(session.scalar(select(exists().where(User.id.is_not(None)))))
        return self._any

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with self._database.session() as session:
            return [_person(user) for user in session.scalars(select(User).order_by(User.name))]

    def get(self, user_id: int) -> Person | None:
        """The account of that number."""
        with self._database.session() as session:
            user = session.get(User, user_id)
            return _person(user) if user else None

    def named(self, name: str) -> Person:
        """The account of that name.

        Raises:
            AccountError: there is none.
        """
        with self._database.session() as session:
            return _person(_named(session, name))

    def add(
        self,
        name: str,
        password: str | None,
        *,
        role: str = "uploader",
        full_name: str = "",
        group: str = "",
    ) -> Person:
        """Make an account.

        Args:
            name: to sign in with; case does not matter.
            password: None where the provider of OpenID Connect vouches for the person.
            role: one of ``ROLES``.
            full_name: for signatures; the name where it is empty.
            group: whose studies the person sees, too; empty for none.

        Raises:
            AccountError: the name or the full name is taken or unusable, the password too short, or no such role.
        """
        user = User(
            name=_clean_name(name),
            full_name=_line(full_name or name, "full name"),
            role=_checked_role(role),
            group=_line(group, "group") if group.strip() else None,
            password=None if password is None else _hash(password, name),
            created=now(),
        )
        with self._database.session() as session:
            # Who reads a signature must not take one person for another.
            if session.scalar(select(exists().where(func.lower(User.full_name) == user.full_name.lower()))):
                raise AccountError(
                    f"Somebody is called {user.full_name!r} already; give a full name that tells them apart."
                )
            session.add(user)
            try:
                session.commit()
            except IntegrityError:
                raise AccountError(f"There is an account {user.name!r} already.") from None
            return _person(user)

    def change(self, name: str, *, role: str | None = None, group: str | None = None) -> Person:
        """Give somebody another role or group; an empty group is none. Studies stay with whom they were uploaded for.

        Raises:
            AccountError: there is no such account or role.
        """
        with self._database.session() as session:
            user = _named(session, name)
            if role is not None:
                user.role = _checked_role(role)
            if group is not None:
                user.group = _line(group, "group") if group.strip() else None
            session.commit()
            return _person(user)

    def set_disabled(self, name: str, disabled: bool) -> Person:
        """Refuse or allow signing in; refusing ends the person's sessions, too, and its tokens are no longer taken.

        Raises:
            AccountError: there is no such account.
        """
        with self._database.session() as session:
            user = _named(session, name)
            user.disabled = disabled
            if disabled:
                session.execute(delete(SignedIn).where(SignedIn.user_id == user.id))
            session.commit()
            return _person(user)

    def set_password(self, name: str, password: str, *, keep_session: str = "") -> None:
        """Set a password, and end all sessions that began with the one before.

        Args:
            name: whose.
            password: the new one.
            keep_session: secret of a session that stays.

        Raises:
            AccountError: there is no such account, or the password is too short.
        """
        with self._database.session() as session:
            user = _named(session, name)
            user.password = _hash(password, name)
            session.execute(
                delete(SignedIn).where(SignedIn.user_id == user.id, SignedIn.digest != _digest(keep_session))
            )
            session.commit()

    def check_password(self, name: str, password: str) -> Person | None:
        """Who signs in like this; None where name or password is wrong, or the account is disabled."""
        with self._database.session() as session:
            user = session.scalar(select(User).where(User.name == _folded(name)))
            kept = user.password if user is not None else None
            try:
                _hasher.verify(kept or _NOBODYS_HASH, password[: LONGEST_PASSWORD + 1])
            except (VerificationError, InvalidHashError):
                return None
            if user is None or kept is None or user.disabled:
                return None
            if _hasher.check_needs_rehash(kept):
                user.password = _hasher.hash(password)
                session.commit()
            return _person(user)

    def of_provider(self, issuer: str, subject: str, name: str) -> Person | None:
        """Whom a provider of OpenID Connect vouches for.

        The first time the account is found by its name, if it has no password; from then on by the provider's lasting
        name for the person, whatever the person is called later.

        Args:
            issuer, subject: as in the identity token.
            name: what the provider calls the person.

        Returns:
            None where there is no such account, or it is disabled.
        """
        with self._database.session() as session:
            user = session.scalar(select(User).where(User.issuer == issuer, User.subject == subject))
            if user is None:
                named = select(User).where(User.name == _folded(name), User.password.is_(None), User.subject.is_(None))
                user = session.scalar(named)
                if user is not None and not user.disabled:
                    user.issuer, user.subject = issuer, subject
                    session.commit()
            return None if user is None or user.disabled else _person(user)

    # Sessions

    def open_session(self, user_id: int | None, data: Mapping[str, Any]) -> str:
        """Keep what belongs to a new session, of a person or of a visitor who is about to sign in.

        Returns:
            The session's secret.
        """
        secret = secrets.token_urlsafe(32)
        hours = _VISITOR_HOURS if user_id is None else SESSION_HOURS
        with self._database.session() as session:
            session.execute(delete(SignedIn).where(SignedIn.expires < now()))
            session.add(
                SignedIn(
                    digest=_digest(secret),
                    user_id=user_id,
                    data=dict(data),
                    expires=now() + timedelta(hours=hours),
                )
            )
            session.commit()
        return secret

    def session(self, secret: str) -> dict[str, Any] | None:
        """What belongs to a session; None where it is unknown or over."""
        with self._database.session() as session:
            found, moment = session.get(SignedIn, _digest(secret)), now()
            if found is None or found.expires < moment:
                return None
            unused = moment - (found.last_used or moment)
            if unused > self._idle:
                return None
            data = found.data
            if found.last_used is None or unused > self._idle / 20:
                found.last_used = moment
                # On a full disk people still read and delete.
                with suppress(Unavailable), telling_what_passes():
                    session.commit()
            return data

    def update_session(self, secret: str, data: Mapping[str, Any]) -> None:
        """Keep other data for a session that is open."""
        with self._database.session() as session:
            found = session.get(SignedIn, _digest(secret))
            if found is not None:
                found.data = dict(data)
                session.commit()

    def close_session(self, secret: str) -> None:
        """End a session."""
        with self._database.session() as session:
            session.execute(delete(SignedIn).where(SignedIn.digest == _digest(secret)))
            session.commit()

    # Tokens

    def add_token(self, name: str, title: str, *, days: int | None = None) -> str:
        """Make a token for a person.

        Args:
            name: whose.
            title: what it is for.
            days: for so long it is taken; None for ever.

        Returns:
            The token's secret, which is not kept.

        Raises:
            AccountError: there is no such account, or the title or the days are unusable.
        """
        if days is not None and not 1 <= days <= 3650:
            raise AccountError(f"A token may be valid for 1 to 3650 days, not {days}.")
        secret = _TOKEN_PREFIX + secrets.token_urlsafe(32)
        with self._database.session() as session:
            token = ApiToken(
                user_id=_named(session, name).id,
                title=_line(title, "title of a token"),
                digest=_digest(secret),
                created=now(),
                expires=None if days is None else now() + timedelta(days=days),
            )
            session.add(token)
            session.commit()
        return secret

    def tokens(self, user_id: int) -> list[Token]:
        """A person's tokens, newest first."""
        with self._database.session() as session:
            rows = session.scalars(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc()))
            return [Token(row.id, row.title, row.created, row.expires, row.last_used) for row in rows]

    def revoke_token(self, user_id: int, token_id: int) -> bool:
        """Take back a person's token; False if there was none."""
        with self._database.session() as session:
            gone = session.execute(delete(ApiToken).where(ApiToken.user_id == user_id, ApiToken.id == token_id))
            session.commit()
            return bool(gone.rowcount)  # type: ignore[attr-defined]

    def of_token(self, secret: str) -> Person | None:
        """Whom a program acts for; None where the token is unknown, over or taken back, or the account disabled."""
        with self._database.session() as session:
            token = session.scalar(
                select(ApiToken).where(
                    ApiToken.digest == _digest(secret), or_(ApiToken.expires.is_(None), ApiToken.expires > now())
                )
            )
            user = session.get(User, token.user_id) if token is not None else None
            if token is None or user is None or user.disabled:
                return None
            if token.last_used is None or token.last_used < now() - _USE_NOTED_EVERY:
                token.last_used = now()
                session.commit()
            return _person(user)


def _named(session: Session, name: str) -> User:
    user = session.scalar(select(User).where(User.name == _folded(name)))
    if user is None:
        raise AccountError(f"There is no account {name!r}.")
    return user


def _person(user: User) -> Person:
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


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _clean_name(name: str) -> str:
    folded = _folded(name)
    if not folded or len(folded) > LONGEST_NAME or not folded.isprintable() or any(map(str.isspace, folded)):
        raise AccountError(f"A name to sign in with has 1 to {LONGEST_NAME} printable characters without spaces.")
    return folded


def _line(text: str, what: str) -> str:
    line = " ".join(unicodedata.normalize("NFC", text).split())
    if not line or len(line) > LONGEST_NAME or not line.isprintable():
        raise AccountError(f"The {what} must have 1 to {LONGEST_NAME} printable characters.")
    return line


def _checked_role(role: str) -> Role:
    if role not in get_args(Role):
        raise AccountError(f"A role is {', '.join(ROLES[:-1])} or {ROLES[-1]}, not {role!r}.")
    return role  # type: ignore[return-value]


def _hash(password: str, name: str) -> str:
    # Length is what makes a password hard to guess; rules on its characters do not (NIST SP 800-63B).
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError(f"A password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    if password.casefold() == _folded(name):
        raise AccountError("A password must not be the name; choose another one.")
    return _hasher.hash(password)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
