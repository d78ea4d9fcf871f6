"""What tests of people do: make accounts, sign in as a browser does, send files and wait."""

import io
import re
import time
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core.web import services_of

PASSWORD = "an old lighthouse"


def add(app: Flask, name: str, **more: str) -> None:
    services_of(app).accounts.add(name, PASSWORD, **more)


def csrf_of(answer: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


def try_to_sign_in(client: FlaskClient, name: str, password: str = PASSWORD, **more: str) -> TestResponse:
    token = csrf_of(client.get("/sign-in"))
    return client.post("/sign-in", data={"username": name, "password": password, "csrf_token": token, **more})


class Browser:
    """Somebody signed in, whose pages send along what the server asks of its own pages."""

    def __init__(self, app: Flask, name: str, password: str = PASSWORD) -> None:
        self.client = app.test_client()
        answer = try_to_sign_in(self.client, name, password)
        assert answer.status_code == 302, answer.text
        self.token = csrf_of(self.get("/account"))

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, buffered=True)

    def send(self, method: str, path: str, **more: Any) -> TestResponse:
        return self.client.open(path, method=method, headers={"X-CSRFToken": self.token}, **more)

    def post_form(self, path: str, **fields: str) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **fields}, follow_redirects=True)

    def upload(self, data: bytes, name: str = "chest.png") -> str:
        """Sends a radiograph, waits for its result, and returns the study's id."""
        answer = self.send("POST", "/api/studies", data={"file": (io.BytesIO(data), name)})
        assert answer.status_code == 201, answer.text
        for _ in range(600):
            study = self.get(f"/api/studies/{answer.json['id']}").json
            if study["status"] == "done":
                return study["id"]
            assert study["status"] != "failed", study
            time.sleep(0.05)
        raise AssertionError("the study did not finish within 30 s")
