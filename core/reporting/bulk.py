"""Many files to one table of probabilities."""

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import fsspec

from core.anatomy import Admitted, admit
from core.classifier import Classifier
from core.classifier.maps import FloatArray
from core.findings import LABELS
from core.imaging import ImagingError, RefusedImage, may_be_radiograph, read_safely
from core.reporting.errors import ReportingError
from core.reporting.evidence import CALLED, Judgement, judge
from core.settings import DEFAULT_POLICY

COLUMNS: tuple[str, ...] = ("path", "gate", "view", "abnormal", "present", "possible", *LABELS, "error")

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".dcm", ".dicom", ".dic"})
"""What is named as a radiograph is told of even if its content is none."""
# Files that are read and judged at one time, and that are begun before an earlier one is asked for.
_AT_ONCE, _AHEAD = 3, 4


@dataclass(frozen=True)
class Scored:
    """What became of one file.

    Attributes:
        path: as given, or found in a given folder; an address that fsspec knows is text.
        admitted, probabilities, judgement: None for a file that failed; ``admitted`` has no outlines, and its pixels
            may be bytes (``read_stored``) unless heatmaps were asked for.
        heatmaps: as of ``Prediction``; None for a file that failed, and where they were not asked for.
        gate: ``accepted``, ``unsure``, ``refused`` (readable, but not to be judged), or ``unread``.
        error: why it failed, or None.
    """

    path: Path | str
    admitted: Admitted | None
    probabilities: FloatArray | None
    judgement: Judgement | None
    gate: str
    error: str | None
    heatmaps: FloatArray | None = None

    def row(self) -> dict[str, str]:
        """A row of ``predictions.csv``; unknown labels and failed files leave cells empty."""
        row = dict.fromkeys(COLUMNS, "") | {"path": str(self.path), "gate": self.gate, "error": self.error or ""}
        if self.admitted is not None:
            row["view"] = self.admitted.radiograph.view or ""
        if self.probabilities is not None:
            values = zip(LABELS, self.probabilities, strict=True)
            row |= {label: f"{value:.6f}" for label, value in values if value == value}
        if self.judgement is not None:
            if self.judgement.abnormal is not None:
                row["abnormal"] = f"{self.judgement.abnormal.probability:.6f}"
            row |= {decision: "|".join(self.judgement.called(decision)) for decision in CALLED}
        return row


def find_files(paths: Sequence[str | Path]) -> list[Path]:
    """Files as given, and those of given folders (with all folders in them) that may be radiographs, sorted.

    Raises:
        ReportingError: a path does not exist, or no file was found at all.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = (item for item in path.rglob("*") if item.is_file() and not item.name.startswith("."))
            files += sorted(item for item in inside if item.name != "DICOMDIR" and _looks_right(item))
        elif path.is_file():
            files.append(path)
        else:
            raise ReportingError(f"There is no file or folder {path}.")
    if not files:
        raise ReportingError("The folders hold no DICOM, PNG or JPEG file.")
    return files


def _looks_right(path: Path) -> bool:
    """Whether a file is named as a radiograph or, whatever its name, begins like one."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return may_be_radiograph(file.read(256))
    except OSError:
        return True


def folders_for(files: Sequence[Path]) -> dict[Path, Path]:
    """A relative folder for each file, of its own: its name, below as many of its folders as tell it from others."""
    folders: dict[Path, Path] = {}
    taken = Counter(map(_flat_name, files))
    root = Path(os.path.commonpath([path.absolute().parent for path in files]))
    for path in files:
        above = path.absolute().parent.relative_to(root) if taken[_flat_name(path)] > 1 else Path()
        folders[path] = above / _flat_name(path)
    return folders


def _flat_name(path: Path) -> str:
    return f"{path.stem}-{path.suffix.lstrip('.') or 'file'}"


def score(
    files: Sequence[Path | str],
    classifier: Classifier,
    policy: str = DEFAULT_POLICY,
    *,
    force: bool = False,
    heatmaps: bool = False,
) -> Iterator[Scored]:
    """Classify files in order, some at a time; a bad file is told of and never ends the run.

    Args:
        files: to read; text is an address that fsspec knows, such as ``s3://bucket/file``.
        classifier: to judge with.
        policy: by which findings are called.
        force: judge also what the gate refuses.
        heatmaps: draw them too.

    Raises:
        CheckpointError: the checkpoint has no policy of this name.
    """
    classifier.config.policy(policy)

    def one(path: Path | str) -> Scored:
        try:
            radiograph = read_safely(file_bytes(path), as_stored=not heatmaps)
            # No column tells of lungs and heart.
            admitted = admit(radiograph, force=force, outlines=False)
            prediction = classifier.predict(admitted.radiograph) if heatmaps else None
            probabilities = (
                classifier.probabilities(admitted.radiograph) if prediction is None else prediction.probabilities
            )
            judgement = judge(probabilities, classifier.config, policy)
            maps = None if prediction is None else prediction.heatmaps
            return Scored(path, admitted, probabilities, judgement, admitted.gate.verdict, None, maps)
        except RefusedImage as error:
            return Scored(path, None, None, None, "refused", str(error))
        except (ImagingError, OSError) as error:
            return Scored(path, None, None, None, "unread", str(error))

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        ahead: deque[Future[Scored]] = deque()
        for path in files:
            ahead.append(pool.submit(one, path))
            if len(ahead) > _AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def file_bytes(path: Path | str) -> bytes:
    """The content of a file; text may be an address that fsspec knows, such as ``s3://bucket/file``.

    Raises:
        OSError: it cannot be read.
    """
    if isinstance(path, Path) or "://" not in path:
        return Path(path).read_bytes()
    files, place = fsspec.core.url_to_fs(path)
    return bytes(files.cat_file(place))
