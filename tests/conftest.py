"""How the suite is shared out to its workers, and fixtures that several parts of it share.

Heavy libraries are imported where they are used: the process that only hands out tests stays small without them.
"""

import ctypes
import gc
import hashlib
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from core.settings import ROOT, ServerSettings

if TYPE_CHECKING:
    from flask import Flask

    from core.classifier import Classifier

pytest_plugins = ["servers_of_others"]

_WORKER = "PYTEST_XDIST_WORKER" in os.environ
_LIBRARY = ctypes.CDLL(None) if sys.platform == "linux" else None
if _WORKER:
    # mallopt(3), M_ARENA_MAX: each of a test's many threads would otherwise keep a heap of its own (glibc).
    if (mallopt := getattr(_LIBRARY, "mallopt", None)) is not None:
        mallopt(-8, 2)
    # A quarter of the time that the imports of all test files take would go into looking for garbage among them.
    gc.disable()
    # The cores are taken by the workers. Set before NumPy and PyTorch are imported; what a test starts inherits it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Where the environment forbids it, each of the many processes that tests start would compile all modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker whole files, so that what a file prepares is prepared once; all page tests share one browser."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "browser" if "browser" in nodeid.partition("[")[0] else super()._split_scope(nodeid)

    return ByFile(config, log)


def pytest_collection_finish() -> None:
    """Look for garbage only among what comes from now on, not each time among a million objects of libraries, too."""
    if _WORKER:
        gc.freeze()
        gc.enable()


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status and what it wrote."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Calls a command's ``main`` as a shell would, without the seconds that a process of its own takes to start."""

    def call(main: Callable[[list[str]], int], *arguments: object, status: int = 0) -> Ended:
        capfd.readouterr()
        try:
            found: object = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            found = ended.code
        said = capfd.readouterr()
        assert found == status, said.err
        return Ended(status, said.out, said.err)

    return call


@pytest.fixture(autouse=True, scope="module")
def memory_given_back() -> Iterator[None]:
    """Gives freed memory back to the system after each file, so that two processes and a browser get by on 3 GB.

    What is left, most of it libraries that this file was the first to need, is not looked through again and again.
    """
    yield
    gc.collect()
    gc.freeze()
    if (trim := getattr(_LIBRARY, "malloc_trim", None)) is not None:
        trim(0)


