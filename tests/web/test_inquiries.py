"""Health records, questions and comparisons over HTTP: kept with their study, and gone with it."""

import io
import json
import time
from dataclasses import replace

import pytest
from people import Browser, add
from sqlalchemy import func, select

from core.settings import ServerSettings
from core.studies.audit import Search
from core.studies.inquiries import Inquiries
from core.studies.jobs import Claim, me
from core.studies.tables import Inquiry, Job
from core.vlm.writer import SHIPPED_WRITER
from core.web import create_app, services_of

RECORD = {
    "Age": 71,
    "Sex": "male",
    "Vitals": {"o2_saturation": {"value": 88, "unit": "%"}},
    "Chronic_conditions": ["COPD", "pneumothorax"],
}
LINES = ["age 71", "sex M", "o2 saturation 88 %", "chronic: COPD, pneumothorax"]


@pytest.fixture(scope="module")
def served(tmp_path_factory, chest_dicom):
    """An application with the shipped writer, a client of it, and a finished study."""
    environment = {"CHESTLENS_INSTANCE": str(tmp_path_factory.mktemp("instance")), "CHESTLENS_WRITER": ""}
    app = create_app(ServerSettings.from_environment(environment))
    client = app.test_client()
    study_id = upload(client, chest_dicom)
    wait_for(client, study_id, lambda study: study["status"] == "done")
    yield app, client, study_id
    services_of(app).close()


def upload(client, path):
    with path.open("rb") as file:
        return client.post("/api/studies", data={"file": (file, path.name)}).get_json()["id"]


def wait_for(client, study_id, reached):
    end = time.monotonic() + 90
    while not reached(study := client.get(f"/api/studies/{study_id}").json):
        assert time.monotonic() < end, study
        time.sleep(0.05)
    return study


def answered(client, study_id, asked):
    """The inquiry that an answer to POST announces, once it has ended."""
    assert asked.status_code == 202, asked.text
    end = time.monotonic() + 90
    while time.monotonic() < end:
        found = client.get(f"/api/studies/{study_id}/inquiries").json["inquiries"]
        one = next(one for one in found if one["id"] == asked.json["id"])
        if one["state"] != "waiting":
            return one
        time.sleep(0.05)
    raise AssertionError("no answer in time")


def ask(client, study_id, question):
    return client.post(f"/api/studies/{study_id}/questions", json={"question": question})


def test_an_answer_cites_findings_and_is_kept(served):
    _, client, study_id = served
    made = answered(client, study_id, ask(client, study_id, "Is there a pneumothorax?"))
    assert made["state"] == "done"
    assert made["answer"]["silent"] is False
    assert "Pneumothorax" in made["answer"]["sentences"][0]["findings"]
    assert made["answer"]["model"] is None, "the shipped writer writes reports and is not asked"


def test_where_the_evidence_is_silent_the_answer_says_so(served):
    _, client, study_id = served
    made = answered(client, study_id, ask(client, study_id, "Is the pacemaker lead in place?"))
    assert made["answer"]["silent"] is True
    assert "does not cover" in made["answer"]["answer"]


def test_a_record_is_shown_as_read_and_makes_codes_but_no_finding(served):
    app, client, study_id = served
    address = f"/api/studies/{study_id}/ehr"
    assert client.get(address).json == {"ehr": None, "lines": []}
    refused = client.post(f"/api/studies/{study_id}/comparisons", json={"of": "record"})
    assert (refused.status_code, "no health record yet" in refused.text) == (400, True)
    assert client.put(address, json=RECORD).json["lines"] == LINES
    assert client.get(address).json["ehr"]["Sex"] == "M"
    made = answered(client, study_id, client.post(f"/api/studies/{study_id}/comparisons", json={"of": "record"}))
    first, second = made["answer"]["reports"]
    assert first["chexpert"]["Pneumothorax"] == second["chexpert"]["Pneumothorax"] == 0
    assert {one["code"] for one in second["icd"] if not one["findings"]} <= {"J44.9"}
    assert "88" not in json.dumps([second["findings"], second["impression"]])
    stored = services_of(app).studies.storage.get(study_id, "record")
    assert b"COPD" not in stored
    assert client.delete(address).status_code == 204
    assert client.get(address).json["ehr"] is None


