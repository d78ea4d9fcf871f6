"""Writes real DICOM files, with whatever tags and transfer syntax a test needs."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    generate_uid,
)

from core.classifier.preprocessing import Preprocessing
from core.imaging import render_phantom

SIDE = 256
PHANTOM = render_phantom(size=SIDE)


def stored(bits: int = 12, *, inverted: bool = False) -> np.ndarray:
    """The phantom as unsigned integers of so many bits."""
    pixels = 1 - PHANTOM if inverted else PHANTOM
    return np.round(pixels * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def chest(values: np.ndarray, bits: int = 12, **tags: Any) -> Dataset:
    """A CR data set of a frontal chest; a tag given as None is left out."""
    dataset = Dataset()
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "CR", "CHEST", "PA"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "SECRET-7"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = values.shape[:2]
    dataset.BitsAllocated = 8 * values.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in tags.items():
        if value is None:
            del dataset[name]
        else:
            setattr(dataset, name, value)
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated == 16 else "OB"
    return dataset


def lut(entries: np.ndarray, *, first: int = 0, bits: int = 16) -> Dataset:
    """An item of a LUT sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first % 65536, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return item


def save(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Write the data set without compressing it."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def headerless(dataset: Dataset, syntax: str = ImplicitVRLittleEndian) -> bytes:
    """Write the data set alone: no preamble, no file meta information."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return buffer.getvalue()


def big_endian(dataset: Dataset) -> bytes:
    dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    return save(dataset, ExplicitVRBigEndian)


def encapsulated(dataset: Dataset, stream: bytes, syntax: str) -> bytes:
    """Put a compressed stream in place of the pixels."""
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return save(dataset, syntax)


def compressed(dataset: Dataset, syntax: str) -> bytes:
    """Compress by pydicom's encoders (RLE, JPEG-LS)."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.set_original_encoding(False, True)
    dataset.compress(syntax, generate_instance_uid=False)
    return save(dataset, syntax)


def jpeg2000(values: np.ndarray, bits: int, syntax: str, **tags: Any) -> bytes:
    ratios = [5.0] if syntax.endswith("91") else None
    stream = encode_array(values, bits_stored=bits, photometric_interpretation=2, compression_ratios=ratios)
    return encapsulated(chest(values, bits, **tags), stream, syntax)


def jpeg_baseline(values: np.ndarray, **tags: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", quality=95)
    return encapsulated(chest(values, 8, **tags), buffer.getvalue(), JPEGBaseline8Bit)


def transcoded(data: bytes, syntax: str, folder: Path) -> bytes:
    """Compress with gdcm: JPEG Lossless and Extended."""
    import gdcm

    source, target = folder / "plain.dcm", folder / "coded.dcm"
    source.write_bytes(data)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target.read_bytes()


def distance(pixels: np.ndarray, expected: np.ndarray = PHANTOM) -> float:
    """Largest difference between what the network would see of both images, of 1."""
    preprocessing = Preprocessing(image_size=128)
    seen, wanted = preprocessing.canonical(pixels)[0], preprocessing.canonical(expected)[0]
    return float(np.abs(seen - wanted).max())
