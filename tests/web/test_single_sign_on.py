"""Signing in through a real OpenID Connect provider, a process of its own, going back and forth as a browser does."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from people import PASSWORD
from werkzeug.test import TestResponse

from core.settings import ServerSettings, SignInProvider
from core.web import create_app, services_of

_PROVIDER = """
import sys, time
from oidc_provider_mock import User, run_server_in_thread
people = [
    User(sub="s-ann", claims={"email": "Ann@hospital.example", "email_verified": True}),
    User(sub="s-namesake", claims={"email": "ann@hospital.example", "email_verified": True}),
    User(sub="s-liar", claims={"email": "root@hospital.example", "email_verified": False}),
    User(sub="s-stranger", claims={"email": "stranger@hospital.example", "email_verified": True}),
    User(sub="s-local", claims={"email": "local@hospital.example", "email_verified": True}),
]
with run_server_in_thread(user_claims=people) as server:
    print(server.server_port, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    pytest.importorskip("oidc_provider_mock", reason="the provider that is tried against is not installed")
    process = subprocess.Popen(
        [sys.executable, "-c", _PROVIDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


@pytest.fixture(scope="module")
def hospital(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A server with people whom the provider vouches for, and one with a password."""
    folder = str(tmp_path_factory.mktemp("instance"))
    settings = ServerSettings.from_environment({"CHESTLENS_INSTANCE": folder, "CHESTLENS_WRITER": "off"})
    provider = SignInProvider(issuer, "chestlens", "a secret", title="the hospital")
    app = create_app(replace(settings, sign_in=provider))
    accounts = services_of(app).accounts
    accounts.add("ann@hospital.example", None, role="reviewer", full_name="Dr. Ann Reader")
    accounts.add("root@hospital.example", None, role="admin")
    accounts.add("local@hospital.example", PASSWORD)
    yield app
    services_of(app).close()


def go_to_the_provider(client: FlaskClient) -> str:
    page = client.get("/sign-in?next=/samples")
    assert "Continue with the hospital" in page.text
    answer = client.get("/sign-in/provider?next=/samples")
    assert answer.status_code == 302
    return str(answer.location)


def come_back(client: FlaskClient, address: str, subject: str) -> TestResponse:
    """The provider's page is sent by somebody, and the browser follows to where it leads."""
    sent = requests.post(address, data={"sub": subject}, allow_redirects=False, timeout=30)
    back = urlsplit(sent.headers["Location"])
    assert back.path == "/sign-in/provider/back"
    return client.get(f"{back.path}?{back.query}")


def test_the_provider_vouches_for_somebody(hospital: Flask) -> None:
    client = hospital.test_client()
    address = go_to_the_provider(client)
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    answer = come_back(client, address, "s-ann")
    assert (answer.status_code, answer.location) == (302, "/samples")
    page = client.get("/account").text
    assert "Dr. Ann Reader" in page
    assert "Current password" not in page


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("s-namesake", "no active account for ann@hospital.example"),
        ("s-liar", "no active account for you"),
        ("s-stranger", "no active account for stranger@hospital.example"),
        ("s-local", "no active account for local@hospital.example"),
    ],
)
def test_who_has_no_account_of_that_kind_is_not_let_in(hospital: Flask, subject: str, told: str) -> None:
    first = hospital.test_client()
    come_back(first, go_to_the_provider(first), "s-ann")
    client = hospital.test_client()
    answer = come_back(client, go_to_the_provider(client), subject)
    assert answer.status_code == 403
    assert told in answer.text
    assert client.get("/api/studies").status_code == 401


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(hospital: Flask) -> None:
    attacker, victim = hospital.test_client(), hospital.test_client()
    address = go_to_the_provider(attacker)
    go_to_the_provider(victim)
    assert come_back(victim, address, "s-ann").status_code == 403
    assert victim.get("/api/studies").status_code == 401
    assert victim.get("/sign-in/provider/back?error=access_denied").status_code == 403


def test_a_provider_that_is_away_is_told_of_and_passwords_go_on(settings: ServerSettings) -> None:
    away = SignInProvider("http://127.0.0.1:9", "chestlens", "a secret")
    app = create_app(replace(settings, sign_in=away))
    services_of(app).accounts.add("ann", PASSWORD)
    client = app.test_client()
    answer = client.get("/sign-in/provider")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert client.get("/sign-in").status_code == 200
    services_of(app).close()
