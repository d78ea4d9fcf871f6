"""Flask's ``session`` on the server: the cookie carries a random secret, the database what belongs to it."""

import logging
from typing import cast

from flask import Flask, Request, Response, request
from flask import session as flask_session
from flask.sessions import SecureCookieSession, SessionInterface, SessionMixin

from core.accounts.sessions import Sessions
from core.studies.errors import Unavailable

log = logging.getLogger(__name__)

# Where Flask-Login keeps who has signed in.
_USER = "_user_id"


class ServerSession(SecureCookieSession):
    """What belongs to one browser.

    Attributes:
        secret: what the cookie carries; empty while nothing is kept.
        user_id: who had signed in when the request came.
        failure: why it could not be read, if so.
    """

    secret = ""
    user_id: str | None = None
    failure: Unavailable | None = None


class ServerSessions(SessionInterface):
    """Keeps sessions in the database.

    A session that somebody signs in to gets a new secret, so that nobody can have planted it (session fixation).
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        """The session that the cookie names, or an empty one."""
        secret = request.cookies.get(self.get_cookie_name(app), "")
        session = ServerSession()
        if not secret or request.endpoint == "static":
            return session
        try:
            data = self._sessions.find(secret)
        except Unavailable as error:
            session.failure = error
            return session
        if data is not None:
            session = ServerSession(data)
            session.secret, session.user_id = secret, data.get(_USER)
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Keep what was changed."""
        assert isinstance(session, ServerSession)
        if session.accessed:
            response.vary.add("Cookie")
        if not session.modified:
            return
        try:
            self._save(app, session, response)
        except Unavailable as error:
            log.warning("a session could not be kept: %s", error)

    def _save(self, app: Flask, session: ServerSession, response: Response) -> None:
        user_id = session.get(_USER)
        is_same = bool(session.secret and session) and user_id == session.user_id
        if is_same:
            self._sessions.update(session.secret, session)
            return
        if session.secret:
            self._sessions.close(session.secret)
        options = {"path": self.get_cookie_path(app), "httponly": True, "samesite": "Lax", "secure": request.is_secure}
        name = self.get_cookie_name(app)
        if session:
            secret = self._sessions.open(None if user_id is None else int(user_id), session)
            response.set_cookie(name, secret, **options)  # type: ignore[arg-type]
        elif session.secret:
            response.delete_cookie(name, **options)  # type: ignore[arg-type]


def current_session() -> ServerSession:
    """The session of the request."""
    return cast(ServerSession, flask_session._get_current_object())  # type: ignore[attr-defined]
