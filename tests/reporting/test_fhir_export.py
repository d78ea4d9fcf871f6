import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from core import DISCLAIMER
from core.findings import LABELS
from core.reporting import ReportedStudy, export

bundle_module = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is not installed")


def _bundle(study: ReportedStudy) -> dict[str, Any]:
    data = json.loads(export(study, "fhir"))
    # Validates every resource by its own model, and refuses elements that R4 does not know.
    bundle_module.Bundle.model_validate(data)
    return data


def _resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


@pytest.fixture(params=["raster", "dicom"])
def study(request: pytest.FixtureRequest, raster_study: ReportedStudy, dicom_study: ReportedStudy) -> ReportedStudy:
    return raster_study if request.param == "raster" else dicom_study


def test_the_bundle_is_valid_and_complete(study: ReportedStudy) -> None:
    bundle = _bundle(study)
    kinds = Counter(entry["resource"]["resourceType"] for entry in bundle["entry"])
    assert kinds == {"DiagnosticReport": 1, "Observation": 14 + 1, "ImagingStudy": 1, "Device": 1}


def test_every_reference_leads_to_a_resource_of_the_bundle(study: ReportedStudy) -> None:
    bundle = _bundle(study)
    addresses = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(addresses)) == 18
    references: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            references.extend([value["reference"]] if "reference" in value else [])
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                collect(item)

    collect(bundle)
    assert len(references) == 15 + 1 + 15 * 2
    assert set(references) <= set(addresses)


def test_every_resource_is_a_draft_of_a_research_model(study: ReportedStudy) -> None:
    bundle = _bundle(study)
    for entry in bundle["entry"]:
        assert DISCLAIMER in entry["resource"]["text"]["div"]
    for resource in _resources(bundle, "DiagnosticReport") + _resources(bundle, "Observation"):
        assert resource["status"] == "preliminary"
    (report,) = _resources(bundle, "DiagnosticReport")
    assert report["conclusion"] == f"{study.report.text('impression')} {DISCLAIMER}"
    assert study.report.text("findings") in report["text"]["div"]


def test_observations_hold_decisions_and_probabilities(study: ReportedStudy) -> None:
    observations = _resources(_bundle(study), "Observation")[: len(LABELS)]
    assert len({item["code"]["coding"][0]["code"] for item in observations}) == len(LABELS)
    for observation, item in zip(observations, study.evidence.findings, strict=True):
        assert observation["valueCodeableConcept"]["text"] == item.decision
        values = [part["valueQuantity"]["value"] for part in observation["component"]]
        assert item.operating_point is not None
        known = [item.probability, item.operating_point.threshold, item.precision]
        assert values == pytest.approx([value for value in known if value is not None], abs=1e-6)
        codes = [coding["code"] for coding in observation["valueCodeableConcept"]["coding"]]
        assert codes[1:] == ([item.certainty.replace("_", "-")] if item.certainty else [])
        assert observation["method"]["text"] == "policy reading"


def test_one_observation_says_whether_the_radiograph_shows_anything(study: ReportedStudy) -> None:
    whole = next(item for item in _resources(_bundle(study), "Observation") if item["code"]["text"] == "Abnormal")
    abnormal = study.evidence.abnormal
    assert abnormal is not None
    values = [part["valueQuantity"]["value"] for part in whole["component"]]
    assert values == pytest.approx([abnormal.probability, abnormal.threshold], abs=1e-6)
    called = any(item.decision in ("present", "possible") for item in study.evidence.findings)
    assert whole["valueCodeableConcept"]["coding"][0]["display"] == ("Present" if called else "Absent")


def test_the_imaging_study_is_that_of_the_source(dicom_study: ReportedStudy) -> None:
    bundle = _bundle(dicom_study)
    source = dicom_study.radiograph.source
    (imaging,) = _resources(bundle, "ImagingStudy")
    assert imaging["identifier"][0]["value"] == f"urn:oid:{source['StudyInstanceUID']}"
    (series,) = imaging["series"]
    assert (series["uid"], series["modality"]["code"]) == (source["SeriesInstanceUID"], "DX")
    assert series["instance"][0]["uid"] == source["SOPInstanceUID"]
    assert series["instance"][0]["sopClass"]["code"] == f"urn:oid:{source['SOPClassUID']}"
    assert imaging["subject"]["identifier"] == {"value": "SECRET-7", "assigner": {"display": "Clinic"}}
    assert "Петрова" not in json.dumps(bundle, ensure_ascii=False)


def test_a_picture_without_identity_has_a_made_up_study_and_no_patient(raster_study: ReportedStudy) -> None:
    (imaging,) = _resources(_bundle(raster_study), "ImagingStudy")
    assert imaging["identifier"][0]["value"].startswith("urn:oid:2.25.")
    assert "series" not in imaging
    assert "identifier" not in imaging["subject"]
    assert "No DICOM source" in imaging["text"]["div"]


def test_unknown_findings_and_odd_names_stay_valid(dicom_study: ReportedStudy) -> None:
    findings = tuple(
        replace(item, probability=None, operating_point=None, decision="unknown", places=())
        for item in dicom_study.evidence.findings
    )
    evidence = replace(dicom_study.evidence, findings=findings, abnormal=None, modality="OT")
    study = replace(dicom_study, evidence=evidence, name='<b>"胸部"\x00\n&.dcm')
    bundle = _bundle(study)
    assert all("component" not in item for item in _resources(bundle, "Observation"))
    (imaging,) = _resources(bundle, "ImagingStudy")
    assert "&lt;b&gt;" in imaging["text"]["div"]