def test_two_settings_are_compared(served):
    _, client, study_id = served
    settings = [{"chexpert_positive_bias": -50}, {"chexpert_positive_bias": "50", "chexpert_do_sample": True}]
    asked = client.post(f"/api/studies/{study_id}/comparisons", json={"of": "settings", "settings": settings})
    first, second = answered(client, study_id, asked)["answer"]["reports"]
    assert 1 not in first["passes"]["answered"].values()
    assert set(second["passes"]["answered"].values()) == {1}


@pytest.mark.parametrize(
    ("address", "body", "message"),
    [
        ("questions", {"question": "  "}, "A question has between 1 and 500 characters."),
        ("questions", {"question": "a" * 501}, "A question has between 1 and 500 characters."),
        ("questions", {"question": 7}, "A question has between 1 and 500 characters."),
        ("questions", [], "The request carries no JSON object."),
        ("comparisons", {}, "'of' must be 'record' or 'settings'."),
        ("comparisons", {"of": "settings", "settings": [{}]}, "a list of two objects"),
        ("comparisons", {"of": "settings", "settings": [{}, {}]}, "are the same"),
        ("comparisons", {"of": "settings", "settings": [{}, {"icd_vote": 0}]}, "ICD_VOTE must lie between 1 and 99"),
        ("comparisons", {"of": "settings", "settings": [{}, {"icd_votes": 3}]}, "There is no setting 'icd_votes'"),
        ("comparisons", {"of": "settings", "settings": [{}, {"icd_vote": [3]}]}, "an object of values by name"),
        ("comparisons", {"of": "record", "mode": "dream"}, "'mode' must be evidence or image"),
    ],
)
def test_what_asks_nothing_is_refused_in_a_sentence(served, address, body, message):
    _, client, study_id = served
    refused = client.post(f"/api/studies/{study_id}/{address}", json=body)
    assert refused.status_code == 400
    assert message in refused.json["error"]["message"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is a JSON object with any of"),
        ('{"Age": 400}', "a number of years from 0 to 130"),
        ('{"Vitals": {"o2_saturation": 880}}', "should be a number between 20 and 100"),
        ('{"Chronic_conditions": [1]}', "should be a list of names"),
    ],
)
def test_a_record_that_cannot_be_meant_is_refused_and_the_one_before_stays(served, text, message):
    _, client, study_id = served
    address = f"/api/studies/{study_id}/ehr"
    client.put(address, json={"Age": 50})
    refused = client.put(address, data=text, content_type="application/json")
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "bad_ehr")
    assert message in refused.json["error"]["message"]
    assert client.get(address).json["ehr"] == {"Age": 50}
    client.delete(address)


def test_a_record_can_come_with_the_image_and_a_bad_one_keeps_it_out(served, phantom_png_bytes):
    _, client, _ = served

    def send(**fields):
        return client.post("/api/studies", data={"file": (io.BytesIO(phantom_png_bytes), "chest.png"), **fields})

    taken = send(ehr=(io.BytesIO(json.dumps(RECORD).encode()), "ehr.json"))
    assert taken.status_code == 201
    assert taken.json["lines"] == LINES
    assert client.get(f"/api/studies/{taken.json['id']}/ehr").json["lines"] == LINES
    typed = send(ehr='{"Age": 30}').json["id"]
    assert client.get(f"/api/studies/{typed}/ehr").json["lines"] == ["age 30"]
    refused = send(ehr='{"Age": "old"}')
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "bad_ehr")
    both = {"file": [(io.BytesIO(phantom_png_bytes), "a.png"), (io.BytesIO(phantom_png_bytes), "b.png")], "ehr": "{}"}
    assert "belongs to one radiograph" in client.post("/api/studies", data=both | {"ehr": '{"Age": 3}'}).text


def test_a_record_is_read_before_it_goes_with_anything(served):
    app, client, _ = served
    before = set(services_of(app).studies.storage.studies())
    assert client.post("/api/ehr", json=RECORD).json["lines"] == LINES
    refused = client.post("/api/ehr", json={"Age": "old"})
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "bad_ehr")
    assert client.post("/api/ehr", data="x" * 70_000).status_code == 413
    assert set(services_of(app).studies.storage.studies()) == before


