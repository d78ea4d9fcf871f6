"""Who may do what: every request passes here before it is answered, and nowhere else is it decided.

While there are no accounts, whoever is at this machine may do everything, and nobody else anything. Once there is one,
people sign in, or programs send the token of somebody, and each endpoint has a rule. Which studies are there for them
is decided by ``core.studies.visibility``.
"""

import ipaddress
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized
from werkzeug.wrappers import Request

from core.accounts import Accounts, Person, Role
from core.accounts.roles import includes
from core.logs import request_id
from core.studies.errors import Unavailable
from core.studies.viewer import Viewer, seen_by
from core.web.services import services
from core.web.sessions import ServerSessions

log = logging.getLogger(__name__)

NO_ACCOUNTS = "There are no accounts yet; add one with: python -m core users add NAME --role admin"
# Whoever looks at a study, or saves a text, again within this time is not noted again.
_NOTED_EVERY_S = 600
_REMEMBERED = 20_000
_REPEATED = frozenset({"view", "list", "edit"})


@dataclass(frozen=True)
class Rule:
    """What an endpoint asks of people.

    Attributes:
        role: who may use it; None for everybody, signed in or not.
        action: what the audit log calls it; None for nothing that is noted here.
        own_below: who has a role below this one may do it to own studies only.
        in_person: programs with a token may not.
    """

    role: Role | None
    action: str | None = None
    own_below: Role | None = None
    in_person: bool = False


_OPEN = Rule(None)
_SIGNED_IN = Rule("uploader")
_VIEW = Rule("uploader", "view")
_EXPORT = Rule("uploader", "export")
_IN_PERSON = Rule("uploader", in_person=True)
_ADMIN_IN_PERSON = Rule("admin", in_person=True)
# An endpoint that nobody thought of is not given to everybody.
_UNKNOWN = Rule("admin")

RULES: dict[str, Rule] = {
    "static": _OPEN,
    "health.alive": _OPEN,
    "health.ready": _OPEN,
    "signing_in.sign_in": _OPEN,
    "signing_in.sign_in_elsewhere": _OPEN,
    "signing_in.signed_in_elsewhere": _OPEN,
    "signing_in.sign_out": _OPEN,
    "metrics": _SIGNED_IN,
    "pages.upload": _SIGNED_IN,
    "pages.phantom": _SIGNED_IN,
    "pages.study": _VIEW,
    "worklist.index": Rule("uploader", "list"),
    "worklist.table": _EXPORT,
    # The worker notes what was made for whom.
    "exports.create": _SIGNED_IN,
    "exports.read": _SIGNED_IN,
    "exports.file": _SIGNED_IN,
    "exports.delete": _SIGNED_IN,
    "ingestion.create": Rule("uploader", "upload"),
    "api.read": _VIEW,
    "api.image": _VIEW,
    "api.pixels": _VIEW,
    "api.heatmaps": _VIEW,
    "api.heatmap": _VIEW,
    "api.download": _EXPORT,
    "api.analyse_again": Rule("uploader", "analyse again"),
    "api.delete": Rule("uploader", "delete", own_below="reviewer"),
    "guard.guard": _SIGNED_IN,
    "samples.gallery": _SIGNED_IN,
    "samples.index": _SIGNED_IN,
    "samples.thumbnail": _SIGNED_IN,
    "samples.choose": Rule("uploader", "upload"),
    "reviews.read": _VIEW,
    "reviews.versions": _VIEW,
    "reviews.check": _VIEW,
    "reviews.record": _EXPORT,
    "reviews.save": Rule("reviewer", "edit"),
    "reviews.sign": Rule("reviewer", "sign"),
    "reviews.reopen": Rule("reviewer", "reopen"),
    "inquiries.index": _VIEW,
    "inquiries.ask": Rule("uploader", "ask"),
    "inquiries.compare": Rule("uploader", "compare"),
    "inquiries.remove": Rule("uploader", "remove inquiry", own_below="reviewer"),
    "ehr.check": _SIGNED_IN,
    "ehr.read": _VIEW,
    "ehr.save": Rule("uploader", "add record"),
    "ehr.remove": Rule("uploader", "remove record"),
    "people.account": _IN_PERSON,
    "people.change_password": _IN_PERSON,
    "people.make_token": _IN_PERSON,
    "people.revoke_token": _IN_PERSON,
    "people.people": _ADMIN_IN_PERSON,
    "people.add_person": _ADMIN_IN_PERSON,
    "people.change_person": _ADMIN_IN_PERSON,
    "audit.page": Rule("admin"),
    "audit.entries": Rule("admin"),
}


class NotSignedIn(Unauthorized):
    """Nobody has signed in."""

    name = "Not signed in"
    description = "Sign in first, or send an API token as 'Authorization: Bearer TOKEN'."


class NotAllowed(Forbidden):
    """The person's role does not include this."""

    name = "Not allowed"


class StalePage(BadRequest):
    """A form or a script does not bring the token of its session (cross-site request forgery)."""

    name = "Stale page"
    description = "This page is out of date; load it again and send it once more."


class SignedInUser(UserMixin):
    """A person as Flask-Login takes one."""

    def __init__(self, person: Person, *, by_token: bool = False) -> None:
        self.id = str(person.id)
        self.person = person
        self.by_token = by_token


def person() -> Person | None:
    """Who asks; None where nobody has signed in."""
    return current_user.person if isinstance(current_user._get_current_object(), SignedInUser) else None


