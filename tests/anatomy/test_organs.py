"""Masks become outlines and the cardiothoracic ratio, or are doubted."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from core.anatomy import Anatomy
from core.anatomy.anatomy import filled
from core.anatomy.organs import are_pair, cardiothoracic, is_heart, is_lung, largest_part, outline

SIDE = 64


def _disc(x: float, y: float, a: float, b: float) -> np.ndarray:
    """A soft oval in pixels: middle and half axes."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    distance = np.hypot((columns + 0.5 - x) / a, (rows + 0.5 - y) / b)
    return np.clip(0.5 + (1 - distance) * min(a, b), 0, 1).astype(np.float32)


RIGHT, LEFT, HEART = _disc(18, 30, 9, 20), _disc(46, 30, 9, 20), _disc(34.3, 40, 10.4, 8)


def test_the_ratio_is_the_hearts_width_over_the_chests() -> None:
    found = cardiothoracic(RIGHT, LEFT, HEART)
    assert found is not None
    assert found.ratio == pytest.approx(20.8 / 46, abs=0.01)
    assert (found.thorax.left * SIDE, found.thorax.right * SIDE) == pytest.approx((9, 55), abs=0.3)
    assert (found.heart.left * SIDE, found.heart.right * SIDE) == pytest.approx((23.9, 44.7), abs=0.3)
    assert found.heart.y * SIDE == pytest.approx(40, abs=1)


def test_no_ratio_is_given_that_no_body_has() -> None:
    assert cardiothoracic(RIGHT, LEFT, _disc(32, 40, 30, 8)) is None
    assert cardiothoracic(RIGHT, LEFT, np.zeros_like(HEART)) is None
    assert cardiothoracic(np.zeros_like(RIGHT), LEFT, HEART) is None


def test_an_outline_encloses_its_mask() -> None:
    for mask in (RIGHT, LEFT, HEART):
        inside = filled(outline(mask), mask.shape)
        assert (inside != (mask >= 0.5)).mean() < 0.005


def test_only_the_largest_part_counts() -> None:
    spotted = np.maximum(RIGHT, _disc(55, 8, 3, 3))
    np.testing.assert_array_equal(largest_part(spotted) >= 0.5, RIGHT >= 0.5)
    assert not largest_part(np.zeros_like(RIGHT)).any()


def test_masks_are_doubted_for_size_disagreement_and_scatter() -> None:
    assert is_lung(RIGHT, RIGHT)
    assert is_heart(HEART, HEART)
    assert not is_lung(RIGHT, np.roll(RIGHT, 8, axis=1))
    assert not is_lung(_disc(18, 30, 2, 3), _disc(18, 30, 2, 3))
    assert not is_heart(np.ones_like(HEART), np.ones_like(HEART))
    scattered = np.maximum(HEART, _disc(10, 10, 8, 8))
    assert not is_heart(scattered, scattered)


def test_lungs_are_a_pair_only_side_by_side() -> None:
    assert are_pair(RIGHT, LEFT)
    assert not are_pair(LEFT, RIGHT)
    assert not are_pair(RIGHT, _disc(46, 30, 9, 6))


def test_an_anatomy_comes_back_from_json() -> None:
    anatomy = Anatomy(
        0.99, "frontal", 90, True, outline(RIGHT), outline(LEFT), outline(HEART), cardiothoracic(RIGHT, LEFT, HEART)
    )
    assert Anatomy.from_stored(json.loads(json.dumps(asdict(anatomy)))) == anatomy
    bare = Anatomy(0.2, "lateral", 0, False)
    assert Anatomy.from_stored(json.loads(json.dumps(asdict(bare)))) == bare
    assert bare.cardiothoracic_ratio is None
