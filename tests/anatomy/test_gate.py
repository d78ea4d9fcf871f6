"""Chests are accepted and put upright, other pictures refused unless somebody insists."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.anatomy import Gate, NotAFrontalChest, admit, put_upright, shipped_looker, upright
from core.anatomy.look import posed
from core.anatomy.training.drawings import drawing, plain_noise, text_page
from core.imaging import Radiograph, RefusedImage, render_phantom
from core.imaging.radiograph import shares_of_white
from core.imaging.reader import read_radiograph

PHANTOM = render_phantom(size=256)


def test_a_chest_is_accepted_as_it_is() -> None:
    admitted = admit(Radiograph(PHANTOM))
    assert admitted.gate.verdict == "accepted"
    assert admitted.radiograph.pixels is PHANTOM
    assert admitted.radiograph.warnings == ()
    assert admitted.anatomy.right_lung
    assert admitted.anatomy.left_lung


@pytest.mark.parametrize(("turns", "negative"), [(0, False), (1, False), (2, True)])
def test_the_decision_does_not_hang_on_the_outlines(turns: int, negative: bool) -> None:
    lying = Radiograph(np.ascontiguousarray(posed(PHANTOM, turns, negative)))
    whole, bare = admit(lying), admit(lying, outlines=False)
    assert bare.gate == whole.gate
    assert bare.radiograph.warnings == whole.radiograph.warnings
    np.testing.assert_array_equal(bare.radiograph.pixels, whole.radiograph.pixels)
    assert whole.anatomy.right_lung
    assert (bare.anatomy.right_lung, bare.anatomy.left_lung, bare.anatomy.heart) == (None, None, None)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_a_chest_is_put_upright_with_a_warning_for_each_change(turns: int, negative: bool) -> None:
    lying = Radiograph(np.ascontiguousarray(posed(PHANTOM, turns, negative)))
    admitted = admit(lying)
    np.testing.assert_allclose(admitted.radiograph.pixels, PHANTOM, atol=1e-6)
    assert (admitted.gate.turned, admitted.gate.inverted) == (90 * turns, negative)
    assert len(admitted.radiograph.warnings) == (turns > 0) + negative
    np.testing.assert_allclose(upright(lying).pixels, PHANTOM, atol=1e-6)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_pixels_that_are_still_bytes_are_judged_and_put_upright_alike(turns: int, negative: bool) -> None:
    stored = np.ascontiguousarray(posed(np.round(PHANTOM * 255), turns, False)).astype(np.uint8)
    stored = 255 - stored if negative else stored
    whole, early = admit(Radiograph(shares_of_white(stored)), outlines=False), admit(Radiograph(stored), outlines=False)
    assert early.gate == whole.gate
    assert early.radiograph.warnings == whole.radiograph.warnings
    assert early.radiograph.pixels.dtype == (np.float32 if turns or negative else np.uint8)
    np.testing.assert_array_equal(shares_of_white(early.radiograph.pixels), whole.radiograph.pixels)


@pytest.mark.parametrize(("gain", "offset"), [(0.2, 0.1), (0.6, 0.4)])
def test_contrast_and_brightness_do_not_matter(gain: float, offset: float) -> None:
    plain, changed = (shipped_looker().look(pixels) for pixels in (PHANTOM, PHANTOM * gain + offset))
    assert changed.frontal == pytest.approx(plain.frontal, abs=0.01)


@pytest.mark.parametrize("maker", [drawing, plain_noise, text_page])
def test_what_is_no_radiograph_is_refused_in_one_sentence(maker) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotAFrontalChest) as refusal:
        admit(Radiograph(maker(np.random.default_rng(5))))
    assert refusal.value.code == "not_a_frontal_chest"
    assert str(refusal.value).endswith(".")
    assert ". " not in str(refusal.value)


def test_who_insists_is_obeyed_and_the_picture_says_so() -> None:
    page = Radiograph(text_page(np.random.default_rng(5)), warnings=("An earlier doubt.",))
    with pytest.raises(RefusedImage):
        admit(page)
    admitted = admit(page, force=True)
    assert admitted.gate.verdict == "refused"
    assert admitted.gate.forced
    assert "somebody insisted" in admitted.radiograph.warnings[0]
    assert "An earlier doubt." in admitted.radiograph.warnings


def test_insisting_changes_nothing_for_a_chest() -> None:
    assert admit(Radiograph(PHANTOM), force=True).gate == admit(Radiograph(PHANTOM)).gate


def test_too_long_and_too_flat_pictures_are_refused() -> None:
    with pytest.raises(NotAFrontalChest, match="elongated"):
        admit(Radiograph(np.tile(PHANTOM, (3, 1))))
    with pytest.raises(NotAFrontalChest, match="grey levels"):
        admit(Radiograph((PHANTOM > 0.5).astype(np.float32)))


def test_a_quarter_turn_stands_the_picture_up() -> None:
    lying = Radiograph(np.zeros((4, 6), np.float32), pixel_spacing_mm=(0.2, 0.2))
    stood = put_upright(lying, Gate("accepted", 1.0, turned=90))
    assert stood.pixels.shape == (6, 4)
    assert stood.pixel_spacing_mm == (0.2, 0.2)
    assert put_upright(lying, Gate("accepted", 1.0, turned=180)).pixels.shape == (4, 6)


def test_a_doubtful_picture_is_judged_with_a_plain_warning() -> None:
    gate = Gate("unsure", 0.4)
    assert "doubtful" in put_upright(Radiograph(PHANTOM), gate).warnings[0]


@pytest.mark.real_data
def test_real_laterals_and_other_body_parts_are_not_accepted(shared_data: Path) -> None:
    folder = shared_data / "not_frontal"
    with (folder / "kinds.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["kind"], row["file"]))
    taken = []
    for row in rows[1::2]:  # those that were not learned from
        try:
            taken.append(admit(read_radiograph((folder / row["file"]).read_bytes())).gate.verdict)
        except NotAFrontalChest:
            taken.append("refused")
    assert taken.count("accepted") == 0
    assert taken.count("refused") >= 0.85 * len(taken)


@pytest.mark.real_data
def test_real_chests_are_accepted_and_their_turned_negatives_put_upright(shared_data: Path) -> None:
    paths = sorted((shared_data / "nih" / "images").glob("*.jpg"))[::60]
    accepted = stood = 0
    for index, path in enumerate(paths):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"), dtype=np.float32) / 255
        accepted += shipped_looker().look(pixels).frontal >= shipped_looker().config.accept_from
        turns, negative = index % 4, index % 8 >= 4
        found = shipped_looker().look(posed(pixels, turns, negative))
        stood += (found.turned, found.inverted) == (90 * turns, negative)
    assert accepted >= 0.95 * len(paths)
    assert stood >= 0.95 * len(paths)
