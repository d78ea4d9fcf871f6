import io

import numpy as np
from matplotlib import colormaps
from PIL import Image

from core.reporting.overlay import blended_png, overlay_png
from core.reporting.viridis import COLOURS


def test_the_colours_are_those_of_matplotlib() -> None:
    np.testing.assert_array_equal(COLOURS, colormaps["viridis"](np.arange(256), bytes=True)[:, :3])


def test_the_overlay_is_clear_without_attention_and_opaque_with_it() -> None:
    heatmap = np.zeros((20, 30), np.float32)
    heatmap[5:10, 20:28] = 1
    overlay = np.asarray(Image.open(io.BytesIO(overlay_png(heatmap, longest_side=300))))
    assert overlay.shape == (200, 300, 4)
    assert overlay[150, 50, 3] == 0
    assert overlay[75, 240, 3] == 255


def test_more_attention_is_always_lighter() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(64, axis=0)
    overlay = np.asarray(Image.open(io.BytesIO(overlay_png(ramp, longest_side=64))).convert("RGB"), dtype=float)
    luminance = overlay[32] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > -2).all()
    assert luminance[-1] - luminance[0] > 150


def test_the_blended_picture_has_a_legend_and_leaves_the_rest_of_the_radiograph_alone() -> None:
    heatmap = np.zeros((50, 50), np.float32)
    heatmap[10:20, 10:20] = 1
    pixels = np.full((100, 100), 0.5, np.float32)
    blended = np.asarray(Image.open(io.BytesIO(blended_png(pixels, heatmap))))
    assert blended.shape[1] > 100
    assert (blended[80, 80] == 128).all()
    assert blended[30, 30].std() > 10
    assert (blended[0, -1] != blended[-1, -1]).any()
