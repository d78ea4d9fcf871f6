import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.dataset
import pytest
from PIL import Image

from core.__main__ import main
from core.classifier import SHIPPED, Classifier
from core.findings import LABELS
from core.imaging import render_phantom
from core.reporting.bulk import score

pytest.importorskip("ray.data", reason="Ray is not installed: pip install -r requirements-ray.txt")
Cluster = pytest.importorskip("ray.cluster_utils").Cluster

_FILES, _PARTITION = 24, 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    chest = render_phantom(size=256)
    for number in range(_FILES - 1):
        darker = chest * (1 - number / (4 * _FILES))
        Image.fromarray(np.round(darker * 255).astype(np.uint8)).save(folder / f"{number:02d}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def cluster() -> "Iterator[Cluster]":
    """A head that does no work, and two nodes with a processor each; all of them are processes of this machine."""
    memory = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, **memory)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()


def _rows(output: Path) -> list[dict]:
    return pyarrow.dataset.dataset(sorted(output.glob("part-*.parquet"))).to_table().to_pylist()


def test_a_node_that_is_lost_costs_no_row_and_doubles_none(folder: Path, tmp_path: Path, cluster: "Cluster") -> None:
    output = tmp_path / "out"
    command = ["predict", str(folder), "--ray", cluster.address, "--output", str(output)]
    command += ["--partition", str(_PARTITION)]
    lost = threading.Event()

    def lose_a_node() -> None:
        while len(list(output.glob("part-*"))) < 2:
            if finished.wait(0.05):
                return
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        lost.set()

    finished = threading.Event()
    killer = threading.Thread(target=lose_a_node)
    killer.start()
    try:
        assert main(command) == 0
    finally:
        finished.set()
        killer.join()
    assert lost.is_set()

    rows = _rows(output)
    files = sorted(folder.iterdir())
    assert [row["path"] for row in rows] == [str(file) for file in files]
    assert [row["path"] for row in rows if row["error"]] == [str(folder / "broken.png")]
    alone = next(iter(score(files[:1], Classifier(SHIPPED)))).probabilities
    assert [rows[0][label] for label in LABELS] == pytest.approx(alone, abs=1e-3, nan_ok=True)

    # What is there stays, what is missing is made again, and nothing else lies there.
    parts = sorted(output.glob("part-*.parquet"))
    assert len(parts) == _FILES // _PARTITION
    parts[3].unlink()
    kept = {part: part.stat().st_mtime_ns for part in parts if part.exists()}
    assert main(command) == 0
    assert {part: part.stat().st_mtime_ns for part in kept} == kept
    assert _rows(output) == rows
    assert {entry.name for entry in output.iterdir()} >= {part.name for part in parts} | {"_about.json"}


def test_an_address_of_fsspec_is_written_and_other_settings_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    output = tmp_path / "out"
    command = ["predict", str(folder / "00.png"), "--ray", "auto", "--output", f"file://{output}"]
    assert main(command) == 0
    assert main([*command, "--policy", "screening"]) == 1
    assert "name another --output" in capsys.readouterr().err
    # All is there, so that no cluster is asked for.
    assert main([*command[:3], "127.0.0.1:1", *command[4:]]) == 0
    assert "1 of them there before" in capsys.readouterr().err


def test_a_cluster_that_is_not_there_is_told_of(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["predict", str(folder / "00.png"), "--ray", "127.0.0.1:1", "--output", str(tmp_path / "out")]
    assert main(command) == 1
    assert "There is no Ray cluster at 127.0.0.1:1" in capsys.readouterr().err
