"""DICOM secondary capture (PS3.3 section A.8.1) of the radiograph with one finding's heatmap."""

import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from core import DISCLAIMER, __version__
from core.reporting.exports.dicom_identity import (
    MANUFACTURER,
    overlay_image,
    patient_and_study,
    source_image,
)
from core.reporting.exports.pictures import captioned
from core.reporting.exports.study import ReportedStudy

_LOSSY_SYNTAXES = ("JPEG Baseline", "JPEG Extended", "JPEG-LS Near-Lossless", "JPEG 2000")


def as_secondary_capture(study: ReportedStudy, finding: str | None) -> bytes:
    """The overlay as a DICOM file: 8-bit RGB, longest side of the picture 1024 pixels, caption burned in.

    It lies in the source's study, in a series of its own. It carries no pixel spacing: it is not for measuring.

    Args:
        finding: whose heatmap; the leading one if None.
    """
    reference = overlay_image(study, finding)
    shown = study.pictured(finding)
    pixels = np.asarray(captioned(study, shown))
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in patient_and_study(study).items():
        setattr(dataset, keyword, value)
    dataset.SOPClassUID, dataset.SOPInstanceUID = reference.sop_class_uid, reference.sop_instance_uid
    dataset.SeriesInstanceUID = reference.series_uid
    dataset.SeriesNumber, dataset.InstanceNumber = 9002, 1
    dataset.SeriesDescription = "ChestLens heatmaps, research only"
    # The chest is no paired body part: with it, Laterality must be absent (PS3.3 C.7.3.1).
    dataset.Modality, dataset.BodyPartExamined, dataset.PatientOrientation = "OT", "CHEST", ""
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, study.evidence.model["name"]
    dataset.SoftwareVersions = [__version__, study.evidence.model["version"]]
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ContentDate = dataset.InstanceCreationDate = f"{study.created:%Y%m%d}"
    dataset.ContentTime = dataset.InstanceCreationTime = f"{study.created:%H%M%S}"
    attention = f"Model attention for {shown.finding.phrase} laid over the radiograph. " if shown else ""
    dataset.DerivationDescription = f"{attention}{DISCLAIMER}"
    _describe_source(study, dataset)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    data = pixels.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB"
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _describe_source(study: ReportedStudy, dataset: Dataset) -> None:
    """What the picture was made from, and what it takes over: losses and burned-in text stay in all copies."""
    source = study.radiograph.source
    if image := source_image(study):
        item, purpose = Dataset(), Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.sop_class_uid, image.sop_instance_uid
        purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
        purpose.CodeMeaning = "Source image for image processing operation"
        item.PurposeOfReferenceCodeSequence = [purpose]
        dataset.SourceImageSequence = [item]
    if "BurnedInAnnotation" in source:
        dataset.BurnedInAnnotation = source["BurnedInAnnotation"]
    facts = study.radiograph.metadata
    lossy = facts.get("transfer_syntax") in _LOSSY_SYNTAXES or facts.get("format") == "JPEG"
    dataset.LossyImageCompression = "01" if lossy or source.get("LossyImageCompression") == "01" else "00"
