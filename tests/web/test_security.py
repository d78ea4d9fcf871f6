"""Who may speak to the server: names it answers to, sites that may call it, addresses that it may listen on."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.accounts import Accounts
from core.settings import ROOT, ServerSettings
from core.studies.database import Database
from core.web import create_app, services_of
from core.web.security import NoSuchHost, OpenToOthers, is_own

REQUESTS = [("GET", "/"), ("GET", "/api/studies"), ("POST", "/api/studies"), ("DELETE", "/api/studies/unknown")]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    environment = {"CHESTLENS_INSTANCE": str(tmp_path_factory.mktemp("instance")), "CHESTLENS_WRITER": "off"}
    app = create_app(ServerSettings.from_environment(environment))
    yield app.test_client()
    services_of(app).close()


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5000", "127.0.0.1.evil.example", "192.0.2.7:5000", "a@localhost", ""]
)
def test_a_name_that_is_not_the_servers_is_refused(client: FlaskClient, host: str, method: str, path: str) -> None:
    answer = client.open(path, method=method, headers={"Host": host})
    assert answer.status_code == 400
    assert "CHESTLENS_HOSTS" in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "127.0.0.1", "[::1]:5000", "[::1]"])
def test_the_names_of_this_machine_are_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/api/studies", headers={"Host": host}).status_code == 200


def _created_with_users(settings: ServerSettings) -> Flask:
    settings.instance.mkdir(exist_ok=True)
    database = Database(settings.database_url)
    Accounts(database).add("ann", "an old lighthouse")
    database.close()
    return create_app(replace(settings, secret_key="k" * 32))


def test_further_names_come_from_the_settings_and_the_address_listened_on(settings: ServerSettings) -> None:
    named = ServerSettings.from_environment(
        {
            "CHESTLENS_INSTANCE": str(settings.instance),
            "CHESTLENS_WRITER": "off",
            "CHESTLENS_HOSTS": "chest.example.org, .ward.example.org",
        }
    )
    app = _created_with_users(replace(named, host="192.0.2.7"))

    def status(host: str) -> int:
        return app.test_client().get("/healthz", headers={"Host": host}).status_code

    assert [status(host) for host in ("chest.example.org", "CHEST.example.org:8443", "a.ward.example.org")] == [200] * 3
    assert status("192.0.2.7:5000") == 200
    assert [status(host) for host in ("192.0.2.8", "a.chest.example.org", "example.org")] == [400] * 3
    services_of(app).close()


def test_a_server_on_every_address_answers_to_addresses_but_not_to_foreign_names(settings: ServerSettings) -> None:
    app = _created_with_users(replace(settings, host="0.0.0.0"))
    for host, status in {"192.0.2.7:5000": 200, "[2001:db8::1]:5000": 200, "evil.example": 400}.items():
        assert app.test_client().get("/healthz", headers={"Host": host}).status_code == status
    services_of(app).close()


FOREIGN: list[dict[str, str]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:81"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(("method", "path"), REQUESTS[1:])
def test_other_sites_neither_read_nor_change_studies(
    client: FlaskClient, headers: dict[str, str], method: str, path: str
) -> None:
    answer = client.open(path, method=method, headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "cross_site")


def test_a_refused_upload_leaves_no_study(client: FlaskClient, phantom_png_bytes: bytes) -> None:
    data = {"file": (io.BytesIO(phantom_png_bytes), "x.png")}
    assert client.post("/api/studies", data=data, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.get("/api/studies").json["total"] == 0


OWN: list[dict[str, str]] = [
    {},
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_own_pages_and_programs_read_and_change_studies(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.get("/api/studies", headers=headers).status_code == 200
    assert client.delete("/api/studies/unknown", headers=headers).status_code == 404


def test_a_link_from_another_site_is_followed(client: FlaskClient) -> None:
    navigation: dict[str, Any] = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=navigation).status_code == 200
    assert client.get("/api/studies.csv", headers=navigation).status_code == 200
    assert client.delete("/api/studies/unknown", headers=navigation).status_code == 403


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *((name, True) for name in ("127.0.0.1", "localhost", "::1", "127.8.8.8")),
        *((name, False) for name in ("0.0.0.0", "::", "", "192.0.2.7")),
    ],
)
def test_only_loopback_addresses_are_this_machines_own(host: str, own: bool) -> None:
    assert is_own(host) == own


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, "\u2025.example"])
def test_a_name_that_nothing_has_is_told_in_a_sentence(host: str) -> None:
    with pytest.raises(NoSuchHost, match=r"^--host .* is no address of this machine, and no name of one\.$"):
        is_own(host)


@pytest.mark.parametrize(
    "address", ["/api/studies/%00", "/studies/a%00b", "/api/audit?actor=%00", "/api/studies?%00=a"]
)
def test_addresses_that_no_database_can_look_up_lead_nowhere(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


def test_an_address_that_others_reach_needs_users_and_a_key(settings: ServerSettings) -> None:
    environment = os.environ | {"CHESTLENS_INSTANCE": str(settings.instance), "CHESTLENS_WRITER": "off"}
    arguments = [sys.executable, "app.py", "--host", "0.0.0.0", "--port", "0"]
    ended = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert "core users add" in said
    assert "CHESTLENS_SECRET_KEY" in said
    with pytest.raises(OpenToOthers, match=r"^With --host 0\.0\.0\.0 .*; first add a user"):
        create_app(replace(settings, host="0.0.0.0", secret_key="k" * 32))
    services_of(_created_with_users(replace(settings, host="0.0.0.0"))).close()
    with pytest.raises(OpenToOthers, match="first set CHESTLENS_SECRET_KEY"):
        create_app(replace(settings, host="0.0.0.0"))
