"""HL7 FHIR R4 (4.0.1): a collection Bundle of DiagnosticReport, Observations, ImagingStudy, Device and who signed."""

import json
from datetime import UTC, datetime
from html import escape
from typing import Any

from core import DISCLAIMER, __version__
from core.findings import display_name
from core.plain_text import printable
from core.reporting.certainty import PHRASES
from core.reporting.evidence import FindingEvidence
from core.reporting.exports.codes import (
    ABNORMAL,
    ABNORMAL_FROM,
    CARDIOTHORACIC_RATIO,
    CERTAINTIES,
    DECISIONS,
    OPERATING_POINT,
    POLICY,
    PRECISION,
    PROBABILITY,
    PROCEDURE,
    SYSTEMS,
    Code,
    finding_code,
)
from core.reporting.exports.dicom_identity import source_image, study_uid
from core.reporting.exports.study import ReportedStudy
from core.reporting.report import SECTIONS
from core.reporting.review import state_in_words
from core.reporting.worth import abnormal_in_words

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_MODALITIES = ("CR", "DX", "RG")
_ABNORMAL = "Abnormal"
_URI = "urn:ietf:rfc:3986"


def as_fhir(study: ReportedStudy) -> str:
    """The study as FHIR JSON.

    DiagnosticReport is ``preliminary`` until it is signed, then ``final``, and ``amended`` when it was reopened and
    signed again; who signed is a Practitioner. Observations stay ``preliminary``: they are the model's, and what is
    signed is the text. Each resource says in its text that it is research output. The subject is the patient's number
    from the source, as a logical reference without a name, or unknown.
    Each finding is one Observation: decision and certainty as its value, probability, operating point and precision of
    such calls as components, the policy as its method. One more says whether the radiograph shows anything at all, and
    one the cardiothoracic ratio where it was measured.
    """
    resources = [
        _diagnostic_report(study),
        *(_observation(study, item) for item in study.evidence.findings),
        *_abnormal(study),
        *_cardiothoracic(study),
        _imaging_study(study),
        _device(study),
        *_practitioner(study),
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": _time(study.reported),
        "entry": [{"fullUrl": f"urn:uuid:{item['id']}", "resource": item} for item in resources],
    }
    return json.dumps(bundle, indent=2, ensure_ascii=False) + "\n"


def _diagnostic_report(study: ReportedStudy) -> dict[str, Any]:
    paragraphs = [state_in_words(study.review)]
    for section in SECTIONS:
        paragraphs += f"{section.capitalize()}: {study.text(section)}".splitlines()
    report = {
        **_resource(study, "DiagnosticReport", *paragraphs),
        "status": _status(study),
        "category": [{"coding": [{"system": f"{_TERMINOLOGY}/v2-0074", "code": "RAD", "display": "Radiology"}]}],
        "code": {
            "coding": [
                {"system": "http://loinc.org", "code": "18748-4", "display": "Diagnostic imaging study"},
                _coding(PROCEDURE),
            ],
            "text": f"Chest radiograph, report of a research model. {state_in_words(study.review)}",
        },
        "subject": _subject(study),
        **({"effectiveDateTime": day} if (day := _study_date(study)) else {}),
        "issued": _time(study.reported),
        "result": [
            *(_reference(study, "Observation", item.finding.name) for item in study.evidence.findings),
            *(_reference(study, "Observation", _ABNORMAL) for _ in _abnormal(study)),
            *(_reference(study, "Observation", CARDIOTHORACIC_RATIO.value) for _ in _cardiothoracic(study)),
        ],
        "imagingStudy": [_reference(study, "ImagingStudy")],
        "conclusion": f"{study.text('impression')} {DISCLAIMER}".strip(),
    }
    if study.review and study.review.sign_off:
        report["resultsInterpreter"] = [_reference(study, "Practitioner")]
    return report


def _status(study: ReportedStudy) -> str:
    if study.review is None or study.review.sign_off is None:
        return "preliminary"
    return "final" if study.review.version == 1 else "amended"


