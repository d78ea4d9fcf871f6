"""Editing, signing and reopening over HTTP, on a really analysed study."""

import hashlib
import io
import json
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydicom import dcmread
from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError

from core import DISCLAIMER
from core.reporting import Report, Sentence
from core.settings import ServerSettings
from core.studies.results import write_rewrite
from core.studies.tables import Job
from core.web import create_app, services_of

EDITED = {"findings": "1. Small left effusion.\n2. No pneumothorax.", "impression": "Small left effusion."}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def study_id(client: FlaskClient, phantom_png_bytes: bytes) -> str:
    sent = client.post("/api/studies", data={"file": (io.BytesIO(phantom_png_bytes), "chest.png")})
    study: str = sent.json["id"]
    for _ in range(600):
        if client.get(f"/api/studies/{study}").json["status"] == "done":
            return study
        time.sleep(0.05)
    raise AssertionError("the study did not finish within 30 s")


def _review(client: FlaskClient, study_id: str) -> dict[str, Any]:
    return client.get(f"/api/studies/{study_id}/review").json


def _save(client: FlaskClient, study_id: str, revision: int, text: dict[str, str] = EDITED, **more: Any) -> Any:
    return client.put(f"/api/studies/{study_id}/review", json={"revision": revision, "text": text, **more})


def _sign(client: FlaskClient, study_id: str, revision: int, text: dict[str, str] = EDITED, **more: Any) -> Any:
    body = {"revision": revision, "text": text, "name": "Dr. Ada Reader", **more}
    return client.post(f"/api/studies/{study_id}/review/sign", json=body)


def _reopen(client: FlaskClient, study_id: str, revision: int) -> Any:
    body = {"revision": revision, "name": "B. Second", "reason": "The side was wrong."}
    return client.post(f"/api/studies/{study_id}/review/reopen", json=body)


def _kinds(review: dict[str, Any]) -> list[str]:
    return [entry["kind"] for entry in review["record"]["entries"]]


def test_an_untouched_study_stands_as_its_draft(client: FlaskClient, study_id: str) -> None:
    review, study = _review(client, study_id), client.get(f"/api/studies/{study_id}").json
    assert (review["state"], review["version"], review["revision"]) == ("draft", 1, 0)
    assert review["text"] == review["base"] == {name: study["report"][name] for name in ("findings", "impression")}
    assert review["record"] == {"intact": True, "problem": None, "entries": []}
    assert study["review"] == {"state": "draft", "version": 1, "signed_by": None, "signed_at": None}
    # Saving the draft as it is records nothing.
    assert _save(client, study_id, 0, review["text"]).json["revision"] == 0


def test_a_saved_text_outlives_the_server(client: FlaskClient, study_id: str, settings: ServerSettings) -> None:
    saved = _save(client, study_id, 0, author="Ada").json
    assert (saved["state"], saved["revision"], saved["text"]) == ("edited", 2, EDITED)
    assert _kinds(saved) == ["draft", "edit"]
    services_of(client.application).close()
    again = create_app(settings)
    assert _review(again.test_client(), study_id) == saved
    assert again.test_client().get(f"/api/studies/{study_id}").json["review"]["state"] == "edited"
    services_of(again).close()


def test_sentences_of_an_edited_text_name_their_findings(client: FlaskClient, study_id: str) -> None:
    draft = client.get(f"/api/studies/{study_id}").json["report"]
    kept = next(sentence for sentence in draft["sentences"] if sentence["section"] == "findings")
    text = EDITED | {"findings": f"{kept['text']}\nBoth hila look full. No large pneumothorax."}
    report = _save(client, study_id, 0, text).json["report"]
    assert report["source"] == "reviewer"
    assert report["findings"] == text["findings"]
    first, second, third = [sentence for sentence in report["sentences"] if sentence["section"] == "findings"]
    assert first == kept
    assert (second["findings"], second["kind"]) == ([], "note")
    assert (third["findings"], third["kind"]) == (["Pneumothorax"], "normal")


