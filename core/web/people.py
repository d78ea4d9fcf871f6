"""Signing in and out, the own account, and for admins the people and the audit log."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter, RequestLimit
from flask_limiter.util import get_remote_address
from flask_login import login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.exceptions import Forbidden, ServiceUnavailable

from core.accounts import ROLES, AccountError, Person
from core.accounts.roles import MEANINGS
from core.settings import ServerSettings
from core.studies.audit import LONGEST_PAGE, Search
from core.studies.errors import Unavailable
from core.studies.tables import AuditEntry, iso
from core.studies.worklist import BadQuery, number
from core.web.access import NO_ACCOUNTS, NotAllowed, SignedInUser, note, person
from core.web.forms import ChangePersonForm, NewPersonForm, NewTokenForm, PasswordForm, SignInForm
from core.web.services import services
from core.web.sessions import current_session

blueprint = Blueprint("people", __name__)

# Counted are failures alone. Whoever guesses has a few tries for a name and some more for all names together; a name
# is blocked for everybody meanwhile, so that many machines have no more tries than one.
_TRIES_FOR_A_NAME = "8 per 15 minutes"
_TRIES_FROM_AN_ADDRESS = "40 per 15 minutes"
_PROVIDER = "provider"


class NoAccount(Forbidden):
    """The provider vouches for somebody who has no account here."""

    name = "No account"


class ProviderAway(ServiceUnavailable):
    """The provider of OpenID Connect does not answer."""

    name = "Provider away"
    description = "The sign-in provider does not answer; try again in a minute, or sign in with a password."


def install(app: Flask, settings: ServerSettings) -> None:
    """Add the pages to the application, with their limits and the provider of OpenID Connect."""
    app.register_blueprint(blueprint)
    limiter = Limiter(
        get_remote_address,
        app=app,
        storage_uri=settings.redis_url or "memory://",
        # Without Redis for a while each process counts by itself.
        in_memory_fallback_enabled=settings.redis_url is not None,
    )
    view: Any = app.view_functions["people.sign_in"]
    for limit, key in ((_TRIES_FOR_A_NAME, _tried_name), (_TRIES_FROM_AN_ADDRESS, get_remote_address)):
        view = limiter.limit(limit, key_func=key, methods=["POST"], deduct_when=_has_failed, on_breach=_too_many)(view)
    app.view_functions["people.sign_in"] = view
    app.extensions["chestlens.sign_in_provider"] = settings.sign_in
    if settings.sign_in is not None:
        # Most servers have no provider, and start without its library.
        from authlib.integrations.flask_client import OAuth

        OAuth(app).register(
            _PROVIDER,
            client_id=settings.sign_in.client_id,
            client_secret=settings.sign_in.client_secret,
            server_metadata_url=f"{settings.sign_in.issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10},
        )


@blueprint.app_context_processor
def who() -> dict[str, Any]:
    """What every page needs to know of the person; an error page is shown without, while the database is away."""
    try:
        return {"person": person()}
    except Unavailable:
        return {"person": None}


# Signing in and out


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Sign in with a password."""
    if not services().accounts.exist() or person() is not None:
        return redirect(_wanted())
    form = SignInForm()
    if request.method == "GET" or not form.validate():
        return _sign_in_page(form)
    found = services().accounts.check_password(form.username.data or "", form.password.data or "")
    if found is None:
        note("sign-in refused")
        return _sign_in_page(form, "The name or the password is wrong, or the account is disabled."), 401
    return _signed_in(found)


@blueprint.get("/sign-in/provider")
def sign_in_elsewhere() -> ResponseReturnValue:
    """Go to the provider of OpenID Connect."""
    from authlib.integrations.base_client import OAuthError

    provider = _provider()
    session["next"] = request.args.get("next", "")
    try:
        return provider.authorize_redirect(url_for("people.signed_in_elsewhere", _external=True))
    except (OSError, KeyError, ValueError, OAuthError):
        raise ProviderAway from None


