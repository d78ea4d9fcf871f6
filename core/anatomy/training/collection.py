"""All pictures that the anatomy network learns from and is measured on, small and in memory.

Frontal chests: NIH ChestX-ray14, paediatric chests, and the radiographs with masks (JSRT, Montgomery, Shenzhen).
Others: radiographs that are known not to be frontal chests, DICOM files of other body parts, and photographs and
drawings that ship with installed packages. Each is for training, validation or for the last measurement, by patient or
by file.
"""

import csv
import hashlib
import importlib.util
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm.auto import tqdm

from core.anatomy.look import AnatomyError
from core.anatomy.pictures import small_picture
from core.imaging import ImagingError
from core.imaging.dicom_file import parse_dicom
from core.imaging.dicom_pixels import decode_stored_values

log = logging.getLogger(__name__)

# Pictures are kept a little larger than the network's, so that they can be turned and cropped.
KEPT_SIDE = 128
Split = Literal["train", "validation", "held_out"]
# JSRT's masks: 1 the patient's left lung, 2 the right lung, 3 the heart. The others mark both lungs as 1.
_JSRT_LEFT, _JSRT_RIGHT, _JSRT_HEART = 1, 2, 3

_NIH_FOLDERS = ("nih", "nih_128px")
_LOCALISATION_LIST = "test_list.txt"
_NOT_FRONTAL = {"lateral": "lateral", "other_corrupt": "picture"}
_RELABELLED = Path(__file__).with_name("not_frontal_in_nih.csv")
_PACKAGED_PICTURES = (
    ("skimage", "data"),
    ("sklearn", "datasets/images"),
    ("matplotlib", "mpl-data/sample_data"),
    ("networkx", "drawing/tests/baseline"),
    ("sympy", "plotting/tests"),
)


@dataclass(frozen=True)
class Item:
    """One picture.

    Attributes:
        name: of the file.
        source: collection it comes from.
        kind: what it shows, one of ``KINDS``.
        split: what it is for.
    """

    name: str
    source: str
    kind: str
    split: Split

    @property
    def frontal(self) -> bool:
        """Whether it shows a frontal chest."""
        return self.kind == "frontal"


@dataclass(frozen=True)
class Collection:
    """Pictures with what is known of them.

    Attributes:
        items: one for each picture.
        pictures: uint8 (N, 128, 128), greys stretched.
        masks: uint8 (M, 3, 128, 128) in 0 to 255: right lung, left lung, heart.
        mask_rows: for each picture the row of its masks, or -1.
        has_heart: bool (M,), whether the heart is known.
    """

    items: tuple[Item, ...]
    pictures: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.uint8]
    mask_rows: npt.NDArray[np.int64]
    has_heart: npt.NDArray[np.bool_]

    def rows(self, split: Split, *, frontal: bool | None = None, source: str | None = None) -> npt.NDArray[np.int64]:
        """Row numbers of a split, if wanted only of frontal chests or others, or of one source."""
        return np.array(
            [
                row
                for row, item in enumerate(self.items)
                if item.split == split
                and (frontal is None or item.frontal == frontal)
                and (source is None or item.source == source)
            ],
            dtype=np.int64,
        )


def split_of(source: str, patient: str) -> Split:
    """70 % of the patients (or files) for training, 15 % for validation, 15 % held out; the same at every call."""
    share = int(hashlib.sha256(f"{source}/{patient}".encode()).hexdigest()[:8], 16) / 16**8
    return "train" if share < 0.70 else "validation" if share < 0.85 else "held_out"


def read_collection(data_dir: Path) -> Collection:
    """Read everything below ``data_dir``; folders that are missing are left out.

    Raises:
        AnatomyError: there are no radiographs with lung masks.
    """
    if not (data_dir / "lung_masks" / "table.csv").is_file():
        raise AnatomyError(f"{data_dir} has no folder lung_masks with table.csv, images and masks.")
    items: list[Item] = []
    pictures: list[npt.NDArray[np.uint8]] = []
    masks: list[npt.NDArray[np.uint8]] = []
    mask_rows: list[int] = []
    has_heart: list[bool] = []
    sources = [_masked(data_dir), _nih(data_dir), _paediatric(data_dir), _not_frontal(data_dir), _dicom(data_dir)]
    for source in (*sources, _packaged()):
        for item, path in tqdm(list(source), desc="reading", unit="img", disable=None):
            picture = _read_dicom(path) if path.suffix == ".dcm" else _read_raster(path)
            if picture is None:
                continue
            items.append(item)
            pictures.append(picture)
            mask = data_dir / "lung_masks" / "masks" / f"{item.name}.png"
            if item.source in ("JSRT", "Montgomery", "Shenzhen"):
                masks.append(_read_masks(mask, known_heart=item.source == "JSRT"))
                mask_rows.append(len(masks) - 1)
                has_heart.append(item.source == "JSRT")
            else:
                mask_rows.append(-1)
    return Collection(tuple(items), np.stack(pictures), np.stack(masks), np.array(mask_rows), np.array(has_heart))


Files = Iterator[tuple[Item, Path]]