@pytest.fixture(autouse=True)
def any_precision() -> Iterator[None]:
    """Lets each test train in a precision of its own: accelerate holds on to the first one of a process."""
    yield
    if "accelerate.state" in sys.modules:
        from accelerate.state import AcceleratorState

        AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Hashes passwords with as little work as Argon2 allows; what a server takes is meant to be slow."""
    from argon2 import PasswordHasher

    from core.accounts import accounts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(autouse=True, scope="session")
def shipped_network_asked_once() -> Iterator[None]:
    """Lets all classifiers of a worker share the shipped network, which judges each picture once.

    Each would load it and try it out again, and hundreds of tests have the same few chests judged.
    """
    from core.classifier import SHIPPED, prediction
    from core.classifier.maps import Explainer

    load = prediction.onnx_explainer

    @cache
    def shipped(digest: str) -> Explainer | None:
        found = load(SHIPPED, digest)
        return found and Explainer(_asked_once(found.explain), _asked_once(found.logits))

    def shared(folder: str | Path, digest: str) -> Explainer | None:
        return shipped(digest) if Path(folder) == SHIPPED else load(folder, digest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prediction, "onnx_explainer", shared)
        yield


@pytest.fixture(autouse=True, scope="session")
def shipped_writer_opened_once() -> Iterator[None]:
    """Lets all writers of a worker that read with the shipped weights share them: opening them anew changes nothing."""
    if (module := sys.modules.get("core.vlm.writer")) is None:
        yield  # no test of this run is about the writer
        return
    from core.vlm.backends.opening import SHIPPED_WRITER
    from core.vlm.models import Opening

    load = module.load_model
    shipped = cache(lambda: load(SHIPPED_WRITER))

    def shared(source: str | Path, opening: Opening | None = None) -> Any:
        as_shipped = str(source) == str(SHIPPED_WRITER) and opening in (None, Opening())
        return shipped() if as_shipped else load(source, opening)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_model", shared)
        yield


def _asked_once(judge: Callable[[Any], Any]) -> Callable[[Any], Any]:
    known: dict[bytes, Any] = {}

    def answer(images: Any) -> Any:
        picture = hashlib.sha256(images).digest()
        if picture not in known:
            known[picture] = judge(images)
        return known[picture]

    return answer


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Gives a folder that the first worker to ask for it fills; all workers read it, and none may change it."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if _WORKER else root

    def folder(name: str, fill: Callable[[Path], object]) -> Path:
        finished, partial = root / name, root / f"{name}.partial"
        with FileLock(root / f"{name}.lock"):
            if not finished.exists():
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                fill(partial)
                partial.rename(finished)
        return finished

    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real radiographs, or a skip with the reason."""
    folder = Path(os.environ.get("CHESTLENS_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set CHESTLENS_SHARED to the folder that holds data/")
    return folder


@pytest.fixture(scope="session")
def classifier() -> "Classifier":
    """The shipped checkpoint."""
    from core.classifier import Classifier

    return Classifier()


@pytest.fixture(scope="session")
def phantom_png_bytes() -> bytes:
    """A rendered chest as an 8-bit PNG of 512 x 512 pixels."""
    import numpy as np
    from PIL import Image

    from core.imaging import render_phantom

    file = io.BytesIO()
    Image.fromarray(np.round(render_phantom(size=512) * 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def chest_dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered chest as a 12-bit MONOCHROME1 DX file."""
    import numpy as np
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    from core.imaging import render_phantom

    stored = np.round((1 - render_phantom(size=512)) * 4095).astype("<u2")
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = (generate_uid() for _ in range(3))
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "PA"
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME1", 1
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelSpacing = [0.7, 0.7]
    dataset.PixelData = stored.tobytes()
    path = tmp_path_factory.mktemp("dicom") / "phantom.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="session")
def rendered_nih(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """What ``nih_folder`` copies: rendering takes seconds, copying does not."""
    return made_once("nih", _render_nih)


def _render_nih(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    from core.imaging import render_phantom

    (folder / "images").mkdir()
    columns = ["Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender"]
    boxes = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
    columns += ["View Position", "OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]"]
    rows, sources = [",".join(columns)], ["Image Index,official_split,source_repo,source_width,source_height"]
    for patient in range(1, 13):
        for visit in range(2):
            name = f"{patient:08d}_{visit:03d}.png"
            labels = "Effusion|Mass" if patient % 3 == 0 else "No Finding"
            rows.append(f"{name},{labels},{visit},{patient},{50 + patient},M,PA,1024,1024,0.14,0.14")
            sources.append(f"{name},train,test/collection,1024,1024")
            pixels = render_phantom(size=128, seed=2 * patient + visit)
            if patient % 3 == 0:
                pixels[70:100, 20:50] = 1
                boxes.append(f"{name},Mass,160,560,240,240,,,")  # in pixels of the published image, 8 times as large
            Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(folder / "images" / name)
    (folder / "Data_Entry_2017_v2020.csv").write_text("\n".join(rows) + "\n")
    (folder / "sources.csv").write_text("\n".join(sources) + "\n")
    (folder / "BBox_List_2017.csv").write_text("\n".join(boxes) + "\n")
    (folder / "test_list.txt").write_text("00000001_000.png\n00000002_000.png\n")


@pytest.fixture
def nih_folder(rendered_nih: Path, tmp_path: Path) -> Path:
    """A small collection in the official NIH layout, with rendered images; masses are bright squares, with boxes."""
    return Path(shutil.copytree(rendered_nih, tmp_path / "nih"))


@pytest.fixture(scope="session")
def trained_run(made_once: Callable[[str, Callable[[Path], object]], Path], rendered_nih: Path) -> Path:
    """The folder of a short training with ``train.py`` on ``rendered_nih``, divided 0.7 to 0.3."""

    def fill(folder: Path) -> None:
        from train import main

        data = ["--dataset", "nih", "--data_dir", str(rendered_nih), "--split_fractions", "0.7", "0.3", "0"]
        small = "--backbone test_resnet --initial_weights none --image_size 64 --epochs 1 --batch_size 4"
        assert main([*data, *small.split(), "--output_dir", str(folder)]) == 0

    return made_once("trained", fill)


@pytest.fixture(scope="session")
def new_database(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A database as a first start makes it, in a file; all revisions of the schema take longer than most tests."""

    def fill(folder: Path) -> None:
        from core.studies.database import Database

        Database(f"sqlite:///{folder / 'new.sqlite3'}").close()

    return made_once("database", fill) / "new.sqlite3"


@pytest.fixture
def settings(tmp_path: Path, new_database: Path) -> ServerSettings:
    """Server settings with an instance folder of their own, in which there are no studies yet."""
    instance = tmp_path / "instance"
    instance.mkdir()
    shutil.copy(new_database, instance / "chestlens.sqlite3")
    # Without the writer, which most tests have no need of and whose loading takes seconds.
    environment = {"CHESTLENS_INSTANCE": str(instance), "CHESTLENS_WRITER": "off"}
    return ServerSettings.from_environment(environment)


@pytest.fixture
def app(settings: ServerSettings) -> Iterator["Flask"]:
    """A whole application with its worker."""
    from core.web import create_app, services_of

    application = create_app(settings)
    yield application
    services_of(application).close()
