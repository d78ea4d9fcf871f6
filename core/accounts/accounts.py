"""The accounts in the database. Passwords are kept as Argon2id hashes (RFC 9106)."""

import secrets
from base64 import b64encode
from typing import get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, exists, func, select
from sqlalchemy.exc import IntegrityError

from core.accounts.errors import AccountError
from core.accounts.person import LONGEST_NAME, Person, folded, one_line, person_of, user_named
from core.accounts.roles import ROLES, Role
from core.accounts.sessions import Sessions, secret_digest
from core.accounts.tokens import Tokens
from core.settings import ServerSettings
from core.studies.database import Database
from core.studies.tables import SignedIn, User, now

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256

_hasher = PasswordHasher()
# Verified where there is no such account, so that the time of an answer does not tell which names there are. No
# password is known to have it, and to make it up costs nothing.
_NOBODYS_HASH = (
    f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${'c2FsdA' * 2}${b64encode(secrets.token_bytes(_hasher.hash_len)).decode().rstrip('=')}"
)


class Accounts:
    """All accounts of one server.

    Args:
        database: with their tables.
        idle_minutes: after so long without a request, a session is over.

    Attributes:
        sessions: of their browsers.
        tokens: of their programs.
    """

    def __init__(self, database: Database, *, idle_minutes: int = ServerSettings.idle_minutes) -> None:
        self._database = database
        self.sessions, self.tokens = Sessions(database, idle_minutes=idle_minutes), Tokens(database)
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
            return [person_of(user) for user in session.scalars(select(User).order_by(User.name))]

    def get(self, user_id: int) -> Person | None:
        """The account of that number."""
        with self._database.session() as session:
            user = session.get(User, user_id)
            return person_of(user) if user else None

    def named(self, name: str) -> Person:
        """The account of that name.

        Raises:
            AccountError: there is none.
        """
        with self._database.session() as session:
            return person_of(user_named(session, name))

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
            full_name=one_line(full_name or name, "full name"),
            role=_checked_role(role),
            group=one_line(group, "group") if group.strip() else None,
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
            return person_of(user)

    def change(self, name: str, *, role: str | None = None, group: str | None = None) -> Person:
        """Give somebody another role or group; an empty group is none. Studies stay with whom they were uploaded for.

        Raises:
            AccountError: there is no such account or role.
        """
        with self._database.session() as session:
            user = user_named(session, name)
            if role is not None:
                user.role = _checked_role(role)
            if group is not None:
                user.group = one_line(group, "group") if group.strip() else None
            session.commit()
            return person_of(user)

    def set_disabled(self, name: str, disabled: bool) -> Person:
        """Refuse or allow signing in; refusing ends the person's sessions, too, and its tokens are no longer taken.

        Raises:
            AccountError: there is no such account.
        """
        with self._database.session() as session:
            user = user_named(session, name)
            user.disabled = disabled
            if disabled:
                session.execute(delete(SignedIn).where(SignedIn.user_id == user.id))
            session.commit()
            return person_of(user)

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
            user = user_named(session, name)
            user.password = _hash(password, name)
            session.execute(
                delete(SignedIn).where(SignedIn.user_id == user.id, SignedIn.digest != secret_digest(keep_session))
            )
            session.commit()

    def check_password(self, name: str, password: str) -> Person | None:
        """Who signs in like this; None where name or password is wrong, or the account is disabled."""
        with self._database.session() as session:
            user = session.scalar(select(User).where(User.name == folded(name)))
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
            return person_of(user)

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
                named = select(User).where(User.name == folded(name), User.password.is_(None), User.subject.is_(None))
                user = session.scalar(named)
                if user is not None and not user.disabled:
                    user.issuer, user.subject = issuer, subject
                    session.commit()
            return None if user is None or user.disabled else person_of(user)


def _clean_name(name: str) -> str:
    clean = folded(name)
    if not clean or len(clean) > LONGEST_NAME or not name.strip().isprintable() or any(map(str.isspace, clean)):
        raise AccountError(f"A name to sign in with has 1 to {LONGEST_NAME} printable characters without spaces.")
    return clean


def _checked_role(role: str) -> Role:
    if role not in get_args(Role):
        raise AccountError(f"A role is {', '.join(ROLES[:-1])} or {ROLES[-1]}, not {role!r}.")
    return role  # type: ignore[return-value]


def _hash(password: str, name: str) -> str:
    # Length is what makes a password hard to guess; rules on its characters do not (NIST SP 800-63B).
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError(f"A password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    if password.casefold() == folded(name):
        raise AccountError("A password must not be the name; choose another one.")
    return _hasher.hash(password)
