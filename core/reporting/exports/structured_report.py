"""DICOM structured report: TID 1500, Measurement Report (PS3.16), as Comprehensive SR (PS3.3 section A.35.3)."""

import io

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

from core import DISCLAIMER, __version__
from core.reporting.evidence import FindingEvidence
from core.reporting.exports.codes import (
    DECISION,
    DECISIONS,
    LOCAL_SCHEME,
    OPERATING_POINT,
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


def as_structured_report(study: ReportedStudy) -> bytes:
    """The evidence as a DICOM file, Explicit VR Little Endian.

    One measurement group (TID 1501) a finding: probability and operating point as ratios in [0, 1], decision as a
    code, algorithm identification (TID 4019). Findings, impression and the disclaimer follow as text; TID 1500 is
    extensible. The report is a draft: partial, preliminary, unverified, and qualified as research.

    It lies in the source's study, in a series of its own, and refers to the image that was read. Where the source does
    not name itself, it refers to the leading finding's secondary capture, the only DICOM image that there is then.
    """
    image = source_image(study) or overlay_image(study, None)
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=_observer(study)),
        procedure_reported=_concept(PROCEDURE),
        imaging_measurements=[_group(study, item, image) for item in study.evidence.findings],
        title=codes.DCM.ImagingMeasurementReport,
    )
    for name, text in (
        (codes.DCM.Comment, " ".join(filter(None, (study.report.text("technique"), study.report.text("view"))))),
        (codes.DCM.Finding, study.report.text("findings")),
        (codes.DCM.Impression, study.report.text("impression")),
        (codes.DCM.Comment, DISCLAIMER),
    ):
        if text:
            report[0].ContentSequence.append(TextContentItem(name, text, RelationshipTypeValues.CONTAINS))
    dataset = ComprehensiveSR(
        evidence=[_evidence(study, image)],
        content=report,
        series_instance_uid=uid_of(study, "report series"),
        series_number=9001,
        sop_instance_uid=uid_of(study, "report"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=study.evidence.model["name"],
        software_versions=__version__,
        device_serial_number=study.evidence.model["version"],
        series_description="ChestLens report, research only",
        specific_character_set="ISO_IR 192",
        coding_schemes=[CodingSchemeIdentificationItem(LOCAL_SCHEME, name="ChestLens local codes")],
        content_qualification=ContentQualificationValues.RESEARCH,
        content_date=study.created.date(),
        content_time=study.created.time(),
    )
    # highdicom notes the moment of writing; the same study must give the same bytes.
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = dataset.ContentDate, dataset.ContentTime
    for item in dataset.get("ContributingEquipmentSequence", ()):
        item.ContributionDateTime = f"{study.created:%Y%m%d%H%M%S}"
    for keyword, value in patient_and_study(study).items():
        setattr(dataset, keyword, value)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


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
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid_of(study, "tracking", item.finding.name), item.finding.name),
        finding_type=_concept(finding_code(item.finding)),
        algorithm_id=AlgorithmIdentification(
            name=study.evidence.model["name"],
            version=study.evidence.model["version"],
            parameters=[f"architecture {study.evidence.model['architecture']}", f"ChestLens {__version__}"],
        ),
        # A float32 written with all digits of a float64 would not fit a decimal string (VR DS) of 16 characters.
        measurements=[Measurement(_concept(name), round(value, 6), codes.UCUM.NoUnits) for name, value in values],
        qualitative_evaluations=[QualitativeEvaluation(_concept(DECISION), _concept(DECISIONS[item.decision]))],
        source_images=[SourceImageForMeasurementGroup(image.sop_class_uid, image.sop_instance_uid)],
    )


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
