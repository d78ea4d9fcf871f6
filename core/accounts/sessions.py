"""Sessions of browsers, in the database.

Secrets of sessions and tokens have 256 random bits, so that a plain digest of them is as good as a slow one; none can
be read back from the database.
"""

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import delete

from core.settings import ServerSettings
from core.studies.database import Database, telling_what_passes
from core.studies.errors import Unavailable
from core.studies.tables import SignedIn, now

SESSION_HOURS = 12
_VISITOR_HOURS = 1


class Sessions:
    """All sessions of one server.

    Args:
        database: with their table.
        idle_minutes: after so long without a request, a session is over.
    """

    def __init__(self, database: Database, *, idle_minutes: int = ServerSettings.idle_minutes) -> None:
        self._database, self._idle = database, timedelta(minutes=idle_minutes)

    def open(self, user_id: int | None, data: Mapping[str, Any]) -> str:
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
                    digest=secret_digest(secret),
                    user_id=user_id,
                    data=dict(data),
                    expires=now() + timedelta(hours=hours),
                )
            )
            session.commit()
        return secret

    def find(self, secret: str) -> dict[str, Any] | None:
        """What belongs to a session; None where it is unknown or over."""
        with self._database.session() as session:
            found, moment = session.get(SignedIn, secret_digest(secret)), now()
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

    def update(self, secret: str, data: Mapping[str, Any]) -> None:
        """Keep other data for a session that is open."""
        with self._database.session() as session:
            found = session.get(SignedIn, secret_digest(secret))
            if found is not None:
                found.data = dict(data)
                session.commit()

    def close(self, secret: str) -> None:
        """End a session."""
        with self._database.session() as session:
            session.execute(delete(SignedIn).where(SignedIn.digest == secret_digest(secret)))
            session.commit()


def secret_digest(secret: str) -> str:
    """A secret as the database keeps it."""
    return hashlib.sha256(secret.encode()).hexdigest()
