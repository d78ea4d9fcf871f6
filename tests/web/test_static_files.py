"""Browsers fetch style and scripts once, and again only when they have changed."""

import re
import shutil
from pathlib import Path

from flask import Flask

from core.settings import ROOT
from core.web.static_files import address_of


def test_pages_name_files_that_browsers_may_keep_for_ever(app: Flask) -> None:
    client = app.test_client()
    named = re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get("/").text)
    assert any(address.endswith(".css") for address in named)
    assert any(address.endswith(".js") for address in named)
    for address in named:
        assert address.startswith(address_of(ROOT / "static") + "/")
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")


def test_nothing_else_is_kept_for_ever_and_no_other_address_serves_the_files(app: Flask) -> None:
    client = app.test_client()
    for address in (
        "/",
        "/api/studies",
        "/samples/phantom.png",
        "/static/css/base.css",
        "/static/0123456789ab/css/base.css",
    ):
        assert "immutable" not in client.get(address).headers.get("Cache-Control", ""), address
    assert client.get("/static/0123456789ab/css/base.css").status_code == 404
    missing = client.get(f"{address_of(ROOT / 'static')}/css/none.css")
    assert (missing.status_code, "immutable" in missing.headers.get("Cache-Control", "")) == (404, False)


def test_the_address_changes_with_a_byte_and_with_a_name(tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "static", tmp_path / "static")
    before = address_of(folder)
    assert before == address_of(ROOT / "static")
    script = folder / "js" / "api.js"
    script.write_bytes(script.read_bytes() + b"\n")
    changed = address_of(folder)
    script.rename(script.with_name("api_.js"))
    assert len({before, changed, address_of(folder)}) == 3