def concerning(study_ids: Iterable[str]) -> None:
    """Say which studies the request was about, where its address does not name one."""
    g.setdefault("studies", []).extend(study_ids)


def note(action: str, *, studies: Iterable[str] = (), detail: dict[str, Any] | None = None) -> None:
    """Add to the audit log what the person did."""
    known = person()
    about = {"address": request.remote_addr, "request": request_id.get()} | (detail or {})
    try:
        services().audit.add(
            action,
            actor_id=known.id if known else None,
            actor=known.name if known else "",
            studies=list(studies),
            detail=about,
        )
    except Unavailable as error:
        # A full disk must not keep a study from being deleted; the log of the server has the entry then.
        log.error("the audit log could not be added to: %s", error, extra={"action": action, "detail": about})


def control(app: Flask, accounts: Accounts) -> None:
    """Install sessions, sign-in and the check of every request."""
    app.session_interface = ServerSessions(accounts.sessions)
    app.config |= {
        "SESSION_COOKIE_NAME": "chestlens_session",
        "WTF_CSRF_CHECK_DEFAULT": False,
        # As long as the session.
        "WTF_CSRF_TIME_LIMIT": None,
        # ``core.web.security`` looks at where a request comes from.
        "WTF_CSRF_SSL_STRICT": False,
    }
    csrf = CSRFProtect(app)
    manager = LoginManager(app)
    manager.session_protection = None

    @manager.user_loader
    def of_session(user_id: str) -> SignedInUser | None:
        found = accounts.get(int(user_id))
        return None if found is None or found.disabled else SignedInUser(found)

    @manager.request_loader
    def of_token(incoming: Request) -> SignedInUser | None:
        given = incoming.authorization
        if given is None or given.type != "bearer" or not given.token:
            return None
        found = accounts.tokens.person(given.token)
        return None if found is None else SignedInUser(found, by_token=True)

    @app.before_request
    def check() -> ResponseReturnValue | None:
        if request.endpoint is None:
            return None  # there is nothing at this address
        rule = RULES.get(request.endpoint, _UNKNOWN)
        if rule.role is None and request.method not in app.config["WTF_CSRF_METHODS"]:
            return None  # also while the database is away
        if not accounts.exist():
            _check_own_machine(rule)
            return None
        if rule.role is None:
            _check_form(csrf)
            return None
        if (failure := getattr(session, "failure", None)) is not None:
            raise failure
        known = person()
        if known is None:
            if request.method == "GET" and not request.path.startswith("/api") and request.endpoint != "metrics":
                return redirect(url_for("signing_in.sign_in", next=request.full_path.rstrip("?")))
            raise NotSignedIn
        if not current_user.by_token:
            _check_form(csrf)
        elif rule.in_person:
            raise NotAllowed("A token cannot do this; sign in on the page.")
        if not includes(known.role, rule.role):
            note("refuse", studies=_named_studies(), detail={"endpoint": request.endpoint})
            raise NotAllowed(f"This needs the role {rule.role}; you have the role {known.role}.")
        g.seen = seen_by(Viewer(known.id, known.group, sees_all=known.role == "admin"))
        g.seen.__enter__()
        if rule.own_below and not includes(known.role, rule.own_below):
            _check_own_study(known)
        return None

    noted: dict[tuple[int, str, str], float] = {}

    @app.after_request
    def keep_note(response: Response) -> Response:
        rule = RULES.get(request.endpoint or "", _OPEN)
        known = person() if rule.action else None
        if known is None or rule.action is None or response.status_code >= 400:
            return response
        studies = _named_studies()
        if rule.action in _REPEATED:
            if len(noted) > _REMEMBERED:
                noted.clear()
            key, moment = (known.id, rule.action, ",".join(studies)), time.monotonic()
            if noted.get(key, -_NOTED_EVERY_S) > moment - _NOTED_EVERY_S:
                return response
            noted[key] = moment
        if rule.action in ("upload", "export") and not studies:
            return response
        detail: dict[str, Any] = {"file": request.path.rpartition("/")[2]} if rule.action == "export" else {}
        if (number := (request.view_args or {}).get("inquiry_id")) is not None:
            detail["inquiry"] = number
        note(rule.action, studies=studies, detail=detail)
        return response

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        if (seen := g.pop("seen", None)) is not None:
            seen.__exit__(None, None, None)


def _check_form(csrf: CSRFProtect) -> None:
    try:
        csrf.protect()
    except CSRFError:
        raise StalePage from None


def _named_studies() -> list[str]:
    named = (request.view_args or {}).get("study_id")
    return [named] if named else g.get("studies", [])


def _check_own_machine(rule: Rule) -> None:
    """Without accounts only this machine itself is answered; a proxy that is not declared would hide who asks."""
    forwarded = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP"))
    proxied = forwarded and request.environ.get("werkzeug.proxy_fix.orig") is None
    try:
        is_own = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        is_own = False
    if rule.role is not None and (proxied or not is_own):
        raise NotAllowed(f"Only the machine itself may use ChestLens until people sign in. {NO_ACCOUNTS}")


def _check_own_study(known: Person) -> None:
    if services().studies.find((request.view_args or {}).get("study_id", "")).owner_id != known.id:
        raise NotAllowed("You may delete only what you have uploaded yourself; ask a reviewer of your group.")