def _masked(data_dir: Path) -> Files:
    folder = data_dir / "lung_masks"
    for row in _table(folder / "table.csv"):
        split = split_of(row["source"], row["name"])
        yield Item(row["name"], row["source"], "frontal", split), folder / "images" / f"{row['name']}.jpg"


def _nih(data_dir: Path) -> Files:
    """NIH's images, by patient, without the localisation set and doubtful ones.

    The collection calls every image frontal. Those that are not were found by a network trained on it, which put them
    last, and then looked at.
    """
    relabelled = {row["file"]: row["kind"] for row in _table(_RELABELLED)}
    seen: set[str] = set()
    for folder in (data_dir / name for name in _NIH_FOLDERS):
        listed = folder / _LOCALISATION_LIST
        kept_away = set(listed.read_text().split()) if folder.name == "nih" and listed.is_file() else set()
        for path in sorted((folder / "images").glob("*")):
            if path.stem + ".png" in kept_away or path.stem in seen:
                continue
            seen.add(path.stem)
            kind = relabelled.get(path.stem, "frontal")
            if kind == "doubtful":
                continue
            yield Item(path.stem, folder.name, kind, split_of("nih", path.stem.split("_")[0])), path


def _paediatric(data_dir: Path) -> Files:
    folder = data_dir / "pediatric_pneumonia"
    for row in _table(folder / "labels.csv"):
        split = split_of("paediatric", row["patient"])
        yield Item(row["file"], "paediatric", "frontal", split), folder / row["file"]


def _not_frontal(data_dir: Path) -> Files:
    """Every other picture of each kind is held out: there are too few for three parts."""
    folder = data_dir / "not_frontal"
    rows = sorted(_table(folder / "kinds.csv"), key=lambda row: (row["kind"], row["file"]))
    for index, row in enumerate(rows):
        kind = next((ours for word, ours in _NOT_FRONTAL.items() if row["kind"].startswith(word)), "other_part")
        yield Item(row["file"], "not_frontal", kind, "held_out" if index % 2 else "train"), folder / row["file"]


def _dicom(data_dir: Path) -> Files:
    for row in _table(data_dir / "dicom" / "table.csv"):
        chest = "chest" in row["file"].lower()
        kind = "frontal" if chest else "other_part"
        # Chests are few: they are only measured on. Files of other kinds are learned from by turns.
        learned = not chest and row["file"].startswith(("RG2", "MG", "XA"))
        yield Item(row["file"], "dicom", kind, "train" if learned else "held_out"), data_dir / "dicom" / row["file"]


def _packaged() -> Files:
    """Photographs, drawings and plots of installed packages."""
    for package, folder in _PACKAGED_PICTURES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        files = [path for path in (Path(spec.origin).parent / folder).glob("*") if path.suffix in (".png", ".jpg")]
        for path in sorted(files):
            name = f"{package}/{path.name}"
            # Both pictures of a stereo pair, for example, belong to one part.
            group = f"{package}/{path.stem.split('_')[0]}"
            yield Item(name, "packages", "picture", split_of("packages", group)), path


def _table(path: Path) -> Iterable[dict[str, str]]:
    if not path.is_file():
        log.warning("%s is missing; its pictures are left out", path)
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _read_raster(path: Path) -> npt.NDArray[np.uint8] | None:
    if not path.is_file():
        return None
    with Image.open(path) as image:
        image.draft("L", (2 * KEPT_SIDE, 2 * KEPT_SIDE))
        return _kept(np.asarray(image.convert("L")))


def _read_dicom(path: Path) -> npt.NDArray[np.uint8] | None:
    try:
        file = parse_dicom(path.read_bytes())
        stored = decode_stored_values(file).values.astype(np.float32)
    except ImagingError as error:
        log.info("%s is left out: %s", path.name, error)
        return None
    dark = str(file.dataset.get("PhotometricInterpretation")) == "MONOCHROME1"
    return _kept(-stored if dark else stored)


def _kept(pixels: npt.NDArray[np.floating] | npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.round(255 * small_picture(pixels, KEPT_SIDE)).astype(np.uint8)


def _read_masks(path: Path, *, known_heart: bool) -> npt.NDArray[np.uint8]:
    with Image.open(path) as image:
        values = np.asarray(image)
    if known_heart:
        layers = [values == _JSRT_RIGHT, values == _JSRT_LEFT, values == _JSRT_HEART]
    else:
        right, left = _divided(values > 0)
        layers = [right, left, np.zeros_like(right)]
    size = (KEPT_SIDE, KEPT_SIDE)
    shares = [Image.fromarray(np.uint8(255) * layer).resize(size, Image.Resampling.BOX) for layer in layers]
    return np.stack([np.asarray(share) for share in shares])


def _divided(lungs: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Both lungs by their connected parts: a part whose middle lies left in the picture is the patient's right."""
    from scipy import ndimage

    parts, number = ndimage.label(lungs)
    middles = ndimage.center_of_mass(lungs, parts, range(1, number + 1))
    of_right = [part for part, (_, x) in enumerate(middles, start=1) if x < lungs.shape[1] / 2]
    right = np.isin(parts, of_right)
    return right, lungs & ~right