def test_one_question_is_deleted_with_its_answer_and_the_others_stay(served):
    app, client, study_id = served
    first = answered(client, study_id, ask(client, study_id, "Is there a hernia?"))
    second = answered(client, study_id, ask(client, study_id, "Is there fibrosis?"))
    address = f"/api/studies/{study_id}/inquiries/{first['id']}"
    assert client.delete(address).status_code == 204
    gone = client.delete(address)
    assert (gone.status_code, gone.json["error"]["code"]) == (404, "not_found")
    left = [one["id"] for one in client.get(f"/api/studies/{study_id}/inquiries").json["inquiries"]]
    assert second["id"] in left
    assert first["id"] not in left
    assert client.delete(f"/api/studies/no-such-study/inquiries/{second['id']}").status_code == 404
    with services_of(app).studies.database.session() as session:
        assert session.get(Inquiry, first["id"]) is None


def test_a_question_that_is_deleted_while_it_waits_is_not_answered(settings, chest_dicom):
    app = create_app(settings)
    client = app.test_client()
    study_id = upload(client, chest_dicom)
    wait_for(client, study_id, lambda study: study["status"] == "done")
    studies = services_of(app).studies
    inquiries = Inquiries(studies.database, studies.jobs)
    kept = inquiries.ask(study_id, "question", {"question": "Is there a mass?"})
    taken = inquiries.next(study_id)
    inquiries.remove(study_id, kept.id)
    inquiries.end(taken, answer={"answer": "No."})
    assert inquiries.next(study_id) is None
    assert inquiries.of(study_id) == []
    services_of(app).close()


def test_what_was_asked_survives_a_restart_and_goes_with_the_study(settings, chest_dicom):
    app = create_app(replace(settings, writer=SHIPPED_WRITER))
    client = app.test_client()
    study_id = upload(client, chest_dicom)
    wait_for(client, study_id, lambda study: study["status"] == "done")
    made = answered(client, study_id, ask(client, study_id, "Is the heart enlarged?"))
    client.put(f"/api/studies/{study_id}/ehr", json=RECORD)
    services_of(app).close()
    again = create_app(settings)
    client = again.test_client()
    found = client.get(f"/api/studies/{study_id}/inquiries").json
    assert found == {"has_writer": False, "inquiries": [made]}
    assert client.get(f"/api/studies/{study_id}/ehr").json["lines"] == LINES
    refused = ask(client, study_id, "Is the heart enlarged?")
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "no_writer")
    client.delete(f"/api/studies/{study_id}")
    with services_of(again).studies.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Inquiry)) == 0
    assert client.get(f"/api/studies/{study_id}/ehr").status_code == 404
    services_of(again).close()


def test_a_question_that_was_cut_off_is_answered_after_a_restart(settings, chest_dicom):
    first = create_app(replace(settings, writer=SHIPPED_WRITER), worker=False)
    studies = services_of(first).studies
    client = first.test_client()
    study_id = upload(client, chest_dicom)
    working = create_app(settings)
    wait_for(client, study_id, lambda study: study["status"] == "done")
    services_of(working).close()
    asked = ask(client, study_id, "Is there an effusion?")
    with studies.database.session() as session:
        job = session.scalars(select(Job).where(Job.kind == "answer")).one()
        job.state, job.claimed_by = "running", f"{me().rsplit('/', 2)[0]}/999999999/1"
        session.commit()
    services_of(first).close()
    app = create_app(replace(settings, writer=SHIPPED_WRITER))
    assert answered(app.test_client(), study_id, asked)["state"] == "done"
    services_of(app).close()