def _practitioner(study: ReportedStudy) -> list[dict[str, Any]]:
    """Who signed, by the name that was given; nothing else is known of them."""
    if study.review is None or study.review.sign_off is None:
        return []
    name = _printable(study.review.sign_off.name)
    return [{**_resource(study, "Practitioner", f"Signed the report: {name}"), "name": [{"text": name}]}]


def _abnormal(study: ReportedStudy) -> list[dict[str, Any]]:
    """Whether the radiograph shows anything; nothing where the checkpoint does not judge that."""
    abnormal = study.evidence.abnormal
    if abnormal is None:
        return []
    figures, value = [(PROBABILITY, abnormal.probability)], None
    if abnormal.threshold is not None:
        figures.append((ABNORMAL_FROM, abnormal.threshold))
        value = DECISIONS["present" if abnormal.probability >= abnormal.threshold else "absent"]
    words = abnormal_in_words(abnormal)
    observation = _judged(study, _ABNORMAL, ABNORMAL, words, figures)
    if value is not None:
        observation["valueCodeableConcept"] = {"coding": [_coding(value)], "text": words}
    return [observation]


def _observation(study: ReportedStudy, item: FindingEvidence) -> dict[str, Any]:
    figures = []
    if item.probability is not None:
        figures.append((PROBABILITY, item.probability))
    if item.operating_point is not None:
        figures.append((OPERATING_POINT, item.operating_point.threshold))
    if item.precision is not None:
        figures.append((PRECISION, item.precision))
    words = item.decision if item.certainty is None else f"{item.decision}, {PHRASES[item.certainty].name}"
    coded = [DECISIONS[item.decision]] + ([] if item.certainty is None else [CERTAINTIES[item.certainty]])
    observation = _judged(
        study, item.finding.name, finding_code(item.finding), f"{display_name(item.finding.name)}: {words}", figures
    )
    observation["valueCodeableConcept"] = {"coding": [_coding(code) for code in coded], "text": item.decision}
    return observation


def _judged(
    study: ReportedStudy, name: str, kind: Code, narrative: str, figures: list[tuple[Code, float]]
) -> dict[str, Any]:
    """An Observation of the model, still without its value."""
    observation = {
        **_resource(study, "Observation", narrative, part=name),
        "status": "preliminary",
        "category": [{"coding": [{"system": f"{_TERMINOLOGY}/observation-category", "code": "imaging"}]}],
        "code": {"coding": [_coding(kind)], "text": display_name(name)},
        "subject": _subject(study),
        "issued": _time(study.created),
        "method": {"coding": [_coding(POLICY)], "text": f"policy {study.evidence.policy}"},
        "device": _reference(study, "Device"),
        "derivedFrom": [_reference(study, "ImagingStudy")],
        "note": [{"text": DISCLAIMER}],
        "component": [
            {
                "code": {"coding": [_coding(code)], "text": code.meaning},
                "valueQuantity": {"value": round(value, 6), "system": "http://unitsofmeasure.org", "code": "1"},
            }
            for code, value in figures
        ],
    }
    # FHIR forbids empty arrays.
    return {key: value for key, value in observation.items() if value != []}


def _cardiothoracic(study: ReportedStudy) -> list[dict[str, Any]]:
    anatomy = study.evidence.anatomy
    if anatomy is None or anatomy.cardiothoracic_ratio is None:
        return []
    name, ratio = CARDIOTHORACIC_RATIO, round(anatomy.cardiothoracic_ratio, 3)
    return [
        {
            **_resource(study, "Observation", f"{name.meaning}: {ratio:.2f}", part=name.value),
            "status": "preliminary",
            "category": [{"coding": [{"system": f"{_TERMINOLOGY}/observation-category", "code": "imaging"}]}],
            "code": {"coding": [_coding(name)], "text": name.meaning},
            "subject": _subject(study),
            "issued": _time(study.created),
            "valueQuantity": {"value": ratio, "system": "http://unitsofmeasure.org", "code": "1"},
            "derivedFrom": [_reference(study, "ImagingStudy")],
            "note": [{"text": DISCLAIMER}],
        }
    ]


