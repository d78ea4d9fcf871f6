"""The commands that work on a Ray cluster, all on one of this machine, whose nodes are processes."""

import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from core.__main__ import main
from core.classifier import SHIPPED, Classifier
from core.datasets.table import complete, read_problems
from core.distributed import ClusterRun, connected, distribute, read_parts
from core.findings import LABELS
from core.imaging import render_phantom
from core.reporting.bulk import score
from core.vlm.__main__ import main as vlm
from core.vlm.evaluation_manifest import read_manifest

_MISSING = "Ray is not installed: pip install -r requirements-ray.txt"
ray = pytest.importorskip("ray", reason=_MISSING)
pytest.importorskip("ray.data", reason=_MISSING)
Cluster = pytest.importorskip("ray.cluster_utils").Cluster

_FILES, _PARTITION = 24, 2
_MEMORY = {"object_store_memory": 100 * 2**20}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("in")
    chest = render_phantom(size=256)
    for number in range(_FILES - 1):
        darker = chest * (1 - number / (4 * _FILES))
        Image.fromarray(np.round(darker * 255).astype(np.uint8)).save(folder / f"{number:02d}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def cluster(new_bucket: Callable[[], str]) -> "Iterator[Cluster]":
    """A head that does no work, and a node with one processor and what Ray takes for a GPU; they know the buckets."""
    with pytest.MonkeyPatch.context() as patch:
        # Workers would give way to all else on the machine, and take minutes where the processors are busy.
        patch.setenv("RAY_worker_niceness", "0")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **_MEMORY})
        try:
            cluster.add_node(num_cpus=1, num_gpus=1, **_MEMORY)
            cluster.wait_for_nodes()
            # One connection for all: with each, Ray starts processes of its own.
            with connected(cluster.address):
                yield cluster
        finally:
            cluster.shutdown()


def _rows(output: Path) -> list[dict]:
    return read_parts(str(output)).to_pylist()


def _goes_on(command: Callable[[], int], output: Path) -> bool:
    """Whether a part that is taken away is made again as it was, and the others are kept."""

    def timeless(table: pa.Table) -> pa.Table:
        return table.select([name for name in table.column_names if name != "seconds"])

    before = read_parts(str(output))
    first, *others = sorted(output.glob("part-*.parquet"))
    first.unlink()
    kept = {part: part.stat().st_mtime_ns for part in others}
    assert command() == 0
    assert {part: part.stat().st_mtime_ns for part in others} == kept
    return timeless(read_parts(str(output))).equals(timeless(before))


def test_a_node_that_is_lost_costs_no_row_and_doubles_none(folder: Path, tmp_path: Path, cluster: "Cluster") -> None:
    doomed = cluster.add_node(num_cpus=1, **_MEMORY)
    cluster.wait_for_nodes()
    output = tmp_path / "out"
    command = ["predict", str(folder), "--ray", cluster.address, "--output", str(output)]
    command += ["--partition", str(_PARTITION)]
    lost = threading.Event()

    def lose_a_node() -> None:
        while len(list(output.glob("part-*"))) < 2:
            if finished.wait(0.05):
                return
        cluster.remove_node(doomed, allow_graceful=False)
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

    # What is there stays, what is missing is made again.
    assert len(list(output.glob("part-*.parquet"))) == _FILES // _PARTITION
    assert _goes_on(partial(main, command), output)


def test_an_address_of_fsspec_is_written_and_other_settings_are_refused(
    folder: Path, tmp_path: Path, cluster: "Cluster", capsys: pytest.CaptureFixture
) -> None:
    output = tmp_path / "out"
    command = ["predict", str(folder / "00.png"), "--ray", cluster.address, "--output", f"file://{output}"]
    assert main(command) == 0
    assert main([*command, "--policy", "screening"]) == 1
    assert "name another --output" in capsys.readouterr().err
    # All is there, so that no cluster is asked for.
    assert main([*command[:3], "127.0.0.1:1", *command[4:]]) == 0
    assert "1 of them there before" in capsys.readouterr().err


