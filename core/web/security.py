"""Who may speak to the server at all: names that it answers to, sites that may call it, headers for its pages."""

import ipaddress
import socket
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import BadRequest, Forbidden, NotFound
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from core.errors import ChestLensError
from core.settings import SHORTEST_KEY, ServerSettings

_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_EVERY_ADDRESS = ("0.0.0.0", "::", "")


class OpenToOthers(ChestLensError):
    """The server would be open to whoever reaches it."""


class NoSuchHost(ChestLensError):
    """The name to listen on stands for no address."""


class ForeignHost(BadRequest):
    """The request names a host that is not this server's."""

    name = "Foreign host"
    description = (
        "This server does not answer to that name; open it by the address that it printed at its start, or add the "
        "name to CHESTLENS_HOSTS."
    )


class ForeignSite(Forbidden):
    """Another site caused the request."""

    name = "Cross site"
    description = "Another site may not read or change studies here."


def is_own(host: str) -> bool:
    """Whether a name or address stands for nothing but this machine as seen from itself.

    Raises:
        NoSuchHost: nothing has that name.
    """
    if host in _EVERY_ADDRESS:
        return False
    try:
        entries = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        raise NoSuchHost(f"--host {host} is no address of this machine, and no name of one.") from None
    found = {str(entry[4][0]).partition("%")[0] for entry in entries}
    return all(ipaddress.ip_address(address).is_loopback for address in found)


def check_address(settings: ServerSettings, *, users: bool) -> None:
    """Refuse to listen where other machines reach the server before it knows who its users are.

    Raises:
        NoSuchHost: nothing has that name.
        OpenToOthers: the address is not this machine's own, and there are no users or no key of the settings.
    """
    missing = [
        *([] if users else ["add a user with: python -m core users add NAME --role admin"]),
        *([] if settings.secret_key else [f"set CHESTLENS_SECRET_KEY to {SHORTEST_KEY} or more random characters"]),
    ]
    if missing and not is_own(settings.host):
        raise OpenToOthers(
            f"With --host {settings.host} other machines reach ChestLens; first {', and '.join(missing)}."
        )


def protect(app: Flask, settings: ServerSettings) -> None:
    """Install the checks and the headers.

    A name of somebody else that leads here (DNS rebinding) would let a foreign page read studies as its own; so the
    server answers to known names only. Browsers say in ``Sec-Fetch-Site`` whether another site caused a request, older
    ones in ``Origin``; programs send neither and are not affected.
    """
    if settings.proxies:
        every = dict.fromkeys(("x_for", "x_proto", "x_host", "x_prefix"), settings.proxies)
        app.wsgi_app = ProxyFix(app.wsgi_app, **every)  # type: ignore[method-assign]
    names = ["localhost", settings.host.lower(), *(name.lower() for name in settings.hosts)]

    @app.before_request
    def refuse_foreign_hosts() -> None:
        host = request.environ.get("HTTP_HOST", "").lower()
        name = (urlsplit(f"//{host}").hostname or "") if host_is_trusted(host) else ""
        if (address := _address(name)) is None:
            known = host_is_trusted(name, names)
        else:
            # A server on every address is reached by any of them; who rebinds has a name, never an address.
            known = address.is_loopback or name in names or settings.host in _EVERY_ADDRESS
        if not known:
            raise ForeignHost

    @app.before_request
    def refuse_foreign_sites() -> None:
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        if site in ("cross-site", "same-site"):
            # A link that leads here from elsewhere is followed; what a page elsewhere embeds or fetches is not given.
            followed = request.method in _SAFE_METHODS and request.headers.get("Sec-Fetch-Mode") == "navigate"
            if not followed and (request.method not in _SAFE_METHODS or request.path.startswith("/api")):
                raise ForeignSite
        # A form of ours is sent with the origin "null" by some browsers, which then say where it comes from.
        told_own = origin == "null" and site in ("same-origin", "none")
        if origin is not None and not told_own and urlsplit(origin).netloc.lower() != request.host.lower():
            raise ForeignSite

    @app.before_request
    def refuse_impossible_addresses() -> None:
        # Nothing that is looked up has a NUL in its name, and PostgreSQL takes none in a text.
        if any("\0" in text for text in (request.path, *request.args, *request.args.values())):
            raise NotFound

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if request.path.startswith("/api") and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