def test_an_older_revision_is_told_and_overwrites_nothing(client: FlaskClient, study_id: str) -> None:
    _save(client, study_id, 0)
    late = _save(client, study_id, 0, EDITED | {"impression": "Something else."})
    assert late.status_code == 409
    assert late.json["error"]["code"] == "conflict"
    assert late.json["review"]["text"] == EDITED
    assert _sign(client, study_id, 1).json["error"]["code"] == "conflict"
    # On purpose, with the revision that the answer gave, the other text is written, and both stay in the record.
    kept = _save(client, study_id, late.json["review"]["revision"], EDITED | {"impression": "Something else."}).json
    assert _kinds(kept) == ["draft", "edit", "edit"]


def test_signing_fixes_the_text_and_reopening_begins_the_next_version(client: FlaskClient, study_id: str) -> None:
    signed = _sign(client, study_id, 0).json
    assert (signed["state"], signed["version"], signed["signed_by"]) == ("signed", 1, "Dr. Ada Reader")
    assert _kinds(signed) == ["draft", "edit", "sign"]
    for refused in (_save(client, study_id, 3, EDITED | {"findings": "x"}), _sign(client, study_id, 3)):
        assert (refused.status_code, refused.json["error"]["code"]) == (409, "signed")
    listed = client.get("/api/studies").json["studies"][0]["review"]
    assert (listed["state"], listed["signed_by"], listed["signed_at"]) == (
        "signed",
        "Dr. Ada Reader",
        signed["signed_at"],
    )

    reopened = _reopen(client, study_id, 3).json
    assert (reopened["state"], reopened["version"], reopened["signed_by"]) == ("edited", 2, None)
    assert reopened["text"] == reopened["base"] == EDITED
    assert reopened["reopened"]["reason"] == "The side was wrong."
    assert _reopen(client, study_id, 4).json["error"]["code"] == "not_signed"
    corrected = EDITED | {"impression": "Small right effusion."}
    assert _sign(client, study_id, 4, corrected).json["version"] == 2
    versions = client.get(f"/api/studies/{study_id}/review/versions").json["versions"]
    assert [(item["version"], item["state"], item["text"]) for item in versions] == [
        (1, "signed", EDITED),
        (2, "signed", corrected),
    ]


def test_a_draft_may_be_signed_as_it_is(client: FlaskClient, study_id: str) -> None:
    draft = _review(client, study_id)["text"]
    signed = _sign(client, study_id, 0, draft).json
    assert _kinds(signed) == ["draft", "sign"]
    assert signed["text"] == draft