def _imaging_study(study: ReportedStudy) -> dict[str, Any]:
    """The radiograph's study; a raster upload gets the same made-up Study Instance UID as in the DICOM exports."""
    source = study.radiograph.source
    origin = "Source" if "StudyInstanceUID" in source else "No DICOM source; identifier made for the"
    resource = {
        **_resource(study, "ImagingStudy", f"{origin} study of the radiograph {study.name}".strip()),
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{study_uid(study)}"}, *_accession(study)],
        "status": "available",
        "subject": _subject(study),
        **({"started": day} if (day := _study_date(study)) else {}),
        "procedureCode": [{"coding": [_coding(PROCEDURE)]}],
        "note": [{"text": DISCLAIMER}],
    }
    # An instance has a SOP class and a series: an upload that does not name them has none to list.
    if image := source_image(study):
        modality = study.evidence.modality
        resource["series"] = [
            {
                "uid": image.series_uid,
                "modality": {
                    "system": SYSTEMS["DCM"],
                    "code": modality if modality in _MODALITIES else "OT",
                },
                "numberOfInstances": 1,
                "instance": [
                    {
                        "uid": image.sop_instance_uid,
                        "sopClass": {"system": _URI, "code": f"urn:oid:{image.sop_class_uid}"},
                    }
                ],
            }
        ]
    return resource


def _device(study: ReportedStudy) -> dict[str, Any]:
    model = study.evidence.model
    return {
        **_resource(study, "Device", f"{model['name']} version {model['version']}, a research classifier"),
        "manufacturer": "ChestLens",
        "deviceName": [{"name": model["name"], "type": "model-name"}],
        "version": [
            {"type": {"text": "model"}, "value": model["version"]},
            {"type": {"text": "ChestLens"}, "value": __version__},
        ],
        "note": [{"text": DISCLAIMER}],
    }


def _resource(study: ReportedStudy, kind: str, *paragraphs: str, part: str = "") -> dict[str, Any]:
    """Type, id and narrative of a resource (FHIR R4 DomainResource.text), which ends with the disclaimer."""
    lines = "".join(f"<p>{escape(_printable(line))}</p>" for line in (*paragraphs, DISCLAIMER))
    return {
        "resourceType": kind,
        "id": str(study.identifier("fhir", kind, part)),
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{lines}</div>'},
    }


def _reference(study: ReportedStudy, kind: str, part: str = "") -> dict[str, str]:
    return {"reference": f"urn:uuid:{study.identifier('fhir', kind, part)}", "type": kind}


def _subject(study: ReportedStudy) -> dict[str, Any]:
    source = study.radiograph.source
    if "PatientID" not in source:
        return {"type": "Patient", "display": "Not stated in the source"}
    identifier: dict[str, Any] = {"value": source["PatientID"]}
    if "IssuerOfPatientID" in source:
        identifier["assigner"] = {"display": source["IssuerOfPatientID"]}
    return {"type": "Patient", "identifier": identifier}


def _accession(study: ReportedStudy) -> list[dict[str, Any]]:
    """The number that hospitals find a study by, as the profile of ImagingStudy has it."""
    number = study.radiograph.source.get("AccessionNumber")
    kind = {"system": f"{_TERMINOLOGY}/v2-0203", "code": "ACSN", "display": "Accession ID"}
    return [{"type": {"coding": [kind]}, "value": number}] if number else []


def _study_date(study: ReportedStudy) -> str | None:
    """The day of the study; its time is left out, because DICOM does not say of which time zone it is."""
    day = study.radiograph.source.get("StudyDate")
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else None


def _coding(code: Code) -> dict[str, str]:
    return {"system": SYSTEMS[code.scheme], "code": code.value, "display": code.meaning}


def _printable(text: str) -> str:
    """Without control characters, which XHTML does not take."""
    return printable(text, instead=" ")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
