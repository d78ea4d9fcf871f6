"""Style and scripts under an address that changes with them, so that browsers need not ask for them again."""

import hashlib
from pathlib import Path

from flask import Flask, Response, request

# A year, because RFC 9111 knows no "for ever".
_KEPT_SECONDS = 365 * 24 * 3600


def address_of(folder: Path) -> str:
    """Path of the address under which the files of a folder are served, such as ``/static/3f2a9c01d7e4``.

    Modules name each other by relative paths, which keep what stands before them; a query would not be kept.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return f"/static/{digest.hexdigest()[:12]}"


def keep_in_browsers(app: Flask) -> None:
    """Say with each of these files that it never changes, where the address changes with it."""

    @app.after_request
    def keep(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 206, 304):
            response.headers["Cache-Control"] = f"public, max-age={_KEPT_SECONDS}, immutable"
        return response
