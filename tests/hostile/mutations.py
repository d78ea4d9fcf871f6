"""Good files with random damage: ``python tests/hostile/mutations.py [COUNT]`` reads many and says what became of them.

Bytes are flipped, cut out, doubled, set to extremes or exchanged between files, and lengths and ends are torn. Each
file must be read or be refused with a sentence, within seconds and with the memory of the first.
"""

import io
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from core.imaging import ImagingError, read_safely, render_phantom, sandbox

SECONDS = 5.0


def good_files() -> list[bytes]:
    """A chest of 96 pixels in each kind of file."""
    grey = np.round(render_phantom(size=96) * 255).astype(np.uint8)
    deep = np.round(render_phantom(size=96) * 65535).astype(np.uint16)
    files = []
    for mode, kind, options in (
        ("L", "PNG", {}),
        ("RGB", "PNG", {}),
        ("L", "JPEG", {}),
        ("L", "JPEG", {"progressive": True}),
        ("RGB", "JPEG", {}),
    ):
        file = io.BytesIO()
        Image.fromarray(grey).convert(mode).save(file, kind, **options)
        files.append(file.getvalue())
    file = io.BytesIO()
    Image.fromarray(deep).save(file, "PNG")
    files += [file.getvalue(), _dicom(grey, ExplicitVRLittleEndian), _dicom(deep, ExplicitVRLittleEndian)]
    files += [_dicom(grey, JPEGBaseline8Bit, files[2]), _dicom(grey, RLELossless)]
    return files


def _dicom(values: np.ndarray, syntax: str, stream: bytes | None = None) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "CR", "CHEST", "PA"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = values.shape
    bits = 8 * values.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits, bits - 1, 0
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    dataset.set_original_encoding(False, True)
    if stream is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"].is_undefined_length = True
    elif syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def mutated(count: int, seed: int = 0) -> Iterator[bytes]:
    """So many damaged files; the same seed gives the same."""
    draw = random.Random(seed)
    files = good_files()
    for _ in range(count):
        data = bytearray(draw.choice(files))
        for _ in range(draw.choice((1, 1, 2, 4, 16))):
            # Headers are short and matter most.
            place = draw.randrange(min(len(data), draw.choice((64, 512, len(data)))))
            match draw.randrange(6):
                case 0:
                    data[place] ^= 1 << draw.randrange(8)
                case 1:
                    length = draw.choice((1, 2, 4))
                    data[place : place + length] = draw.choice((b"\0", b"\xff", b"\x7f")) * length
                case 2:
                    del data[place : place + draw.randrange(1, 64)]
                case 3:
                    data[place:place] = data[place : place + draw.randrange(1, 256)]
                case 4:
                    other = draw.choice(files)
                    start = draw.randrange(len(other))
                    data[place : place + 32] = other[start : start + 32]
                case _:
                    del data[draw.randrange(1, len(data)) :]
            if len(data) < 2:
                break
        yield bytes(data)


def peak_memory() -> int:
    """The most that a decoder which is alive ever held, in bytes; 0 where the system does not tell."""
    peak = 0
    for decoder in sandbox._pool._idle:
        if decoder is not None and Path("/proc").is_dir() and decoder.alive():
            text = Path(f"/proc/{decoder._process.pid}/status").read_text()
            found = re.search(r"VmHWM:\s+(\d+) kB", text)
            peak = max(peak, int(found[1]) * 1024 if found else 0)
    return peak


def read_all(count: int, seed: int = 0) -> tuple[Counter[str], float, list[str]]:
    """Read so many; what became of them, the longest time in seconds, and what should not have happened."""
    outcomes: Counter[str] = Counter()
    longest, faults = 0.0, []
    read_safely(good_files()[0])
    for number, data in enumerate(mutated(count, seed)):
        start = time.monotonic()
        try:
            read_safely(data)
            outcomes["read"] += 1
        except ImagingError as error:
            outcomes[type(error).__name__] += 1
            if not str(error).endswith("."):
                faults.append(f"{number}: {error}")
            if "decoder fail" in str(error) or "longer than" in str(error):
                outcomes[f"blamed: {error}"] += 1
        except Exception as error:
            faults.append(f"{number}: {error!r}")
        seconds = time.monotonic() - start
        longest = max(longest, seconds)
        if seconds > SECONDS:
            faults.append(f"{number}: {seconds:.1f} s")
    return outcomes, longest, faults


if __name__ == "__main__":
    found, slowest, wrong = read_all(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(dict(found))
    print(f"slowest {slowest:.2f} s, decoder's peak {peak_memory() / 2**20:.0f} MiB")
    print(*wrong, sep="\n")
    sys.exit(1 if wrong else 0)
