"""How time and memory grow: with the number and size of images that are scored, and of studies that are kept.

Every point is measured in a process of its own, so that its peak of memory is its own.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.evaluation.errors import EvaluationError
from core.imaging import render_phantom
from core.settings import ROOT

SIDES = (224, 512, 1024)
SMALLEST = 10
# The files beyond these are further names of them: every one is read and judged, and the disk does not fill.
_DIFFERENT = 16

# Not ru_maxrss, which a new process takes over from the one that started it.
_PEAK = """
import re
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
"""
_SCORING = f"""{_PEAK}
import json, sys, time
from pathlib import Path
from core.classifier import Classifier
from core.reporting.bulk import find_files, score
classifier = Classifier(Path(sys.argv[1]))
files = find_files([sys.argv[2]])
began = time.perf_counter()
failed = sum(one.error is not None for one in score(files, classifier))
print(json.dumps({{"seconds": time.perf_counter() - began, "failed": failed, "peak_mib": peak()}}))
"""
_KEEPING = f"""{_PEAK}
import json, statistics, sys, time
from core.settings import ServerSettings
from sqlalchemy import insert
from core.studies import worklist
from core.studies.studies import Studies, Upload
from core.studies.tables import Call, Rating, Study, now
import uuid

count, repeats, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
picture = open(sys.argv[4], "rb").read()
studies = Studies(ServerSettings.from_environment({{"CHESTLENS_INSTANCE": folder}}))
for start in range(0, count, 1000):
    names = {{uuid.uuid4().hex: number for number in range(start, min(start + 1000, count))}}
    with studies.database.session() as session:
        for table, of in {{
            Study: lambda number: dict(filename=f"chest-{{number}}.png", created=now(), status="done", summary={{}}),
            Rating: lambda number: dict(level="soon", rank=2, strength=number / count, because=[], sentence=""),
            Call: lambda number: dict(finding="Effusion", decision="present", probability=0.5),
        }}.items():
            key = "id" if table is Study else "study_id"
            session.execute(insert(table), [{{key: name, **of(number)}} for name, number in names.items()])
        session.commit()
    for name in names:
        studies.storage.create(name)
        studies.storage.write(name, "result.json", b"{{}}", durable=False)

def median(work, given):
    taken = []
    for one in given:
        began = time.perf_counter()
        work(one)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)

kept = []
upload = median(lambda one: kept.append(studies.receive(Upload("new.png", picture)).id), range(repeats))
lists = {{
    "first_page": worklist.Query(),
    "most_urgent": worklist.Query(sort="urgency"),
    "search": worklist.Query(text="chest-7", finding="Effusion"),
    "last_page": worklist.Query(offset=max(0, count - 50)),
}}
figures = {{name: median(lambda query: worklist.find(studies.database, query), [query] * repeats)
           for name, query in lists.items()}}
delete = median(studies.delete, kept)
began = time.perf_counter()
studies.sweep()
print(json.dumps({{"upload_s": upload, **{{f"{{name}}_s": took for name, took in figures.items()}}, "delete_s": delete,
                  "sweep_s": time.perf_counter() - began, "peak_mib": peak()}}))
studies.close()
"""


@dataclass(frozen=True)
class Point:
    """One size, and what it took.

    Attributes:
        of: ``images`` or ``studies``.
        count: how many.
        side: of the images, in pixels; None for studies.
        figures: seconds and MiB, by name.
    """

    of: str
    count: int
    side: int | None
    figures: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return {"of": self.of, "count": self.count, "side": self.side, **self.figures}

    def __str__(self) -> str:
        """A line for people."""
        memory = f"peak memory {self.figures['peak_mib']:.0f} MiB"
        if self.of == "images":
            speed = self.count / self.figures["seconds"]
            return f"{self.count:,} images of {self.side} pixels: {speed:.1f} images/s, {memory}"
        took = ", ".join(
            f"{name.removesuffix('_s').replace('_', ' ')} {1000 * seconds:.1f} ms"
            for name, seconds in self.figures.items()
            if name.endswith("_s")
        )
        return f"{self.count:,} studies kept: {took}, {memory}"


def measure_growth(
    checkpoint: Path,
    *,
    images: int,
    studies: int,
    repeats: int,
    sides: Sequence[int],
    plot: Path | None = None,
) -> Iterator[Point | str]:
    """Score folders and fill stores that are ten times as large each time.

    Args:
        checkpoint: to judge with.
        images: in the largest folder, at each of ``sides``.
        studies: in the largest store.
        repeats: uploads, pages and deletions of which the median is taken.
        sides: of the images, in pixels.
        plot: PNG to draw, or None.

    Raises:
        EvaluationError: a measured process failed.
    """
    points: list[Point] = []
    with tempfile.TemporaryDirectory() as folder:
        for side in sides:
            pictures = _pictures(Path(folder) / str(side), side)
            for count in _sizes(images):
                chosen = _folder_of(count, pictures, Path(folder) / f"{side}-{count}")
                points.append(Point("images", count, side, _told(_SCORING, checkpoint.resolve(), chosen)))
                yield points[-1]
        for count in _sizes(studies):
            instance = Path(folder) / f"instance-{count}"
            points.append(Point("studies", count, None, _told(_KEEPING, count, repeats, instance, pictures[0])))
            yield points[-1]
    if plot:
        draw(points, plot)
        yield f"wrote {plot}"


def draw(points: Sequence[Point], path: Path) -> None:
    """Time and memory over the number of images and of studies, on logarithmic scales, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
    for column, of in enumerate(("images", "studies")):
        time, memory = axes[0, column], axes[1, column]
        chosen = [point for point in points if point.of == of]
        for side in dict.fromkeys(point.side for point in chosen):
            line = [point for point in chosen if point.side == side]
            counts = [point.count for point in line]
            label = f"{side} pixels" if side else "process"
            memory.plot(counts, [point.figures["peak_mib"] for point in line], marker="o", label=label)
            for name in [one for one in line[0].figures if one == "seconds" or one.endswith("_s")]:
                shown = label if side else name.removesuffix("_s").replace("_", " ")
                time.plot(counts, [point.figures[name] for point in line], marker="o", label=shown)
        time.set(xscale="log", yscale="log", xlabel=of, ylabel="seconds")
        memory.set(xscale="log", xlabel=of, ylabel="peak memory, MiB", ylim=(0, None))
        time.legend(fontsize="small")
        memory.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _sizes(most: int) -> list[int]:
    sizes = [min(SMALLEST, most)]
    while sizes[-1] < most:
        sizes.append(min(10 * sizes[-1], most))
    return sizes


def _pictures(folder: Path, side: int) -> list[Path]:
    folder.mkdir()
    chest = render_phantom(size=side)
    files = []
    for number in range(_DIFFERENT):
        path = folder / f"{number}.png"
        Image.fromarray(np.round(chest * (1 - number / (4 * _DIFFERENT)) * 255).astype(np.uint8)).save(path)
        files.append(path)
    return files


def _folder_of(count: int, pictures: list[Path], folder: Path) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06d}.png").symlink_to(pictures[number % len(pictures)])
    return folder


def _told(program: str, *given: object) -> dict[str, float]:
    """The figures that a program prints last."""
    command = [sys.executable, "-c", program, *map(str, given)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EvaluationError(f"A measured process failed: {done.stderr.strip().splitlines()[-1]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))