def test_files_in_an_object_store_get_their_rows_and_reports_there(
    folder: Path, tmp_path: Path, cluster: "Cluster", new_bucket: Callable[[], str], capsys: pytest.CaptureFixture
) -> None:
    bucket = new_bucket()
    files, root = fsspec.core.url_to_fs(bucket)
    files.put(str(folder), f"{root}/images", recursive=True)
    images, names = f"{bucket}/images", sorted(path.name for path in folder.iterdir())
    there = ["--ray", cluster.address, "--partition", "8", "--output"]
    command = ["predict", images, *there, f"{bucket}/rows"]
    assert main(command) == 0
    rows = read_parts(f"{bucket}/rows").to_pylist()
    assert [row["path"] for row in rows] == [f"{images}/{name}" for name in names]
    assert [row["path"] for row in rows if row["error"]] == [f"{images}/broken.png"]
    alone = score([folder / name for name in names], Classifier(SHIPPED))
    for row, scored in zip(rows, alone, strict=True):
        if scored.probabilities is not None:
            assert [row[label] for label in LABELS] == pytest.approx(scored.probabilities, abs=1e-3, nan_ok=True)
    files.rm_file(f"{root}/rows/part-000001.parquet")
    capsys.readouterr()
    assert main(command) == 0
    assert f"{len(names)} files, 1 of which could not be classified, in 3 Parquet files, 2 of them there before" in (
        capsys.readouterr().err
    )

    manifest = tmp_path / "studies.jsonl"
    manifest.write_text(json.dumps({"id": "a", "image_path": f"{images}/00.png"}) + "\n")
    assert vlm(["write", "--manifest", str(manifest), *there, f"{bucket}/reports"]) == 0
    (report,) = read_parts(f"{bucket}/reports").to_pylist()
    assert report["id"] == "a"
    assert report["impression"]


