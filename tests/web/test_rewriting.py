"""Reports are rewritten after a study is done, and the study is complete without that."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.reporting.guard import Draft, examine
from core.studies.errors import RewritingFailed
from core.vlm.writer import SHIPPED_WRITER
from core.web import create_app, services_of

WAIT_S = 90


def wait_for(client, study_id, reached):
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        study = client.get(f"/api/studies/{study_id}").get_json()
        if reached(study):
            return study
        time.sleep(0.05)
    raise AssertionError(f"still {study['status']}, {study.get('rewrite')}")


def upload(client, path: Path):
    with path.open("rb") as file:
        return client.post("/api/studies", data={"file": (file, path.name)}).get_json()["id"]


def is_written(study):
    return study["status"] == "done" and study["rewrite"]["status"] in ("done", "failed")


@pytest.fixture
def make(settings):
    made = []

    def make(writer):
        app = create_app(replace(settings, writer=writer))
        made.append(app)
        return app

    yield make
    for app in made:
        services_of(app).close()


def test_a_finished_study_is_rewritten_and_exported_so(make, chest_dicom):
    app = make(SHIPPED_WRITER)
    client = app.test_client()
    study_id = upload(client, chest_dicom)
    study = wait_for(client, study_id, is_written)
    assert study["rewrite"]["status"] == "done"
    assert study["rewrite"]["model"]["name"] == "chestlens-writer"
    assert study["reports"]["template"]["source"] == "template"
    action = study["rewrite"]["verdict"]["action"]
    assert study["report"]["source"] == ("template" if action == "fallback" else "vlm")
    result = services_of(app).studies.result(study_id)
    evidence, report = result.evidence, result.report
    assert report.source == study["report"]["source"]
    if report.source == "vlm":
        assert not examine(Draft(report.text("findings"), report.text("impression")), evidence)
        assert study["report"] == study["reports"]["vlm"]
    text = client.get(f"/api/studies/{study_id}/report.txt").get_data(as_text=True)
    assert report.sentences[-1].text.split()[0] in text
    assert result.template.source == "template"


def test_a_server_that_is_not_there_ends_the_start(make):
    with pytest.raises(RewritingFailed, match=r"cannot be reached: start it, or check the address"):
        make("http://127.0.0.1:1/v1")


def test_without_a_writer_the_template_stands(make, chest_dicom):
    client = make(None).test_client()
    study = wait_for(client, upload(client, chest_dicom), lambda study: study["status"] == "done")
    assert study["rewrite"]["status"] == "off"
    assert study["report"]["source"] == "template"
    assert study["reports"] == {"template": study["report"], "vlm": None}


def test_a_folder_without_a_writer_ends_the_start_and_harms_no_study(make, chest_dicom, tmp_path):
    first = make(None)
    client = first.test_client()
    study_id = upload(client, chest_dicom)
    wait_for(client, study_id, lambda study: study["status"] == "done")
    services_of(first).close()
    (tmp_path / "broken").mkdir()
    with pytest.raises(RewritingFailed, match=r"holds no model .*config\.json"):
        make(tmp_path / "broken")
    study = wait_for(make(SHIPPED_WRITER).test_client(), study_id, is_written)
    assert study["rewrite"]["status"] == "done"


def test_a_rewrite_that_was_cut_off_is_made_after_a_restart(make, chest_dicom):
    first = make(None)
    client = first.test_client()
    study_id = upload(client, chest_dicom)
    wait_for(client, study_id, lambda study: study["status"] == "done")
    services_of(first).close()
    study = wait_for(make(SHIPPED_WRITER).test_client(), study_id, is_written)
    assert study["rewrite"]["status"] == "done"


def test_a_study_deleted_while_it_waits_does_no_harm(make, chest_dicom):
    client = make(SHIPPED_WRITER).test_client()
    gone, kept = upload(client, chest_dicom), upload(client, chest_dicom)
    wait_for(client, gone, lambda study: study["status"] == "done")
    assert client.delete(f"/api/studies/{gone}").status_code == 204
    assert wait_for(client, kept, is_written)["rewrite"]["status"] == "done"
    assert client.get(f"/api/studies/{gone}").status_code == 404


def test_the_state_is_plain_data(make, chest_dicom):
    client = make(None).test_client()
    study = wait_for(client, upload(client, chest_dicom), lambda study: study["status"] == "done")
    keys = {
        "status",
        "message",
        "seconds",
        "partial",
        "verdict",
        "model",
        "worded",
        "reasoning",
        "reasoning_by_rule",
    } | {
        "mode",
        "apart",
    }
    assert set(study["rewrite"]) == keys
    json.dumps(study)
