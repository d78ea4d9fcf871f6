"""Which patient, study and image a DICOM export belongs to."""

from typing import NamedTuple

from core.reporting.exports.study import ReportedStudy, derived_uuid

MANUFACTURER = "ChestLens"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
# Root of the storage SOP classes (PS3.4 annex B.5): anything else cannot be an image.
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_NEW_STUDY = "Made by ChestLens; the upload names no study"


class ImageReference(NamedTuple):
    """An image by its unique identifiers."""

    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str


def uid_of(study: ReportedStudy, *parts: str) -> str:
    """A UID under the UUID root (PS3.5 section B.2) for an object of this analysis; always the same one."""
    return f"2.25.{study.identifier(*parts).int}"


def study_uid(study: ReportedStudy) -> str:
    """The source's study or, where it names none, a new one that only depends on the pixels."""
    return study.radiograph.source.get("StudyInstanceUID") or f"2.25.{derived_uuid('study', study.pixel_digest).int}"


def source_image(study: ReportedStudy) -> ImageReference | None:
    """The image that was read; None where the upload was no DICOM file or does not name itself fully and validly."""
    source = study.radiograph.source
    keywords = ("SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
    if "StudyInstanceUID" not in source or not all(keyword in source for keyword in keywords):
        return None
    if not source["SOPClassUID"].startswith(_STORAGE):
        return None
    return ImageReference(*(source[keyword] for keyword in keywords))


def overlay_image(study: ReportedStudy, finding: str | None) -> ImageReference:
    """The secondary capture that shows a finding's heatmap, for the leading one where it is None."""
    shown = study.pictured(finding)
    return ImageReference(
        uid_of(study, "overlay series"),
        SECONDARY_CAPTURE,
        uid_of(study, "overlay", shown.finding.name if shown else ""),
    )


def patient_and_study(study: ReportedStudy) -> dict[str, str]:
    """Elements of the Patient and General Study modules (PS3.3 C.7.1.1 and C.7.2.1) by keyword.

    Type 2 elements that the source does not state are empty.
    """
    source = study.radiograph.source
    keywords = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
    elements = {keyword: source.get(keyword, "") for keyword in keywords}
    if "PatientID" in source and "IssuerOfPatientID" in source:
        elements["IssuerOfPatientID"] = source["IssuerOfPatientID"]
    elements["StudyInstanceUID"] = study_uid(study)
    for keyword in ("StudyDate", "StudyTime", "StudyID", "AccessionNumber"):
        elements[keyword] = source.get(keyword, "")
    elements["ReferringPhysicianName"] = ""
    if "StudyInstanceUID" not in source:
        elements["StudyDescription"] = _NEW_STUDY
    return elements
