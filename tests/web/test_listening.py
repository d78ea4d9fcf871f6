"""What the HTTP server turns away by itself, read from its socket."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from serving import serving

_MOST = 4000


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = Flask("nothing is asked of it")
    app.config["MAX_CONTENT_LENGTH"] = _MOST
    with serving(app) as port:
        yield port


def _ask(port: int, request: bytes) -> tuple[int, str, str]:
    """Status, content type and body of the answer to bytes that no careful client sends."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    kind = next(line.partition(":")[2].strip() for line in lines if line.lower().startswith("content-type"))
    return int(lines[0].split()[1]), kind, body.decode()


def _head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *lines, "", ""]).encode()


@pytest.mark.parametrize("path", ["/api/studies", "/api/guard", "/api/studies/1/review"])
@pytest.mark.parametrize("declared", [_MOST + 1, 2**31, 2**40])
def test_a_body_that_is_announced_as_too_large_is_answered_as_json(port: int, path: str, declared: int) -> None:
    status, kind, body = _ask(port, _head("POST", path, f"Content-Length: {declared}"))
    assert (status, kind) == (413, "application/json")
    error = json.loads(body)["error"]
    assert error["code"] == "too_large"
    assert "send less at once" in error["message"]


def test_a_body_that_grows_too_large_is_answered_as_json(port: int) -> None:
    chunk = b"%x\r\n%s\r\n" % (1000, b"x" * 1000)
    head = _head("POST", "/api/studies", "Transfer-Encoding: chunked", "Content-Type: application/octet-stream")
    status, kind, body = _ask(port, head + chunk * 5 + b"0\r\n\r\n")
    assert (status, kind) == (413, "application/json")
    assert json.loads(body)["error"]["code"] == "too_large"


def test_a_request_that_is_none_is_answered_in_the_same_form(port: int) -> None:
    status, kind, body = _ask(port, _head("POST", "/api/studies", "Content-Length: many"))
    assert (status, kind) == (400, "application/json")
    assert set(json.loads(body)["error"]) == {"code", "message"}


def test_pages_are_told_in_plain_text(port: int) -> None:
    status, kind, _ = _ask(port, _head("POST", "/study/1", f"Content-Length: {2**40}"))
    assert status == 413
    assert kind.startswith("text/plain")


def test_whoever_comes_after_many_who_keep_their_connections_is_answered(port: int) -> None:
    request = _head("GET", "/").replace(b"Connection: close\r\n", b"")
    with ExitStack() as kept:
        for _ in range(150):
            connection = kept.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 404")
        status, _, _ = _ask(port, _head("GET", "/"))
        assert status == 404
