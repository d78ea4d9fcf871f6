"""Heatmaps as pictures."""

import base64
import io
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.reporting.viridis import COLOURS

# Attention below this share of the maximum is left clear, so that the anatomy stays readable; from there it grows
# opaque.
_CLEAR_BELOW, _OPAQUE_FROM = 0.15, 0.6
# Longest sides of the pictures, in pixels.
_LAYER_SIDE, _BLENDED_SIDE = 512, 1024


def overlay_png(heatmap: npt.NDArray[np.float32], *, longest_side: int = _LAYER_SIDE) -> bytes:
    """A transparent PNG to lay exactly over the radiograph.

    Args:
        heatmap: (h, w) in [0, 1].
        longest_side: of the PNG, in pixels.
    """
    return _png(_layer(heatmap, longest_side))


def overlay_data(heatmaps: Mapping[str, npt.NDArray[np.float32]], *, longest_side: int = 256) -> dict[str, Any]:
    """The heatmaps as plain data, with all that ``overlay_png`` makes a picture of them by.

    Args:
        heatmaps: (h, w) in [0, 1], all of one shape, by finding.
        longest_side: of the values, in pixels.

    Returns:
        ``width`` and ``height``; ``values``, by finding, one byte a pixel, row after row from the top, in base64;
        ``colours`` of the 256 values; ``clear_below`` and ``opaque_from``, the shares between which the overlay grows
        opaque.
    """
    values = {name: np.rint(_smooth(heatmap, longest_side) * 255) for name, heatmap in heatmaps.items()}
    height, width = next(iter(values.values())).shape
    return {
        "width": width,
        "height": height,
        "values": {name: base64.b64encode(steps.astype(np.uint8).tobytes()).decode() for name, steps in values.items()},
        "colours": ["#" + bytes(colour).hex() for colour in COLOURS],
        "clear_below": _CLEAR_BELOW,
        "opaque_from": _OPAQUE_FROM,
    }


def _steps(shares: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Shares (H, W) in [0, 1] to numbers of colours."""
    return np.clip((shares * 256).astype(int), 0, 255).astype(np.uint8)


def radiograph_png(pixels: npt.NDArray[np.float32], *, longest_side: int | None = None) -> bytes:
    """The radiograph (H, W) in [0, 1] as an 8-bit grey PNG, shrunk to ``longest_side`` if it is larger."""
    return _png(_radiograph(pixels, longest_side))


def blended_png(
    pixels: npt.NDArray[np.float32],
    heatmap: npt.NDArray[np.float32],
    *,
    opacity: float = 0.6,
) -> bytes:
    """Radiograph with one heatmap over it and a legend bar at the right, for use outside the page."""
    return _png(with_legend(blended(pixels, heatmap, opacity=opacity)))


def blended(
    pixels: npt.NDArray[np.float32],
    heatmap: npt.NDArray[np.float32] | None,
    *,
    opacity: float = 0.6,
) -> Image.Image:
    """Radiograph with one heatmap over it, or none, in RGB; shrunk to 1024 pixels a side if it is larger."""
    base = _radiograph(pixels, _BLENDED_SIDE).convert("RGBA")
    if heatmap is not None:
        layer = _layer(heatmap, _LAYER_SIDE).resize(base.size, Image.Resampling.BILINEAR)
        layer.putalpha(layer.getchannel("A").point(lambda value: round(value * opacity)))
        base.alpha_composite(layer)
    return base.convert("RGB")


def with_legend(picture: Image.Image) -> Image.Image:
    """The picture with the colour map as a bar at its right, strongest attention at the top."""
    bar = np.linspace(1, 0, picture.height)[:, None].repeat(max(8, picture.width // 50), axis=1)
    legend = Image.fromarray(COLOURS[_steps(bar)])
    canvas = Image.new("RGB", (picture.width + legend.width + 4, picture.height))
    canvas.paste(picture, (0, 0))
    canvas.paste(legend, (picture.width + 4, 0))
    return canvas


def _radiograph(pixels: npt.NDArray[np.float32], longest_side: int | None) -> Image.Image:
    image = Image.fromarray(np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    if longest_side and max(image.size) > longest_side:
        image.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    return image


def _layer(heatmap: npt.NDArray[np.float32], longest_side: int) -> Image.Image:
    """The heatmap in colours that grow opaque with attention, RGBA."""
    shares = (np.arange(256) + 0.5) / 256
    alpha = np.round(255 * np.clip((shares - _CLEAR_BELOW) / (_OPAQUE_FROM - _CLEAR_BELOW), 0, 1)).astype(np.uint8)
    colours = np.column_stack([COLOURS, alpha])
    return Image.fromarray(colours[_steps(_smooth(heatmap, longest_side))])


def _smooth(heatmap: npt.NDArray[np.float32], longest_side: int) -> npt.NDArray[np.float32]:
    height, width = heatmap.shape
    scale = longest_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smooth = np.asarray(Image.fromarray(heatmap.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
    return np.clip(smooth, 0, 1)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    options = {"compress_level": 1}
    if image.mode == "L":
        # The grain of a radiograph never repeats: to look for repetitions takes longer and makes the file larger.
        options["compress_type"] = zlib.Z_HUFFMAN_ONLY
    image.save(file, format="PNG", **options)
    return file.getvalue()
