"""DICOM structured report: TID 1500, Measurement Report (PS3.16), as Comprehensive SR (PS3.3 section A.35.3)."""

import io
from typing import Any

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.enum import ContentQualificationValues
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ComprehensiveSRStorage

from core import DISCLAIMER, __version__
from core.reporting.evidence import FindingEvidence
from core.reporting.exports.codes import (
    ABNORMAL,
    ABNORMAL_FROM,
    CARDIOTHORACIC_RATIO,
    CERTAINTIES,
    CERTAINTY,
    DECISION,
    DECISIONS,
    LOCAL_SCHEME,
    OPERATING_POINT,
    PRECISION,
    PROBABILITY,
    PROCEDURE,
    Code,
    finding_code,
)
from core.reporting.exports.dicom_identity import (
    MANUFACTURER,
    ImageReference,
    overlay_image,
    patient_and_study,
    source_image,
    study_uid,
    uid_of,
)
from core.reporting.exports.study import ReportedStudy, derived_uuid
from core.reporting.review import Review, state_in_words


def as_structured_report(study: ReportedStudy) -> bytes:
    """The evidence as a DICOM file, Explicit VR Little Endian.

    One measurement group (TID 1501) a finding and one for the whole radiograph: probability, operating point and
    precision of such calls as ratios in [0, 1], decision and certainty as codes, algorithm identification (TID 4019)
    with the policy; one more for the cardiothoracic ratio where it was measured. Findings, impression and the
    disclaimer follow as text; TID 1500 is extensible. Until it is signed the report is partial, preliminary and
    unverified; a signed one is complete, final and verified by who signed. It is qualified as research in any case.

    A reopened report names every signed version that it replaces (Predecessor Documents, PS3.3 section C.17.2).

    It lies in the source's study, in a series of its own, and refers to the image that was read. Where the source does
    not name itself, it refers to the leading finding's secondary capture, the only DICOM image that there is then.
    """
    image = source_image(study) or overlay_image(study, None)
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=_observer(study)),
        procedure_reported=_concept(PROCEDURE),
        imaging_measurements=[
            *(_group(study, item, image) for item in study.evidence.findings),
            *_whole(study, image),
            *_cardiothoracic(study, image),
        ],
        title=codes.DCM.ImagingMeasurementReport,
    )
    for name, text in (
        (codes.DCM.Comment, " ".join(filter(None, (study.text("technique"), study.text("view"))))),
        (codes.DCM.Finding, study.text("findings")),
        (codes.DCM.Impression, study.text("impression")),
        (codes.DCM.Comment, f"{state_in_words(study.review)}."),
        (codes.DCM.Comment, DISCLAIMER),
    ):
        if text:
            # Lines end in CR LF in DICOM (PS3.5 section 6.1.3).
            lines = text.replace("\n", "\r\n")
            report[0].ContentSequence.append(TextContentItem(name, lines, RelationshipTypeValues.CONTAINS))
    dataset = ComprehensiveSR(
        evidence=[_evidence(study, image)],
        content=report,
        series_instance_uid=uid_of(study, "report series"),
        series_number=9001,
        sop_instance_uid=_document_uid(study, study.review),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=study.evidence.model["name"],
        software_versions=__version__,
        device_serial_number=study.evidence.model["version"],
        series_description="ChestLens report, research only",
        specific_character_set="ISO_IR 192",
        coding_schemes=[CodingSchemeIdentificationItem(LOCAL_SCHEME, name="ChestLens local codes")],
        content_qualification=ContentQualificationValues.RESEARCH,
        content_date=study.reported.date(),
        content_time=study.reported.time(),
        previous_versions=_predecessors(study),
        **_verification(study),
    )
    for item in dataset.get("VerifyingObserverSequence", ()):
        item.VerificationDateTime = f"{study.reported:%Y%m%d%H%M%S}"
    # highdicom notes the moment of writing; the same study must give the same bytes.
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = dataset.ContentDate, dataset.ContentTime
    for item in dataset.get("ContributingEquipmentSequence", ()):
        item.ContributionDateTime = f"{study.reported:%Y%m%d%H%M%S}"
    for keyword, value in patient_and_study(study).items():
        setattr(dataset, keyword, value)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _document_uid(study: ReportedStudy, review: Review | None) -> str:
    """Each signature and each edited text is a document of its own."""
    return uid_of(study, "report", *([review.digest] if review else []))


def _predecessors(study: ReportedStudy) -> list[Dataset] | None:
    """The signed versions before this one, latest first, as far as highdicom reads them."""
    documents = []
    earlier = study.review and study.review.amends
    while earlier:
        document = Dataset()
        document.SOPClassUID = ComprehensiveSRStorage
        document.SOPInstanceUID = _document_uid(study, earlier)
        document.StudyInstanceUID = study_uid(study)
        document.SeriesInstanceUID = uid_of(study, "report series")
        documents.append(document)
        earlier = earlier.amends
    return documents or None


