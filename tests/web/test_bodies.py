"""Whatever JSON a request brings, it is read or refused with a sentence."""

import io
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient

HOSTILE = {
    "nothing": b"",
    "half an object": b"{",
    "a list": b"[]",
    "deep lists": b"[" * 30_000,
    "deep objects": b'{"a":' * 10_000,
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "no number": b'{"text": NaN, "revision": NaN, "Age": NaN}',
    "no finite number": b'{"text": -Infinity, "Age": Infinity}',
    "half a letter": b'{"text": {"findings": "\\ud800", "impression": "\\ud800"}, "revision": 0, "name": "\\ud800"}',
    "no letter": b'{"question": "\\u0000", "name": "\\u0000", "reason": "\\u0000", "revision": 0}',
}
READABLE = ("half a letter", "no letter", "no UTF-8")
ADDRESSES = {
    "review": "PUT",
    "review/check": "POST",
    "review/sign": "POST",
    "review/reopen": "POST",
    "questions": "POST",
    "comparisons": "POST",
    "ehr": "PUT",
}


@pytest.fixture
def study(app: Flask, phantom_png_bytes: bytes) -> tuple[FlaskClient, str]:
    """A server, and the address of a finished study."""
    client = app.test_client()
    data = {"file": (io.BytesIO(phantom_png_bytes), "chest.png")}
    url = client.post("/api/studies", data=data).json["links"]["self"]
    while client.get(url).json["status"] != "done":
        time.sleep(0.05)
    return client, url


def test_hostile_bodies_are_read_or_refused_with_a_sentence(study: tuple[FlaskClient, str]) -> None:
    client, url = study
    addresses = {f"{url}/{place}": method for place, method in ADDRESSES.items()} | {"/api/guard": "POST"}
    for address, method in addresses.items():
        for kind, body in HOSTILE.items():
            answer = client.open(address, method=method, data=body, content_type="application/json")
            told = (address.rpartition("/")[2], kind, answer.text)
            assert answer.status_code in ((200, 202, 400, 409) if kind in READABLE else (400,)), told
            if answer.status_code >= 400:
                assert answer.json["error"]["message"].endswith("."), told
    assert client.get(url).json["status"] == "done"
