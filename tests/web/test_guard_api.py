"""The guard over HTTP."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

BODY = {"evidence": "+Effusion@left_lower_zone", "findings": "Right effusion.", "impression": "Left effusion."}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_a_draft_is_judged_as_by_the_command(client: FlaskClient) -> None:
    answer = client.post("/api/guard", json=BODY)
    assert answer.status_code == 200
    assert answer.json["verdict"] == "refused"
    assert answer.json["faults"][0]["kind"] == "side"


def test_what_cannot_be_read_is_told_in_a_sentence(client: FlaskClient) -> None:
    for body in ({}, BODY | {"evidence": "+Nothing"}):
        answer = client.post("/api/guard", json=body)
        assert answer.status_code == 400
        assert answer.json["error"]["code"] == "bad_draft"
    assert client.post("/api/guard", data=b"no json").status_code == 400
    assert client.post("/api/guard", json=BODY | {"findings": "x" * 300_000}).status_code == 413