def test_what_is_asked_while_the_job_ends_is_answered_too(served):
    app, client, study_id = served
    studies = services_of(app).studies
    inquiries = Inquiries(studies.database, studies.jobs)
    answered(client, study_id, ask(client, study_id, "Is there a mass?"))
    with studies.database.session() as session:
        job = session.scalars(select(Job).where(Job.study_id == study_id, Job.kind == "answer")).one()
    while job.state != "done":
        with studies.database.session() as session:
            job = session.scalars(select(Job).where(Job.id == job.id)).one()
    # Another question comes between the last look and the end of the job.
    with studies.database.session() as session:
        job = session.scalars(select(Job).where(Job.id == job.id)).one()
        job.state, job.claimed_by = "running", me()
        session.commit()
    asked = ask(client, study_id, "Is there a nodule?")
    claim = Claim(job.id, study_id, "answer", 1)
    assert studies.jobs.finish(claim, lambda session: inquiries.go_on(session, study_id))
    assert answered(client, study_id, asked)["state"] == "done"


def test_what_a_model_says_beside_the_evidence_stands_apart_from_its_answer(settings, chest_dicom, speaking_server):
    app = create_app(replace(settings, writer=speaking_server("There is a fractured rib. No effusion.")))
    client = app.test_client()
    study_id = upload(client, chest_dicom)
    wait_for(client, study_id, lambda study: study["status"] == "done")
    made = answered(client, study_id, ask(client, study_id, "Is there an effusion?"))
    assert [one["text"] for one in made["answer"]["apart"]] == ["There is a fractured rib."]
    services_of(app).close()


def test_a_writer_that_gives_no_answer_is_told_in_a_sentence(settings, chest_dicom, speaking_server):
    app = create_app(replace(settings, writer=speaking_server("")))
    client = app.test_client()
    study_id = upload(client, chest_dicom)
    wait_for(client, study_id, lambda study: study["status"] == "done")
    made = answered(client, study_id, ask(client, study_id, "Is there an effusion?"))
    assert (made["state"], made["answer"]) == ("failed", None)
    assert made["message"].endswith(".")
    services_of(app).close()


def test_an_image_first_report_sets_apart_what_the_evidence_does_not_cover(settings, chest_dicom, speaking_server):
    text = "FINDINGS:\nThere is a fractured rib. The heart is normal.\n\nIMPRESSION:\nLarge left pneumothorax."
    app = create_app(replace(settings, writer=speaking_server(text), writer_mode="image"))
    client = app.test_client()
    study_id = upload(client, chest_dicom)
    study = wait_for(
        client, study_id, lambda study: study["status"] == "done" and study["rewrite"]["status"] in ("done", "failed")
    )
    standing = {one["text"]: one["standing"] for one in study["rewrite"]["apart"]}
    assert standing["There is a fractured rib."] == "not checked"
    assert standing["Large left pneumothorax."] == "refused"
    assert "rib" not in study["report"]["findings"]
    services_of(app).close()


def test_people_see_what_their_group_asked_and_the_log_notes_it(served_people):
    app, owner, other, study_id = served_people
    question = {"question": "Is there a mass?"}
    made = answered(owner, study_id, owner.send("POST", f"/api/studies/{study_id}/questions", json=question))
    assert made["asked_by"] == "anna"
    owner.send("PUT", f"/api/studies/{study_id}/ehr", json=RECORD)
    owner.send("DELETE", f"/api/studies/{study_id}/ehr")
    for path in ("inquiries", "ehr"):
        assert other.get(f"/api/studies/{study_id}/{path}").status_code == 404
    assert other.send("POST", f"/api/studies/{study_id}/questions", json=question).status_code == 404
    address = f"/api/studies/{study_id}/inquiries/{made['id']}"
    assert other.send("DELETE", address).status_code == 404
    add(app, "clara", role="uploader", group="a")
    assert Browser(app, "clara").send("DELETE", address).status_code == 403
    assert owner.send("DELETE", address).status_code == 204
    noted = {one.action: one.detail for one in services_of(app).audit.find(Search(study_id=study_id))}
    assert {"ask", "add record", "remove record"} <= set(noted)
    assert noted["remove inquiry"]["inquiry"] == made["id"]


@pytest.fixture
def served_people(settings, phantom_png_bytes):
    app = create_app(replace(settings, writer=SHIPPED_WRITER))
    add(app, "anna", role="uploader", group="a")
    add(app, "boris", role="reviewer", group="b")
    owner, other = Browser(app, "anna"), Browser(app, "boris")
    yield app, owner, other, owner.upload(phantom_png_bytes)
    services_of(app).close()
