"""Signing in and out: with a password, or by a provider of OpenID Connect."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter, RequestLimit
from flask_limiter.util import get_remote_address
from flask_login import login_user, logout_user
from werkzeug.exceptions import Forbidden, ServiceUnavailable

from core.accounts import Person
from core.settings import ServerSettings
from core.web.access import SignedInUser, note, person
from core.web.forms import SignInForm
from core.web.services import services

blueprint = Blueprint("signing_in", __name__)

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
    view: Any = app.view_functions["signing_in.sign_in"]
    for limit, key in ((_TRIES_FOR_A_NAME, _tried_name), (_TRIES_FROM_AN_ADDRESS, get_remote_address)):
        view = limiter.limit(limit, key_func=key, methods=["POST"], deduct_when=_has_failed, on_breach=_too_many)(view)
    app.view_functions["signing_in.sign_in"] = view
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
        return provider.authorize_redirect(url_for("signing_in.signed_in_elsewhere", _external=True))
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
    return redirect(url_for("signing_in.sign_in"))


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
    # The moment is rounded up to a whole second.
    seconds = max(1, int(limit.reset_at - datetime.now(UTC).timestamp()))
    minutes = -(-seconds // 60)
    error = f"Too many attempts; try again in {minutes} minute{'s' if minutes > 1 else ''}."
    response = Response(_sign_in_page(SignInForm(), error), 429, {"Retry-After": str(seconds)})
    return response