@blueprint.get("/sign-in/provider/back")
def signed_in_elsewhere() -> ResponseReturnValue:
    """Come back from the provider of OpenID Connect."""
    from authlib.integrations.base_client import OAuthError

    provider, settings = _provider(), current_app.extensions["chestlens.sign_in_provider"]
    try:
        claims = provider.authorize_access_token().get("userinfo") or {}
    except OAuthError:
        note("sign-in refused")
        raise NoAccount("The sign-in was broken off or took too long; begin again.") from None
    except (OSError, KeyError, ValueError):
        raise ProviderAway from None
    name = str(claims.get(settings.claim, ""))
    # An address that nobody has verified may be anybody's.
    if not claims.get("sub") or (settings.claim == "email" and claims.get("email_verified") is False):
        name = ""
    found = services().accounts.of_provider(settings.issuer, str(claims.get("sub", "")), name)
    if found is None:
        note("sign-in refused")
        raise NoAccount(f"There is no active account for {name or 'you'}; ask an administrator of this server for one.")
    return _signed_in(found)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    if person() is not None:
        note("sign out")
        logout_user()
    session.clear()
    return redirect(url_for("people.sign_in"))


def _signed_in(found: Person) -> Response:
    wanted = _wanted()
    session.clear()
    login_user(SignedInUser(found))
    note("sign in")
    return redirect(wanted)  # type: ignore[return-value]


def _sign_in_page(form: SignInForm, error: str = "") -> str:
    settings = current_app.extensions["chestlens.sign_in_provider"]
    return render_template("pages/sign_in.html", form=form, error=error, provider=settings, wanted=_wanted())


def _wanted() -> str:
    """Where the person wanted to go; on this server and nowhere else."""
    wanted = request.values.get("next") or session.get("next") or ""
    parts = urlsplit(wanted)
    is_here = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return wanted if is_here and wanted.isprintable() else url_for("pages.upload")


def _provider() -> Any:
    if current_app.extensions["chestlens.sign_in_provider"] is None:
        raise NoAccount("This server has no sign-in provider; sign in with a password.")
    return getattr(current_app.extensions["authlib.integrations.flask_client"], _PROVIDER)


def _tried_name() -> str:
    return request.form.get("username", "").strip().casefold()[:64]


def _has_failed(response: Response) -> bool:
    return response.status_code == 401