def _verification(study: ReportedStudy) -> dict[str, Any]:
    """Who verified the report (PS3.3 C.17.2), as arguments of highdicom; nothing while it is not signed."""
    if study.review is None or study.review.sign_off is None:
        return {}
    # These characters divide a person's name into its parts (PS3.5 section 6.2.1); the caret at the end says that the
    # name is given in one part.
    name = "".join(" " if character in "\\^=" else character for character in study.review.sign_off.name)
    return {
        "is_complete": True,
        "is_final": True,
        "is_verified": True,
        "verifying_observer_name": f"{name.strip()[:63]}^",  # 64 characters at most
        "verifying_organization": "Not stated",
    }


def _observer(study: ReportedStudy) -> ObserverContext:
    model = study.evidence.model
    return ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=f"2.25.{derived_uuid('device', model['name'], model['version']).int}",
            name=model["name"],
            manufacturer_name=MANUFACTURER,
            model_name=model["architecture"],
            serial_number=model["version"],
        ),
    )


def _group(study: ReportedStudy, item: FindingEvidence, image: ImageReference) -> MeasurementsAndQualitativeEvaluations:
    values = []
    if item.probability is not None:
        values.append((PROBABILITY, item.probability))
    if item.operating_point is not None:
        values.append((OPERATING_POINT, item.operating_point.threshold))
    if item.precision is not None:
        values.append((PRECISION, item.precision))
    evaluations = [(DECISION, DECISIONS[item.decision])]
    if item.certainty is not None:
        evaluations.append((CERTAINTY, CERTAINTIES[item.certainty]))
    return _measured(study, item.finding.name, finding_code(item.finding), values, evaluations, image)


def _whole(study: ReportedStudy, image: ImageReference) -> list[MeasurementsAndQualitativeEvaluations]:
    """A group about the whole radiograph; none where the checkpoint does not judge it."""
    abnormal = study.evidence.abnormal
    if abnormal is None:
        return []
    values, evaluations = [(PROBABILITY, abnormal.probability)], []
    if abnormal.threshold is not None:
        values.append((ABNORMAL_FROM, abnormal.threshold))
        evaluations.append((DECISION, DECISIONS["present" if abnormal.probability >= abnormal.threshold else "absent"]))
    return [_measured(study, "Abnormal", ABNORMAL, values, evaluations, image)]


def _measured(
    study: ReportedStudy,
    name: str,
    kind: Code,
    values: list[tuple[Code, float]],
    evaluations: list[tuple[Code, Code]],
    image: ImageReference,
) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid_of(study, "tracking", name), name),
        finding_type=_concept(kind),
        algorithm_id=AlgorithmIdentification(
            name=study.evidence.model["name"],
            version=study.evidence.model["version"],
            parameters=[
                f"architecture {study.evidence.model['architecture']}",
                f"ChestLens {__version__}",
                f"policy {study.evidence.policy}",
            ],
        ),
        # A float32 written with all digits of a float64 would not fit a decimal string (VR DS) of 16 characters.
        measurements=[Measurement(_concept(code), round(value, 6), codes.UCUM.NoUnits) for code, value in values],
        qualitative_evaluations=[QualitativeEvaluation(_concept(code), _concept(value)) for code, value in evaluations],
        source_images=[SourceImageForMeasurementGroup(image.sop_class_uid, image.sop_instance_uid)],
    )


def _cardiothoracic(study: ReportedStudy, image: ImageReference) -> list[MeasurementsAndQualitativeEvaluations]:
    anatomy = study.evidence.anatomy
    if anatomy is None or anatomy.cardiothoracic_ratio is None:
        return []
    name = _concept(CARDIOTHORACIC_RATIO)
    return [
        MeasurementsAndQualitativeEvaluations(
            tracking_identifier=TrackingIdentifier(uid_of(study, "tracking", name.value), name.meaning),
            algorithm_id=AlgorithmIdentification(name="ChestLens anatomy", version=__version__),
            measurements=[Measurement(name, round(anatomy.cardiothoracic_ratio, 3), codes.UCUM.NoUnits)],
            source_images=[SourceImageForMeasurementGroup(image.sop_class_uid, image.sop_instance_uid)],
        )
    ]


def _evidence(study: ReportedStudy, image: ImageReference) -> Dataset:
    """The referenced image's header, as far as it is referred to.

    The patient stays empty: highdicom warns of the names that many files have, and the report gets them afterwards.
    """
    dataset = Dataset()
    for keyword in patient_and_study(study):
        setattr(dataset, keyword, "")
    dataset.StudyInstanceUID = study_uid(study)
    dataset.SeriesInstanceUID = image.series_uid
    dataset.SOPClassUID, dataset.SOPInstanceUID = image.sop_class_uid, image.sop_instance_uid
    return dataset


def _concept(code: Code) -> CodedConcept:
    return CodedConcept(code.value, code.scheme, code.meaning)