def test_a_cluster_that_is_not_there_is_told_of(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["predict", str(folder / "00.png"), "--ray", "127.0.0.1:1", "--output", str(tmp_path / "out")]
    assert main(command) == 1
    assert "There is no Ray cluster at 127.0.0.1:1" in capsys.readouterr().err


def test_a_table_has_the_rows_of_the_local_one(folder: Path, tmp_path: Path, cluster: "Cluster") -> None:
    reports = ("Large effusion.", "No acute disease.", "", "Possible edema.")
    rows = [f"{folder / f'{n:02d}.png'},p{n // 2},{reports[n % 4]}" for n in range(10)]
    (tmp_path / "own.csv").write_text("\n".join(["path,patient_id,report", *rows, "gone.png,p9,Mass."]) + "\n")
    command = ["table", "--dataset", "csv", "--data_dir", str(tmp_path / "own.csv"), "--output"]
    assert main([*command, str(tmp_path / "local.parquet")]) == 0
    output = tmp_path / "out"
    distributed = [*command, str(output), "--ray", cluster.address, "--partition", "4"]
    assert main(distributed) == 0

    found = read_parts(str(output)).to_pandas()
    assert found.pop("error").isna().all()
    local = pd.read_parquet(tmp_path / "local.parquet")
    assert local["Effusion"].notna().any()
    pd.testing.assert_frame_equal(complete(found), complete(local))
    assert read_problems(output / "problems.csv") == read_problems(tmp_path / "local.problems.csv")
    assert _goes_on(partial(main, distributed), output)

    # The folder is a table like any other.
    assert main(["table", "--dataset", "csv", "--data_dir", str(output), "--output", str(tmp_path / "x.parquet")]) == 0
    pd.testing.assert_frame_equal(complete(pd.read_parquet(tmp_path / "x.parquet")), complete(local))


def test_copies_are_those_of_the_local_command(folder: Path, tmp_path: Path, cluster: "Cluster") -> None:
    names = ["00.png", "01.png", "broken.png", "02.png"]
    (tmp_path / "own.csv").write_text("path\n" + "".join(f"{folder / name}\n" for name in names))
    command = ["prepare", "--dataset", "csv", "--data_dir", str(tmp_path / "own.csv"), "--image_size", "64", "--output"]
    local, output = tmp_path / "local", tmp_path / "out"
    assert main([*command, str(local)]) == 0
    distributed = [*command, str(output), "--ray", cluster.address, "--partition", "2"]
    assert main(distributed) == 0

    rows = _rows(output)
    assert [row["image_path"] for row in rows] == [str(folder / name) for name in names]
    assert [bool(row["error"]) for row in rows] == [name == "broken.png" for name in names]
    copies = sorted(path.relative_to(local) for path in local.rglob("*.png"))
    assert sorted(row["copy"] for row in rows if not row["error"]) == [str(path) for path in copies]
    for name in (*copies, "table.csv", "problems.csv"):
        assert (output / name).read_bytes() == (local / name).read_bytes()
    for row in rows:
        if not row["error"]:
            assert row["image_bytes"] == Path(row["image_path"]).stat().st_size
            assert row["copy_bytes"] == (output / row["copy"]).stat().st_size

    (output / rows[0]["copy"]).unlink()
    assert _goes_on(partial(main, distributed), output)
    assert (output / rows[0]["copy"]).read_bytes() == (local / rows[0]["copy"]).read_bytes()


def test_reports_are_those_of_the_local_command(
    folder: Path, tmp_path: Path, cluster: "Cluster", capsys: pytest.CaptureFixture
) -> None:
    studies = [
        {"id": "a", "image_path": str(folder / "00.png"), "ehr": {"Age": 72}, "reference_impression": "Effusion."},
        {"id": "b", "image_path": str(folder / "broken.png")},
        {"id": "c", "image_path": (folder / "01.png").as_uri()},
        {"id": "d", "image_path": "gone.png"},
    ]
    manifest = tmp_path / "studies.jsonl"
    manifest.write_text("".join(json.dumps(study) + "\n" for study in studies))
    command = ["write", "--manifest", str(manifest), "--json", "--output"]
    assert vlm([*command, str(tmp_path / "local.jsonl")]) == 0
    output = tmp_path / "out"
    distributed = [*command, str(output), "--ray", cluster.address, "--partition", "2"]
    capsys.readouterr()
    assert vlm(distributed) == 0
    assert "4 studies, 2 of which have no report, in 2 Parquet files" in capsys.readouterr().err

    for line, row in zip((tmp_path / "local.jsonl").read_text().splitlines(), _rows(output), strict=True):
        expected = json.loads(line)
        found = {name: value for name, value in row.items() if value is not None}
        for name in {"evidence", "chexpert", "study"} & set(found):
            found[name] = json.loads(found[name])
        for one in (expected, found):
            one.pop("seconds", None)
            one.get("study", {}).pop("timing", None)
            one.get("study", {}).get("rewrite", {}).pop("seconds", None)
        assert found == expected
    assert list(read_manifest(output)["id"]) == list(read_manifest(tmp_path / "local.jsonl")["id"]) == ["a", "c"]


def test_an_item_that_fails_costs_its_own_row_and_a_model_has_a_gpu(tmp_path: Path, cluster: "Cluster") -> None:
    # Functions within a function travel whole: the workers do not know this file.
    def make_work() -> Callable[[list[str]], list[dict[str, Any]]]:
        import ray

        gpus = len(ray.get_gpu_ids())

        def work(items: list[str]) -> list[dict[str, Any]]:
            return [{"item": item, "number": int(item), "gpus": gpus} for item in items]

        return work

    def identify(item: str) -> dict[str, Any]:
        return {"item": item}

    fields = [("item", pa.string()), ("number", pa.int64()), ("gpus", pa.int64()), ("error", pa.string())]
    settings: dict[str, Any] = {"schema": pa.schema(fields), "identify": identify, "depends_on": {}, "gpu": True}
    run = ClusterRun(cluster.address, str(tmp_path / "out"), partition=4)
    outcome = distribute(["1", "2", "three", "4"], make_work, run, **settings)
    assert (outcome.rows, outcome.errors) == (4, 1)
    rows = _rows(tmp_path / "out")
    assert [row["item"] for row in rows] == ["1", "2", "three", "4"]
    assert [row["number"] for row in rows] == [1, 2, None, 4]
    assert "three" in rows[2]["error"]
    assert rows[0]["gpus"] == 1


def test_a_worker_that_something_still_knows_keeps_no_processor(tmp_path: Path, cluster: "Cluster") -> None:
    known: list[ray.actor.ActorHandle] = []
    over = threading.Event()

    def remember() -> None:
        while not over.wait(0.2):
            known.extend(thing for thing in gc.get_objects() if isinstance(thing, ray.actor.ActorHandle))

    def make_work() -> Callable[[list[str]], list[dict[str, Any]]]:
        def work(items: list[str]) -> list[dict[str, Any]]:
            time.sleep(0.5)  # so that there is somebody to remember
            return [{"item": item} for item in items]

        return work

    settings: dict[str, Any] = {"identify": lambda item: {"item": item}, "depends_on": {}}
    settings["schema"] = pa.schema([("item", pa.string()), ("error", pa.string())])
    remembering = threading.Thread(target=remember)
    remembering.start()
    try:
        outcome = distribute(list("abc"), make_work, ClusterRun(cluster.address, str(tmp_path / "out"), 1), **settings)
    finally:
        over.set()
        remembering.join()
    assert (outcome.rows, outcome.errors) == (3, 0)
    assert any("MapWorker" in repr(actor) for actor in known)
    end = time.monotonic() + 30
    while ray.available_resources().get("CPU") != 1:
        assert time.monotonic() < end, "its processor is still taken"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (main, ["predict", "x.png", "--ray", "auto"], "--ray needs --output"),
        (main, ["predict", "x.png", "--ray", "auto", "--output", "o", "--heatmaps", "h"], "--heatmaps cannot be used"),
        (main, ["predict", "x.png", "--partition", "3"], "name one with --ray"),
        (main, ["predict", ".", "--ray", "auto", "--output", "o.csv"], "not a file 'o.csv'"),
        (
            main,
            ["prepare", "--dataset", "csv", "--data_dir", "x", "--ray", "auto", "--output", "o", "--workers", "2"],
            "--workers cannot be used",
        ),
        (vlm, ["write", "x.png", "--ray", "auto", "--output", "o"], "(--manifest), not of one FILE"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    command: Callable[[list[str]], int],
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(arguments) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