def _too_many(limit: RequestLimit) -> Response:
    seconds = max(1, round(limit.reset_at - datetime.now(UTC).timestamp()))
    minutes = -(-seconds // 60)
    error = f"Too many attempts; try again in {minutes} minute{'s' if minutes > 1 else ''}."
    response = Response(_sign_in_page(SignInForm(), error), 429, {"Retry-After": str(seconds)})
    return response


# The own account


@blueprint.get("/account")
def account() -> Response:
    """The own password, and tokens for programs."""
    return _account_page()


@blueprint.post("/account/password")
def change_password() -> ResponseReturnValue:
    """Set the own password, and end all other sessions."""
    form, known, accounts = PasswordForm(), _somebody(), services().accounts
    if form.validate():
        if accounts.check_password(known.name, form.current.data or "") is None:
            note("change password refused")
            return _account_page(password=form, error="The current password is not right; nothing was changed.")
        try:
            accounts.set_password(known.name, form.new.data or "", keep_session=current_session().secret)
        except AccountError as error:
            return _account_page(password=form, error=str(error))
        note("change password")
        flash("Your password was changed. Your other sessions have ended.")
        return redirect(url_for("people.account"))
    return _account_page(password=form, error=_first_error(form))


@blueprint.post("/account/tokens")
def make_token() -> ResponseReturnValue:
    """Make a token, which the answer shows once."""
    form, known = NewTokenForm(), _somebody()
    if not form.validate():
        return _account_page(token=form, error=_first_error(form))
    try:
        made = services().accounts.add_token(known.name, form.title.data or "", days=form.days.data)
    except AccountError as error:
        return _account_page(token=form, error=str(error))
    note("make token")
    return _account_page(made=made)


@blueprint.post("/account/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Take back a token."""
    if services().accounts.revoke_token(_somebody().id, token_id):
        note("revoke token")
        flash("The token was taken back; programs that use it are refused from now on.")
    return redirect(url_for("people.account"))


def _account_page(
    *, password: PasswordForm | None = None, token: NewTokenForm | None = None, made: str = "", error: str = ""
) -> Response:
    page = render_template(
        "pages/account.html",
        password=password or PasswordForm(formdata=None),
        token=token or NewTokenForm(formdata=None),
        made=made,
        error=error,
        tokens=services().accounts.tokens(_somebody().id),
        may=[MEANINGS[role] for role in ROLES[: ROLES.index(_somebody().role) + 1]],
        now=datetime.now(UTC),
    )
    # It may hold a token.
    return Response(page, 422 if error else 200, {"Cache-Control": "no-store"})


# Admins


@blueprint.get("/people")
def people() -> ResponseReturnValue:
    """Everybody who has an account."""
    return _people_page()


@blueprint.post("/people")
def add_person() -> ResponseReturnValue:
    """Make an account."""
    form = NewPersonForm()
    if not form.validate():
        return _people_page(form, _first_error(form))
    try:
        added = services().accounts.add(
            form.username.data or "",
            None if form.single_sign_on.data else form.password.data or "",
            role=form.role.data,
            full_name=form.full_name.data or "",
            group=form.group.data or "",
        )
    except AccountError as error:
        return _people_page(form, str(error))
    note("add person", detail={"person": added.name, "role": added.role})
    flash(f"{added.full_name} was added.")
    return redirect(url_for("people.people"))


@blueprint.post("/people/<name>")
def change_person(name: str) -> ResponseReturnValue:
    """Give somebody another role, group or password, or refuse or allow signing in."""
    form, accounts, known = ChangePersonForm(), services().accounts, _somebody()
    if not form.validate():
        return _people_page(error=_first_error(form))
    if name == known.name and (form.role.data != known.role or not form.active.data):
        # So that an admin is always left.
        return _people_page(error="You cannot take your own role or your own account; ask another admin.")
    try:
        changed = accounts.change(name, role=form.role.data, group=form.group.data or "")
        if changed.disabled == form.active.data:
            changed = accounts.set_disabled(name, not form.active.data)
        if form.password.data:
            accounts.set_password(name, form.password.data, keep_session=current_session().secret)
    except AccountError as error:
        return _people_page(error=str(error))
    facts = {"person": name, "role": changed.role, "disabled": changed.disabled, "password": bool(form.password.data)}
    note("change person", detail=facts)
    flash(f"{changed.full_name} was changed.")
    return redirect(url_for("people.people"))


def _people_page(form: NewPersonForm | None = None, error: str = "") -> ResponseReturnValue:
    page = render_template(
        "pages/people.html",
        form=form or NewPersonForm(formdata=None),
        is_adding=form is not None,
        error=error,
        people=services().accounts.all(),
        roles=ROLES,
        meanings=MEANINGS,
    )
    return page, 422 if error else 200


@blueprint.get("/audit")
def audit() -> str:
    """The audit log as a page."""
    search = _search()
    entries = services().audit.find(search)
    return render_template(
        "pages/audit.html",
        entries=entries,
        search=search,
        older=_older("people.audit", search, entries),
        actions=services().audit.actions(),
        people=services().accounts.all(),
    )


@blueprint.get("/api/audit")
def audit_entries() -> dict[str, Any]:
    """The audit log, latest first: ``{"entries": [{"id", "time", "actor", "action", "study", "detail"}], "older"}``.

    ``actor``, ``action``, ``study``, ``since`` and ``until`` (days, or moments as ISO 8601) search, ``limit`` (up to
    200) and ``before`` (an ``id``) leaf through; ``older`` is the address of the entries before, or null.
    """
    search = _search()
    entries = services().audit.find(search)
    return {
        "entries": [
            {
                "id": entry.id,
                "time": iso(entry.time),
                "actor": entry.actor,
                "action": entry.action,
                "study": entry.study_id,
                "detail": entry.detail,
            }
            for entry in entries
        ],
        "older": _older("people.audit_entries", search, entries),
    }


def _older(endpoint: str, search: Search, entries: list[AuditEntry]) -> str | None:
    """Address of the entries before these, if there may be any."""
    if len(entries) < search.limit:
        return None
    asked: dict[str, Any] = request.args.to_dict() | {"before": entries[-1].id}
    return url_for(endpoint, **asked)


def _search() -> Search:
    asked = request.args
    return Search(
        actor=asked.get("actor") or None,
        action=asked.get("action") or None,
        study_id=asked.get("study") or None,
        since=_moment("since"),
        # A day as the end is meant with all its hours.
        until=_moment("until", whole_day=True),
        before=number(asked, "before", None, lowest=1, highest=2**31 - 1),
        limit=number(asked, "limit", 50, lowest=1, highest=LONGEST_PAGE),
    )


def _moment(name: str, *, whole_day: bool = False) -> datetime | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"The parameter {name} must be a day such as 2026-01-31, or a moment as ISO 8601.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment + timedelta(days=1) if whole_day and len(text) == len("2026-01-31") else moment


def _somebody() -> Person:
    """Who asks, on pages that nobody sees without an account."""
    known = person()
    if known is None:
        raise NotAllowed(NO_ACCOUNTS)
    return known


def _first_error(form: FlaskForm) -> str:
    return next((str(told) for field in form for told in field.errors), "")
