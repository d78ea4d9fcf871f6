"""Who gets what: nobody without an account, people by their role, and studies by their owner and group."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from people import PASSWORD, Browser, add, try_to_sign_in
from sqlalchemy import update

from core.findings import LABELS
from core.reporting import FORMATS
from core.settings import ServerSettings
from core.studies.audit import Search
from core.studies.tables import Study, now
from core.web import create_app, services_of
from core.web.access import RULES


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, rendered_nih: Any) -> Iterator[Flask]:
    """A server with people: two of a ward, one alone, and an admin."""
    environment = {
        "CHESTLENS_INSTANCE": str(tmp_path_factory.mktemp("instance")),
        "CHESTLENS_WRITER": "off",
        "CHESTLENS_SAMPLES": str(rendered_nih),
    }
    app = create_app(ServerSettings.from_environment(environment))
    add(app, "ann", role="reviewer", group="ward", full_name="Dr. Ann Reader")
    add(app, "bob", role="uploader", group="ward")
    add(app, "cas", role="reviewer")
    add(app, "root", role="admin")
    yield app
    services_of(app).close()


@pytest.fixture(scope="module")
def ann(ward: Flask) -> Browser:
    return Browser(ward, "ann")


@pytest.fixture(scope="module")
def bob(ward: Flask) -> Browser:
    return Browser(ward, "bob")


@pytest.fixture(scope="module")
def cas(ward: Flask) -> Browser:
    return Browser(ward, "cas")


@pytest.fixture(scope="module")
def root(ward: Flask) -> Browser:
    return Browser(ward, "root")


@pytest.fixture(scope="module")
def study(ann: Browser, phantom_png_bytes: bytes) -> str:
    return ann.upload(phantom_png_bytes, "of-the-ward.png")


def test_every_endpoint_has_a_rule_and_every_rule_an_endpoint(ward: Flask) -> None:
    assert {rule.endpoint for rule in ward.url_map.iter_rules()} == set(RULES)


OPEN = {
    "static",
    "health.alive",
    "health.ready",
    "signing_in.sign_in",
    "signing_in.sign_in_elsewhere",
    "signing_in.signed_in_elsewhere",
}


def test_without_signing_in_there_is_nothing_but_the_door(ward: Flask, study: str) -> None:
    client = ward.test_client()
    values = {"study_id": study, "finding": "Mass", "kind": "report", "extension": "txt", "sample_id": "x"}
    values |= {"export_id": study, "token_id": "1", "inquiry_id": "1", "name": "ann", "filename": "css/base.css"}
    for rule in ward.url_map.iter_rules():
        path = rule.rule
        for argument in rule.arguments:
            path = re.sub(rf"<[^<>]*\b{argument}>", values[argument], path)
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            if rule.endpoint in OPEN:
                continue
            answer = client.open(path, method=method)
            if answer.status_code == 302:
                assert answer.location.startswith("/sign-in"), path
            else:
                # Signing out is refused as a form without its token is.
                assert answer.status_code == (400 if rule.endpoint == "signing_in.sign_out" else 401), (method, path)
    refused = client.get("/api/studies")
    assert refused.json["error"]["code"] == "not_signed_in"
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/healthz").status_code == 200


def test_a_study_is_there_for_its_group_and_admins_alone(
    study: str, ann: Browser, bob: Browser, cas: Browser, root: Browser
) -> None:
    paths = [
        f"/studies/{study}",
        *(f"/api/studies/{study}{path}" for path in ("", "/image.png", "/pixels", "/heatmaps.json", "/record.json")),
        *(f"/api/studies/{study}/heatmaps/{label}.png" for label in LABELS[:2]),
        *(f"/api/studies/{study}/review{path}" for path in ("", "/versions")),
        *(f"/api/studies/{study}/{entry.file_name}" for entry in FORMATS.values()),
    ]
    for path in paths:
        assert [who.get(path).status_code for who in (ann, bob, root)] == [200] * 3, path
        assert cas.get(path).status_code == 404, path
    for method, path in [
        ("DELETE", ""),
        ("PUT", "/review"),
        ("POST", "/review/sign"),
        ("POST", "/review/reopen"),
        ("POST", "/review/check"),
    ]:
        body = {"revision": 0, "text": {"findings": "a", "impression": "b"}, "name": "x", "reason": "y"}
        assert cas.send(method, f"/api/studies/{study}{path}", json=body).status_code == 404, path
    for listing in ("/api/studies", "/api/studies?query=ward", "/api/studies.csv"):
        assert "of-the-ward" in bob.get(listing).text
        assert "of-the-ward" not in cas.get(listing).text
    assert (cas.get("/api/studies").json["total"], cas.get("/api/studies").json["unfinished"]) == (0, 0)


def test_a_sample_becomes_a_study_for_each_group(ann: Browser, bob: Browser, cas: Browser) -> None:
    sample = ann.get("/api/samples").json["samples"][0]["id"]
    first = ann.send("POST", f"/api/samples/{sample}")
    again, other = bob.send("POST", f"/api/samples/{sample}"), cas.send("POST", f"/api/samples/{sample}")
    assert [answer.status_code for answer in (first, again, other)] == [201, 200, 201]
    assert first.json["id"] == again.json["id"] != other.json["id"]
    assert cas.get(f"/api/studies/{first.json['id']}").status_code == 404
    shown = {who: who.get("/api/samples").json["samples"][0]["study"]["id"] for who in (ann, bob, cas)}
    assert list(shown.values()) == [first.json["id"], first.json["id"], other.json["id"]]


def test_what_was_there_before_accounts_is_the_admins(settings: ServerSettings, phantom_png_bytes: bytes) -> None:
    app = create_app(settings)
    sent = app.test_client().post("/api/studies", data={"file": (io.BytesIO(phantom_png_bytes), "early.png")})
    add(app, "root", role="admin")
    add(app, "ann", role="reviewer")
    assert app.test_client().get(sent.json["links"]["self"]).status_code == 401
    assert Browser(app, "root").get("/api/studies").json["total"] == 1
    assert Browser(app, "ann").get("/api/studies").json["total"] == 0
    services_of(app).close()


def test_roles_allow_what_they_say(
    bob: Browser, ann: Browser, root: Browser, phantom_png_bytes: bytes, study: str
) -> None:
    own = bob.upload(phantom_png_bytes, "own.png")
    body = {"revision": 0, "text": {"findings": "a", "impression": "b"}, "name": "Bob"}
    signing = bob.send("POST", f"/api/studies/{own}/review/sign", json=body)
    assert (signing.status_code, signing.json["error"]["code"]) == (403, "not_allowed")
    assert "reviewer" in signing.json["error"]["message"]
    assert bob.send("DELETE", f"/api/studies/{study}").status_code == 403
    assert bob.send("DELETE", f"/api/studies/{own}").status_code == 204
    of_bob = bob.upload(phantom_png_bytes, "again.png")
    assert ann.send("DELETE", f"/api/studies/{of_bob}").status_code == 204
    for path in ("/people", "/audit", "/api/audit"):
        assert [who.get(path).status_code for who in (bob, ann, root)] == [403, 403, 200], path


def test_a_signature_is_the_persons_whatever_is_sent(ann: Browser, phantom_png_bytes: bytes) -> None:
    signed = ann.upload(phantom_png_bytes)
    url = f"/api/studies/{signed}/review"
    text = {"findings": "No effusion.", "impression": "Normal."}
    saved = ann.send("PUT", url, json={"revision": 0, "text": text, "author": "Dr. Eve"})
    revision = saved.json["revision"]
    answer = ann.send("POST", f"{url}/sign", json={"revision": revision, "text": text, "name": "Dr. Eve"})
    assert answer.json["signed_by"] == "Dr. Ann Reader"
    reopened = ann.send("POST", f"{url}/reopen", json={"revision": answer.json["revision"], "reason": "a word"})
    assert reopened.json["reopened"]["by"] == "Dr. Ann Reader"
    assert "Eve" not in ann.get(f"/api/studies/{signed}/record.json").text


def test_a_change_needs_the_token_of_the_page(ann: Browser, study: str) -> None:
    for headers in ({}, {"X-CSRFToken": "made-up"}, {"X-CSRFToken": Browser(ann.client.application, "bob").token}):
        for method, path in (("DELETE", f"/api/studies/{study}"), ("POST", "/api/studies"), ("POST", "/sign-out")):
            assert ann.client.open(path, method=method, headers=headers).status_code == 400
    assert ann.get(f"/api/studies/{study}").status_code == 200


def test_programs_act_for_somebody_by_a_token_without_that_of_a_page(
    ward: Flask, study: str, phantom_png_bytes: bytes
) -> None:
    client = ward.test_client()

    def ask(method: str, path: str, token: str, **more: Any) -> Any:
        return client.open(path, method=method, headers={"Authorization": f"Bearer {token}"}, **more)

    of_bob = services_of(ward).accounts.tokens.add("bob", "script")
    sent = ask("POST", "/api/studies", of_bob, data={"file": (io.BytesIO(phantom_png_bytes), "x.png")})
    assert sent.status_code == 201
    assert ask("GET", f"/api/studies/{study}", of_bob).status_code == 200
    assert ask("GET", f"/api/studies/{study}", services_of(ward).accounts.tokens.add("cas", "s")).status_code == 404
    assert ask("DELETE", sent.json["links"]["self"], of_bob).status_code == 204
    assert ask("GET", "/metrics", of_bob).status_code == 200
    assert ask("GET", "/account", of_bob).status_code == 403
    assert ask("GET", "/api/studies", "chestlens_wrong").status_code == 401
    assert "Set-Cookie" not in ask("GET", "/api/studies", of_bob).headers


def test_the_door_is_closed_for_a_while_after_wrong_passwords(settings: ServerSettings) -> None:
    app = create_app(settings)
    add(app, "ann")
    add(app, "bob")
    client = app.test_client()
    tries = [try_to_sign_in(client, "Ann ", "wrong") for _ in range(9)]
    assert [answer.status_code for answer in tries] == [401] * 8 + [429]
    assert 0 < int(tries[-1].headers["Retry-After"]) <= 15 * 60
    assert "try again in" in tries[-1].text
    assert try_to_sign_in(client, "ann").status_code == 429, "also with the right password"
    assert try_to_sign_in(client, "bob").status_code == 302
    services_of(app).close()


def test_two_processes_count_wrong_passwords_together(settings: ServerSettings) -> None:
    import uuid

    redis = pytest.importorskip("redis")
    url = "redis://127.0.0.1:6379/15"
    try:
        redis.Redis.from_url(url, socket_connect_timeout=2).ping()
    except redis.RedisError:
        pytest.skip("no Redis at 127.0.0.1:6379")
    apps = [create_app(replace(settings, redis_url=url)) for _ in range(2)]
    # That Redis remembers the failures of other runs, of a name as of an address.
    drawn = uuid.uuid4()
    name, address = drawn.hex, ".".join(map(str, (127, *drawn.bytes[:3])))
    add(apps[0], name)
    clients = [app.test_client() for app in apps]
    for client in clients:
        client.environ_base["REMOTE_ADDR"] = address
    answers = [try_to_sign_in(clients[number % 2], name, "wrong").status_code for number in range(9)]
    assert answers == [401] * 8 + [429]
    for app in apps:
        services_of(app).close()


def test_signing_in_changes_the_secret_of_the_session_and_signing_out_ends_it(ward: Flask) -> None:
    client = ward.test_client()
    client.get("/sign-in")
    before = client.get_cookie("chestlens_session")
    answer = try_to_sign_in(client, "ann", next="/samples")
    after = client.get_cookie("chestlens_session")
    assert answer.location == "/samples"
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    stolen = ward.test_client()
    stolen.set_cookie("chestlens_session", after.value)
    assert stolen.get("/api/studies").status_code == 200
    browser = Browser(ward, "ann")
    secret = browser.client.get_cookie("chestlens_session")
    browser.post_form("/sign-out")
    assert secret is not None
    stolen.set_cookie("chestlens_session", secret.value)
    assert stolen.get("/api/studies").status_code == 401


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:a", "\t/x"]
)
def test_signing_in_leads_to_no_other_site(ward: Flask, wanted: str) -> None:
    assert try_to_sign_in(ward.test_client(), "ann", next=wanted).location == "/"


def test_who_is_disabled_or_demoted_is_so_at_once(settings: ServerSettings) -> None:
    app = create_app(settings)
    add(app, "root", role="admin")
    add(app, "ann", role="admin")
    ann = Browser(app, "ann")
    assert ann.get("/people").status_code == 200
    services_of(app).accounts.change("ann", role="uploader")
    assert ann.get("/people").status_code == 403
    services_of(app).accounts.set_disabled("ann", True)
    assert ann.get("/api/studies").status_code == 401
    services_of(app).close()


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.7", {}),
        ("", {}),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
        ("127.0.0.1", {"Forwarded": "for=x"}),
    ],
)
def test_without_accounts_no_other_machine_gets_anything(app: Flask, address: str, headers: dict[str, str]) -> None:
    answer = app.test_client().get("/api/studies", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 403
    assert "core users add" in answer.json["error"]["message"]


def test_without_accounts_this_machine_needs_neither_password_nor_token(app: Flask, phantom_png_bytes: bytes) -> None:
    client: FlaskClient = app.test_client()
    sent = client.post("/api/studies", data={"file": (io.BytesIO(phantom_png_bytes), "x.png")})
    assert sent.status_code == 201
    page = client.get("/")
    assert page.status_code == 200
    assert "csrf" not in page.text
    assert "Set-Cookie" not in page.headers
    assert client.delete(sent.json["links"]["self"]).status_code == 204
    assert client.get("/sign-in").location == "/"
    assert client.get("/people").status_code == 200


def test_the_audit_log_says_who_did_what_to_which_study(ward: Flask, phantom_png_bytes: bytes, root: Browser) -> None:
    ann = Browser(ward, "ann")
    study = ann.upload(phantom_png_bytes, "SECRET-NAME.png")
    text = {"findings": "a", "impression": "b"}
    ann.get(f"/api/studies/{study}/report.pdf")
    ann.get(f"/studies/{study}")
    ann.get("/api/studies.csv")
    ann.send("PUT", f"/api/studies/{study}/review", json={"revision": 0, "text": text})
    ann.send("POST", f"/api/studies/{study}/review/sign", json={"revision": 2, "text": text})
    ann.send("DELETE", f"/api/studies/{study}")
    log = root.get(f"/api/audit?study={study}").json
    assert {entry["actor"] for entry in log["entries"]} == {"ann"}
    actions = [entry["action"] for entry in log["entries"]][::-1]
    assert actions == ["upload", "view", "export", "export", "edit", "sign", "delete"]
    assert [entry["detail"].get("file") for entry in log["entries"]][::-1][2:4] == ["report.pdf", "studies.csv"]
    assert all(entry["detail"]["request"] and entry["detail"]["address"] == "127.0.0.1" for entry in log["entries"])
    page = root.get(f"/audit?study={study}&actor=ann&action=delete").text
    assert page.count("<tr") == 2
    everything = root.get("/api/audit?limit=200").text + str(services_of(ward).audit.find(Search(limit=200)))
    assert "SECRET-NAME" not in everything
    paged = root.get("/api/audit?limit=2").json
    assert len(paged["entries"]) == 2
    assert root.get(paged["older"]).json["entries"][0]["id"] < paged["entries"][-1]["id"]
    assert root.get("/api/audit?since=2001-01-01&until=2001-01-02").json == {"entries": [], "older": None}
    assert root.get("/api/audit?since=yesterday").status_code == 400


def test_failures_and_refusals_are_in_the_audit_log(ward: Flask, bob: Browser, root: Browser) -> None:
    assert try_to_sign_in(ward.test_client(), "ann", PASSWORD + "x").status_code == 401
    bob.get("/people")
    actions = [(entry["action"], entry["actor"]) for entry in root.get("/api/audit?limit=5").json["entries"]]
    assert ("sign-in refused", "") in actions
    assert ("refuse", "bob") in actions


def test_what_retention_deletes_is_in_the_audit_log(settings: ServerSettings, phantom_png_bytes: bytes) -> None:
    app = create_app(replace(settings, retention_days=30))
    studies = services_of(app).studies
    sent = app.test_client().post("/api/studies", data={"file": (io.BytesIO(phantom_png_bytes), "x.png")}).json
    with studies.database.session() as session:
        session.execute(update(Study).values(created=now() - timedelta(days=29)))
        session.commit()
    studies.sweep()
    assert app.test_client().get(sent["links"]["self"]).status_code == 200
    with studies.database.session() as session:
        session.execute(update(Study).values(created=now() - timedelta(days=31)))
        session.commit()
    studies.sweep()
    assert app.test_client().get(sent["links"]["self"]).status_code == 404
    (entry,) = services_of(app).audit.find(Search())
    assert (entry.actor, entry.action, entry.study_id) == ("(retention)", "delete", sent["id"])
    services_of(app).close()
