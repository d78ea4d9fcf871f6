"""The anatomy network is trained on generated radiographs with masks, and goes on where it stopped."""

import csv
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from core.anatomy.look import ANSWERS, SHIPPED, Looker
from core.anatomy.network import KINDS, POSES, SIDE
from core.anatomy.training.batches import Batches, posed
from core.anatomy.training.checkpoint import load_network, save_checkpoint
from core.anatomy.training.collection import Collection, read_collection, split_of
from core.anatomy.training.loop import TrainingOptions, train
from core.anatomy.training.measurement import choose_thresholds, share
from core.imaging import render_phantom


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Rendered chests in the layout of the real folders, boxes as lungs and heart."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("lung_masks/images", "lung_masks/masks", "nih/images", "not_frontal"):
        (folder / name).mkdir(parents=True)
    rows, masks = [], np.zeros((64, 64), np.uint8)
    masks[16:48, 8:28], masks[16:48, 36:56], masks[32:48, 26:42] = 2, 1, 3
    for index in range(12):
        source = ("JSRT", "Montgomery")[index % 2]
        name = f"{source}_{index}"
        rows.append({"name": name, "source": source})
        _save(folder / "lung_masks/images" / f"{name}.jpg", index)
        drawn = masks if source == "JSRT" else np.where(np.isin(masks, (1, 2)), 255, 0).astype(np.uint8)
        Image.fromarray(drawn).save(folder / "lung_masks/masks" / f"{name}.png")
        _save(folder / "nih/images" / f"{index:08d}_000.png", 20 + index)
    _table(folder / "lung_masks/table.csv", rows)
    kinds = [{"file": f"side_{index}.png", "kind": "lateral"} for index in range(4)]
    for row in kinds:
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64), np.uint8)).save(
            folder / "not_frontal" / row["file"]
        )
    _table(folder / "not_frontal/kinds.csv", kinds)
    (folder / "nih/test_list.txt").write_text("00000003_000.png\n")
    return read_collection(folder)


def _save(path: Path, seed: int) -> None:
    Image.fromarray(np.round(render_phantom(size=64, seed=seed) * 255).astype(np.uint8)).save(path)


def _table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_patient_belongs_to_one_part_for_good() -> None:
    parts = [split_of("nih", str(number)) for number in range(3000)]
    assert parts == [split_of("nih", str(number)) for number in range(3000)]
    assert parts.count("train") / 3000 == pytest.approx(0.7, abs=0.03)
    assert parts.count("held_out") / 3000 == pytest.approx(0.15, abs=0.03)


def test_the_localisation_set_is_left_alone_and_sides_are_the_patients(collection: Collection) -> None:
    assert "00000003_000" not in {item.name for item in collection.items}
    for row, item in enumerate(collection.items):
        if (mask := collection.mask_rows[row]) >= 0:
            right, left, heart = collection.masks[mask]
            assert np.nonzero(right)[1].mean() < 64 < np.nonzero(left)[1].mean()
            assert heart.any() == collection.has_heart[mask] == (item.source == "JSRT")


def test_a_batch_is_half_chests_and_the_same_for_its_number(collection: Collection) -> None:
    batches = Batches(collection, seed=3, size=40, made=30)
    one, again, other = batches[5], batches[5], batches[6]
    assert torch.equal(one.pictures, again.pictures)
    assert not torch.equal(one.pictures, other.pictures)
    assert one.pictures.shape[1:] == (1, SIDE, SIDE)
    assert float(one.pictures.min()) >= 0
    assert float(one.pictures.max()) <= 1
    chests = len(one.pose)
    assert chests == pytest.approx(len(one.kind) / 2, abs=2)
    assert (one.kind[:chests] == KINDS.index("frontal")).all()
    assert (one.kind[chests:] != KINDS.index("frontal")).all()
    # Masks count only on chests that lie upright.
    assert not one.weights[:chests][one.pose != 0].any()


def test_a_pose_is_undone_by_turning_back() -> None:
    picture = torch.rand(SIDE, SIDE)
    for turns, negative in POSES:
        assert torch.allclose(posed(posed(picture, turns, negative), -turns, negative), picture, atol=1e-6)


def test_a_stopped_run_goes_on_to_the_same_network(collection: Collection, tmp_path: Path) -> None:
    options = TrainingOptions(steps=4, batch_size=20, made=20)
    whole = train(collection, options, tmp_path / "whole")
    state = tmp_path / "parts" / "state.pt"
    state.parent.mkdir()
    # The state after a lesson, as a run that was killed there leaves it.
    half = train(collection, options, tmp_path / "parts", until=3)
    assert not torch.equal(half.masks[0].weight, whole.masks[0].weight)
    again = train(collection, options, tmp_path / "parts")
    for name, value in whole.state_dict().items():
        assert torch.allclose(value.float(), again.state_dict()[name].float(), atol=1e-5), name

    save_checkpoint(whole, tmp_path, accept_from=0.8, refuse_below=0.1)
    looker = Looker(tmp_path)
    assert (looker.config.accept_from, looker.config.refuse_below) == (0.8, 0.1)
    picture = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    with torch.no_grad():
        masks, kind, pose = (one.numpy() for one in load_network(tmp_path)(torch.from_numpy(picture)[None, None]))
    np.testing.assert_allclose(looker.masks(picture)[0], 1 / (1 + np.exp(-masks[0])), atol=1e-4)
    session = onnxruntime.InferenceSession(tmp_path / "kind_and_pose.onnx")
    found = session.run(["kind", "pose"], {"picture": picture[None, None]})
    np.testing.assert_allclose(found[0], kind, atol=1e-4)
    np.testing.assert_allclose(found[1], pose, atol=1e-4)
    assert_no_mask_is_computed_for_a_look(tmp_path)


def test_no_mask_is_computed_to_tell_what_a_picture_shows() -> None:
    assert_no_mask_is_computed_for_a_look(SHIPPED)


def assert_no_mask_is_computed_for_a_look(folder: Path) -> None:
    enlarging = {"Resize", "Upsample", "DepthToSpace"}
    used = {name: {node.op_type for node in onnx.load(folder / name).graph.node} for name in ANSWERS}
    assert not enlarging & used["kind_and_pose.onnx"]
    assert enlarging & used["masks.onnx"]


def test_thresholds_let_nearly_all_chests_through() -> None:
    frontal = np.linspace(0, 1, 1001)
    chosen = choose_thresholds(frontal)
    assert (frontal < chosen["refuse_below"]).mean() <= 0.01
    assert (frontal < chosen["accept_from"]).mean() <= 0.05
    assert chosen["refuse_below"] <= chosen["accept_from"]


def test_a_share_has_wilsons_interval() -> None:
    found = share(np.array([True] * 9 + [False]))
    assert found["share"] == 0.9
    assert found["ci95"] == pytest.approx([0.596, 0.982], abs=0.001)
