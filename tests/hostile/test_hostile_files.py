"""Files made to harm: each is refused in seconds with bounded memory, and the next good file is read."""

import io
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit
from pydicom.uid import RLELossless as RLE

from core.imaging import ImagingError, UnreadableImage, read_safely, render_phantom, sandbox
from core.imaging.decoder_process import Decoder
from core.imaging.reader import read_radiograph

GOOD_SIDE = 128


def dicom(syntax: str, pixels: bytes, *, rows: int = 512, columns: int = 512, bits: int = 8) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "CR", "CHEST", "PA"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.PixelRepresentation = rows, columns, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelData = pixels
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = syntax in (JPEG2000Lossless, JPEGBaseline8Bit, RLE)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@cache
def good() -> bytes:
    pixels = np.round(render_phantom(size=GOOD_SIDE) * 255).astype(np.uint8)
    return dicom(ExplicitVRLittleEndian, pixels.tobytes(), rows=GOOD_SIDE, columns=GOOD_SIDE)


def raw_deflate(chunk: bytes, times: int) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b"".join(deflater.compress(chunk) for _ in range(times)) + deflater.flush()


def deflate_bomb() -> bytes:
    """Less than 1 MB that inflates to 256 MB."""
    header = dicom(DeflatedExplicitVRLittleEndian, bytes(64), rows=8, columns=8)
    start = 132 + 12 + struct.unpack_from("<I", header, 140)[0]
    return header[:start] + raw_deflate(bytes(2**24), 16)


def rle_bomb(side: int, segment: int) -> bytes:
    """Runs of 128 bytes from 2, many more than the image has pixels."""
    header = struct.pack("<16I", 1, 64, *([0] * 14))
    return dicom(RLE, encapsulate([header + b"\x81\x00" * segment]), rows=side, columns=side)


def jpeg_bomb(stated: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (6_000, 6_000)).save(buffer, "JPEG", quality=10)
    stream = bytearray(buffer.getvalue())
    place = stream.index(b"\xff\xc0") + 5
    stream[place : place + 4] = struct.pack(">HH", 60_000, 60_000)
    return dicom(JPEGBaseline8Bit, encapsulate([bytes(stream)]), rows=stated, columns=stated)


def jpeg2000_bomb(stated: int) -> bytes:
    siz = struct.pack(">HIIIIIIIIH", 0, 60_000, 60_000, 0, 0, 60_000, 60_000, 0, 0, 1) + b"\x07\x01\x01"
    stream = b"\xff\x4f\xff\x51" + struct.pack(">H", len(siz) + 2) + siz
    return dicom(JPEG2000Lossless, encapsulate([stream + b"\xff\xd9"]), rows=stated, columns=stated)


