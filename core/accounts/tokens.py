"""Tokens, by which programs act for people."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select

from core.accounts.errors import AccountError
from core.accounts.person import Person, one_line, person_of, user_named
from core.accounts.sessions import secret_digest
from core.studies.database import Database, telling_what_passes
from core.studies.errors import Unavailable
from core.studies.tables import ApiToken, User, now

_PREFIX = "chestlens_"
# A token's last use is told to the hour, so that not every request writes.
_USE_NOTED_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Token:
    """A secret by which a program acts for a person; the secret itself is shown once, when the token is made."""

    id: int
    title: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None


class Tokens:
    """All tokens of one server.

    Args:
        database: with their table.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, title: str, *, days: int | None = None) -> str:
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
        secret = _PREFIX + secrets.token_urlsafe(32)
        with self._database.session() as session:
            token = ApiToken(
                user_id=user_named(session, name).id,
                title=one_line(title, "title of a token"),
                digest=secret_digest(secret),
                created=now(),
                expires=None if days is None else now() + timedelta(days=days),
            )
            session.add(token)
            session.commit()
        return secret

    def of_person(self, user_id: int) -> list[Token]:
        """A person's tokens, newest first."""
        with self._database.session() as session:
            rows = session.scalars(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc()))
            return [Token(row.id, row.title, row.created, row.expires, row.last_used) for row in rows]

    def revoke(self, user_id: int, token_id: int) -> bool:
        """Take back a person's token; False if there was none."""
        with self._database.session() as session:
            gone = session.execute(delete(ApiToken).where(ApiToken.user_id == user_id, ApiToken.id == token_id))
            session.commit()
            return bool(gone.rowcount)  # type: ignore[attr-defined]

    def person(self, secret: str) -> Person | None:
        """Whom a program acts for; None where the token is unknown, over or taken back, or the account disabled."""
        with self._database.session() as session:
            token = session.scalar(
                select(ApiToken).where(
                    ApiToken.digest == secret_digest(secret), or_(ApiToken.expires.is_(None), ApiToken.expires > now())
                )
            )
            user = session.get(User, token.user_id) if token is not None else None
            if token is None or user is None or user.disabled:
                return None
            if token.last_used is None or token.last_used < now() - _USE_NOTED_EVERY:
                token.last_used = now()
                # On a full disk programs still read and delete.
                with suppress(Unavailable), telling_what_passes():
                    session.commit()
            return person_of(user)
