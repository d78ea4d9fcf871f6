"""Headers that keep pages to themselves, and a guard against requests that other sites cause."""

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

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


def protect(app: Flask) -> None:
    """Install the headers and the guard.

    Browsers say in ``Sec-Fetch-Site`` whether another site caused a request; programs send no such header and are not
    affected.
    """

    @app.before_request
    def refuse_cross_site() -> ResponseReturnValue | None:
        if request.method not in _SAFE_METHODS and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            return jsonify(error={"code": "cross_site", "message": "Another site may not change studies here."}), 403
        return None

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if request.path.startswith("/api") and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response