def png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    packed = zlib.compress(bytes(2**20)) if side > 20_000 else zlib.compress(bytes((side * 4 + 1) * side), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    """A small image with a compressed text that unpacks to 64 MB."""
    buffer = io.BytesIO()
    Image.fromarray(np.round(render_phantom(size=128) * 255).astype(np.uint8)).save(buffer, "PNG")
    body = b"Comment\0\0" + zlib.compress(bytes(64 * 2**20), 6)
    text = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    plain = buffer.getvalue()
    return plain[:33] + text + plain[33:]


def nested(depth: int, *, wanted: bool) -> bytes:
    """Sequences of undefined length inside each other."""
    tag = b"\x28\x00\x00\x30" if wanted else b"\x40\x00\x75\x02"  # Modality LUT Sequence, or one that is skipped
    opening = tag + b"SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    data = good()
    place = data.index(b"\x28\x00\x02\x00US")
    return data[:place] + opening * depth + data[place:]


def many_elements() -> bytes:
    """Hundreds of thousands of empty private elements, which cost time rather than memory."""
    data = good()
    place = data.index(b"\x08\x00\x60\x00CS")
    element = b"".join(struct.pack("<HH2sH", 0x0009, number, b"LO", 0) for number in range(0x1000, 0x9000))
    return data[:place] + element * 10 + data[place:]


def long_lut() -> bytes:
    """A LUT that claims more entries than it has."""
    data = good()
    item = b"\x28\x00\x02\x30US\x06\x00" + struct.pack("<HHH", 0, 0, 16) + b"\x28\x00\x06\x30OW\0\0\x02\0\0\0\x01\x01"
    inner = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item
    sequence = b"\x28\x00\x10\x30SQ\0\0" + struct.pack("<I", len(inner)) + inner
    end = data.index(b"\xe0\x7f\x10\x00")
    return data[:end] + sequence + data[end:]


REFUSED = {
    "deflate": deflate_bomb,
    "rle longer than the image": lambda: rle_bomb(512, 7_000_000),
    "rle that expands": lambda: rle_bomb(4_000, 7_500_000),
    "jpeg": lambda: jpeg_bomb(512),
    "jpeg that admits its size": lambda: jpeg_bomb(60_000),
    "jpeg 2000": lambda: jpeg2000_bomb(512),
    "png": lambda: png_bomb(30_000),
    "png just within the limits": lambda: png_bomb(7_000),
    "nested 200": lambda: nested(200, wanted=False),
    "nested 5000": lambda: nested(5_000, wanted=True),
    "claims 40,000 a side": lambda: dicom(ExplicitVRLittleEndian, bytes(64), rows=40_000, columns=40_000),
    "claims more than it has": lambda: dicom(ExplicitVRLittleEndian, bytes(64), rows=7_000, columns=7_000, bits=16),
}


def _peak(process: int) -> int:
    """Largest memory that the process ever held, in bytes."""
    text = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(found.group(1)) * 1024 if found else 0


def _seconds(process: int) -> float:
    """Processor time that the process has used, which unlike the clock's does not depend on other load."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def pool() -> Iterator[sandbox._Pool]:
    """One worker, so that its memory can be watched over all the bombs."""
    pool = sandbox._Pool(1)
    yield pool
    pool.close()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the memory of processes")
@pytest.mark.parametrize("name", REFUSED)
def test_bombs_are_refused_quickly_and_the_next_file_is_read(name: str, pool: sandbox._Pool) -> None:
    data = REFUSED[name]()
    assert len(data) < 20 * 2**20
    pool.read(good(), 60)
    before = pool._idle[-1]
    assert before is not None
    start = _seconds(before._process.pid)
    with pytest.raises(ImagingError) as caught:
        pool.read(data, 120)
    assert str(caught.value).endswith(".")
    after = pool._idle[-1]
    assert before is after, "the reader itself should refuse it, without losing its process"
    assert _seconds(before._process.pid) - start < 5
    assert _peak(before._process.pid) < 1024 * 2**20
    assert pool.read(good(), 60).pixels.shape == (GOOD_SIDE, GOOD_SIDE)


@pytest.mark.parametrize("make", [many_elements, long_lut, png_text_bomb])
def test_wasteful_files_are_read_without_much_ado(make: Callable[[], bytes], pool: sandbox._Pool) -> None:
    pool.read(good(), 60)
    worker = pool._idle[-1]
    assert worker is not None
    start = _seconds(worker._process.pid)
    assert pool.read(make(), 120).pixels.size
    assert _seconds(worker._process.pid) - start < 5


def test_memory_is_limited_by_the_system_itself() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("limits exist on POSIX systems only")
    worker = Decoder()
    try:
        worker.get_ready()
        limits = Path(f"/proc/{worker._process.pid}/limits").read_text()
    finally:
        worker.close()
    limit = int(re.search(r"Max address space\s+(\d+)", limits).group(1))  # type: ignore[union-attr]
    assert limit < 4 * 2**30


def test_images_of_the_largest_detectors_are_read() -> None:
    side = 4_000
    phantom = np.round(render_phantom(size=side // 8) * 65535).astype("<u2")
    pixels = phantom.repeat(8, 0).repeat(8, 1).tobytes()
    data = dicom(ExplicitVRLittleEndian, pixels, rows=side, columns=side, bits=16)
    assert read_safely(data, timeout_s=60).pixels.shape == (side, side)


def test_deep_nesting_is_named_in_process_as_well() -> None:
    with pytest.raises(UnreadableImage, match="too deeply"):
        read_radiograph(nested(3_000, wanted=True))
