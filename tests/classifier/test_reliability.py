import shutil
from pathlib import Path
from typing import Any

import pytest

from core.classifier import SHIPPED, Classifier
from core.classifier.checkpoint import WEIGHTS, checkpoint_digest
from core.classifier.reliability import HeatmapReliability, load_reliability, save_localization

DIGEST = "0" * 64


def _figures(**changes: Any) -> dict[str, Any]:
    return {
        "checkpoint_sha256": DIGEST,
        "per_label": {"Mass": {"n_boxes": 5, "n_images": 4}, "Nodule": {"n_boxes": 2, "n_images": 2}},
        "pointing_game": {"Mass": 0.75, "Nodule": 0.0, "mean": 0.375},
        "iobb": {"0.25": {"Mass": 0.6, "Nodule": 0.5, "mean": 0.55}},
        "baselines": {"usual_place": {"pointing_game": {"Mass": 0.25, "mean": None}}},
    } | changes


def test_labels_with_boxes_get_their_figures(tmp_path: Path) -> None:
    save_localization(tmp_path, _figures())
    assert load_reliability(tmp_path, DIGEST) == {
        "Mass": HeatmapReliability(n_boxes=5, n_images=4, pointing_game=0.75, iobb=0.6, usual_place=0.25),
        "Nodule": HeatmapReliability(n_boxes=2, n_images=2, pointing_game=0.0, iobb=0.5, usual_place=None),
    }


def test_a_folder_without_the_file_has_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load_reliability(tmp_path, DIGEST) == {}
    assert not caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"per_label": None},
        {"baselines": {}},
        {"pointing_game": {"Mass": 0.75}},
        {"pointing_game": {"Mass": 75, "Nodule": 0}},
        {"pointing_game": {"Mass": "often", "Nodule": 0}},
    ],
)
def test_a_broken_file_is_ignored_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, changes: dict[str, Any]
) -> None:
    path = save_localization(tmp_path, _figures(**changes))
    assert load_reliability(tmp_path, DIGEST) == {}
    assert f"{path} cannot be read" in caplog.text


def test_figures_of_other_weights_are_not_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(SHIPPED, tmp_path / "checkpoint"))
    save_localization(folder, _figures(checkpoint_sha256=checkpoint_digest(folder)))
    assert set(Classifier(folder).reliability) == {"Mass", "Nodule"}
    weights = load_file(folder / WEIGHTS)
    weights[next(name for name in weights if name.endswith("classifier.bias"))] += 1
    save_file(weights, folder / WEIGHTS)
    assert Classifier(folder).reliability == {}
    assert "was measured on another checkpoint and is not used" in caplog.text


@pytest.mark.parametrize(
    ("hits", "images", "guess", "beats"),
    [
        (18, 39, 0.08, True),
        (6, 14, 3 / 14, False),  # twice the guess, and yet 21% to 67%
        (6, 25, 0.24, False),
        (140, 327, 3 / 14, True),  # the same share on more images
        (10, 10, None, False),
    ],
)
def test_heatmaps_beat_the_guess_where_their_interval_lies_above_it(
    hits: int, images: int, guess: float | None, beats: bool
) -> None:
    measured = HeatmapReliability(images, images, hits / images, 0.5, guess)
    assert measured.beats_guess is beats