def test_the_downloaded_record_can_be_verified_elsewhere(client: FlaskClient, study_id: str) -> None:
    _save(client, study_id, 0)
    _sign(client, study_id, 2)
    answer = client.get(f"/api/studies/{study_id}/record.json")
    assert answer.headers["Content-Disposition"] == "attachment; filename=chest-record.json"
    record = json.loads(answer.data)
    assert record["intact"] is True
    assert record["disclaimer"] == DISCLAIMER
    assert [entry["content"]["kind"] for entry in record["events"]] == ["draft", "edit", "sign"]
    previous = "0" * 64
    for entry in record["events"]:
        canonical = json.dumps(entry["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert entry["previous"] == previous
        previous = hashlib.sha256((previous + canonical).encode()).hexdigest()
        assert entry["digest"] == previous
    model = record["events"][0]["content"]["model"]
    assert len(model["checkpoint_sha256"]) == 64
    assert model["version"]


def test_a_changed_row_is_reported(client: FlaskClient, study_id: str) -> None:
    _sign(client, study_id, 0)
    engine = services_of(client.application).studies.database.engine
    change = sql("UPDATE review_events SET author = 'Somebody Else' WHERE number = 3")
    with pytest.raises(SQLAlchemyError, match="never changed"), engine.begin() as connection:
        connection.execute(change)
    with pytest.raises(SQLAlchemyError, match="only with their study"), engine.begin() as connection:
        connection.execute(sql("DELETE FROM review_events"))
    assert _review(client, study_id)["record"]["intact"] is True
    # Whoever owns the database can switch the guard off, but not make the digests fit.
    with engine.begin() as connection:
        connection.execute(sql("DROP TRIGGER review_events_stay"))
        connection.execute(change)
    record = _review(client, study_id)["record"]
    assert (record["intact"], record["problem"]) == (False, "Entry 3 was changed after it was written.")
    assert client.get(f"/api/studies/{study_id}/record.json").json["intact"] is False


def test_deleting_the_study_deletes_its_record(client: FlaskClient, study_id: str) -> None:
    _sign(client, study_id, 0)
    assert client.delete(f"/api/studies/{study_id}").status_code == 204
    with services_of(client.application).studies.database.engine.connect() as connection:
        assert connection.execute(sql("SELECT count(*) FROM review_events")).scalar() == 0
    assert _save(client, study_id, 3).status_code == 404


def test_a_text_is_compared_with_the_evidence_and_never_refused(client: FlaskClient, study_id: str) -> None:
    study = client.get(f"/api/studies/{study_id}").json
    check = f"/api/studies/{study_id}/review/check"
    draft = {name: study["report"][name] for name in ("findings", "impression")}
    assert client.post(check, json={"text": draft}).json["notes"] == []
    decisions = {item["name"]: item["decision"] for item in study["findings"]}
    absent = next(name for name in ("Pneumothorax", "Hernia", "Effusion") if decisions[name] == "absent")
    words = {"Pneumothorax": "pneumothorax", "Hernia": "hiatal hernia", "Effusion": "pleural effusion"}[absent]
    changed = draft | {"impression": f"There is a {words}."}
    (note,) = [n for n in client.post(check, json={"text": changed}).json["notes"] if n["finding"] == absent]
    assert note["says"] == "present"
    assert note["message"].startswith(f"You now say {words} is present; the model called it absent (")
    assert _sign(client, study_id, 0, changed).status_code == 200


def test_an_accepted_rewrite_is_a_draft_of_its_own(client: FlaskClient, study_id: str) -> None:
    studies = services_of(client.application).studies
    assert _save(client, study_id, 0, draft="vlm").json["error"]["code"] == "no_such_draft"
    sentences = tuple(
        Sentence(section, text, ("Effusion",), "normal")
        for section, text in (("findings", "No effusion."), ("impression", "Clear."))
    )
    state = {"status": "done", "model": {"name": "writer", "version": "3"}}
    write_rewrite(studies.storage, study_id, Report("vlm", sentences), state)
    with studies.database.session() as session:
        session.add(Job(study_id=study_id, kind="rewrite", state="done"))
        session.commit()
    rewritten = {"findings": "No effusion.", "impression": "Clear."}
    assert _review(client, study_id)["text"] == {"findings": "No effusion.", "impression": "Clear."}
    first = _save(client, study_id, 0, draft="template").json
    other = _save(client, study_id, first["revision"], rewritten, draft="vlm").json
    assert other["base"] == {"findings": "No effusion.", "impression": "Clear."}
    assert _kinds(other) == ["draft", "edit", "draft"]
    events = client.get(f"/api/studies/{study_id}/record.json").json["events"]
    assert [event["content"]["source"] for event in events] == ["template", "", "vlm"]
    assert events[2]["content"]["model"]["writer"] == {"name": "writer", "version": "3"}


def test_what_cannot_be_saved_is_refused_in_a_sentence(client: FlaskClient, study_id: str) -> None:
    refused: list[tuple[Any, str]] = [
        (b"no json", "no JSON object"),
        ({"text": EDITED}, "'revision'"),
        ({"revision": True, "text": EDITED}, "'revision'"),
        ({"revision": 0, "text": {"findings": "x"}}, "findings and impression"),
        ({"revision": 0, "text": EDITED | {"findings": "x" * 20_001}}, "20000 characters"),
        ({"revision": 0, "text": EDITED, "draft": "other"}, "'draft'"),
        ({"revision": 0, "text": EDITED, "author": "x" * 65}, "64 characters"),
    ]
    for body, words in refused:
        options = {"data": body} if isinstance(body, bytes) else {"json": body}
        answer = client.put(f"/api/studies/{study_id}/review", **options)
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_request")
        assert words in answer.json["error"]["message"]
    large = client.put(f"/api/studies/{study_id}/review", data=b"x" * 600_000)
    assert (large.status_code, large.json["error"]["code"]) == (413, "too_large")
    assert "512 kB" in large.json["error"]["message"]
    assert _review(client, study_id)["revision"] == 0


def test_a_signature_needs_a_name_and_a_reopening_a_reason(client: FlaskClient, study_id: str) -> None:
    assert "'name'" in _sign(client, study_id, 0, name="  ").json["error"]["message"]
    _sign(client, study_id, 0)
    body = {"revision": 3, "name": "Ada", "reason": ""}
    refused = client.post(f"/api/studies/{study_id}/review/reopen", json=body)
    assert (refused.status_code, "'reason'" in refused.json["error"]["message"]) == (400, True)


def test_control_characters_are_left_out_and_lines_kept(client: FlaskClient, study_id: str) -> None:
    odd = {"findings": "One.\r\nTwo\x00\x0b\ttabs \ud800 胸部.", "impression": ""}
    assert _save(client, study_id, 0, odd).json["text"] == {"findings": "One.\nTwo tabs  胸部.", "impression": ""}


def test_downloads_follow_the_review(client: FlaskClient, study_id: str) -> None:
    def files() -> tuple[str, Any, Any, Any, str]:
        text, data, table, sr, fhir = (
            client.get(f"/api/studies/{study_id}/report.{kind}", buffered=True).data
            for kind in ("txt", "json", "csv", "dcm", "fhir.json")
        )
        return text.decode(), json.loads(data), json.loads(fhir), dcmread(io.BytesIO(sr)), table.decode()

    text, data, fhir, sr, table = files()
    assert "Draft, not reviewed" in text
    assert "Draft, not reviewed" in table
    assert (data["review"], sr.VerificationFlag) == ({"state": "draft"}, "UNVERIFIED")

    _save(client, study_id, 0)
    text, data, fhir, sr, table = files()
    assert "Edited, not signed, version 1" in text
    assert "Edited, not signed, version 1" in table
    assert (data["review"]["state"], sr.VerificationFlag) == ("edited", "UNVERIFIED")
    assert fhir["entry"][0]["resource"]["status"] == "preliminary"

    signed = _sign(client, study_id, 2).json
    text, data, fhir, sr, table = files()
    for line in EDITED["findings"].splitlines():
        assert f"\n  {line}\n" in text
    assert "Signed by Dr. Ada Reader" in text
    assert "Signed by Dr. Ada Reader" in table
    assert data["report"]["findings"] == EDITED["findings"]
    assert data["draft"]["source"] == "template"
    last = client.get(f"/api/studies/{study_id}/record.json").json["events"][-1]
    assert data["review"]["record_sha256"] == last["digest"]
    assert last["digest"] in text
    assert (sr.CompletionFlag, sr.PreliminaryFlag, sr.VerificationFlag) == ("COMPLETE", "FINAL", "VERIFIED")
    assert fhir["entry"][0]["resource"]["status"] == "final"
    assert "Signed by Dr. Ada Reader" in client.get("/api/studies.csv", buffered=True).text

    _reopen(client, study_id, signed["revision"])
    _sign(client, study_id, signed["revision"] + 1)
    _, _, fhir, amended, _ = files()
    assert fhir["entry"][0]["resource"]["status"] == "amended"
    (predecessor,) = amended.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert predecessor.ReferencedSOPInstanceUID == sr.SOPInstanceUID
