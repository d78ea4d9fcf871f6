"""A synthetic frontal chest radiograph: a sample that shows nobody, and the known truth of the tests.

X-rays are attenuated along their path, so every organ is drawn as a thickness that adds up; the grey value is the
logarithm of what passes, as in a computed radiograph. Deep breath, fine vessels and a slim mediastinum: the classifier
takes coarser ones for disease.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

FloatArray = npt.NDArray[np.float32]

# Everything is composed at this side and brought to the wanted size, so that all sizes show the same picture. What is
# the same in each picture is drawn once in a process.
_SIDE = 512
# Half width of the chest cavity, of half the image, at heights from -1 (top) to 1.
_WALL_HEIGHTS = (-0.84, -0.70, -0.50, -0.25, 0.0, 0.35, 0.80)
_WALL_WIDTHS = (0.40, 0.55, 0.67, 0.745, 0.785, 0.81, 0.80)


@dataclass(frozen=True)
class Lesion:
    """A shadow with an irregular border.

    Attributes:
        x, y: centre in fractions of the image's width and height, from the left and the top.
        radius: where it has half its density, on average around it, in fractions of the side.
        density: added grey, of 1; a nodule has about 0.15.
    """

    x: float
    y: float
    radius: float
    density: float = 0.15


def render_phantom(*, size: int = 1024, lesions: Sequence[Lesion] = (), seed: int = 0) -> FloatArray:
    """Render a frontal chest.

    Args:
        size: side of the image, in pixels.
        lesions: round shadows to add.
        seed: of the vessels and the noise; the same seed gives the same picture.

    Returns:
        (size, size) in [0, 1], bright = dense, the heart on the right of the image as in radiographs.
    """
    rng = np.random.default_rng(seed)
    density = _with_vessels(rng) + _bones()
    x, y = _grid()
    for lesion in lesions:
        density = density + lesion.density * _shadow(x - (2 * lesion.x - 1), y - (2 * lesion.y - 1), 2 * lesion.radius)
    image = _resize((density * 1.08).astype(np.float32), size)
    image = image + rng.normal(0, 0.006, image.shape).astype(np.float32)
    return np.clip(image, 0, 1)


def phantom_png(size: int = 1024) -> bytes:
    """The phantom as an 8-bit PNG with the word SYNTHETIC burned into a corner, so that nobody mistakes it."""
    picture = Image.fromarray(np.round(render_phantom(size=size) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(10, size // 40))
    margin = size // 50
    draw.text((margin, size - margin), "SYNTHETIC", fill=235, font=font, anchor="ls")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _grid() -> tuple[FloatArray, FloatArray]:
    """Coordinates from -1 to 1, x to the right and y downwards."""
    line = ((np.arange(_SIDE, dtype=np.float32) + 0.5) / _SIDE * 2 - 1).astype(np.float32)
    return line[None, :].repeat(_SIDE, 0), line[:, None].repeat(_SIDE, 1)


def _soft(signed: npt.NDArray[np.floating], width: float) -> FloatArray:
    """Smooth step from 0 (outside, negative) to 1 (inside)."""
    step = np.clip(signed / width * 0.5 + 0.5, 0, 1)
    return (step * step * (3 - 2 * step)).astype(np.float32)


def _ellipse(
    x: FloatArray, y: FloatArray, cx: float, cy: float, rx: float, ry: float, power: float = 2.0
) -> FloatArray:
    """Signed inside-ness of a superellipse: 1 at its centre, 0 on its edge, negative outside."""
    distance = (np.abs((x - cx) / rx) ** power + np.abs((y - cy) / ry) ** power) ** (1 / power)
    return (1 - distance).astype(np.float32)


def _resize(image: FloatArray, size: int) -> FloatArray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)


def _blur(image: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur with mirrored edges; Pillow's does not take floating point."""
    from scipy import ndimage  # when a chest is rendered: a server starts without it

    wide = image.astype(np.float64)
    return np.asarray(ndimage.gaussian_filter(wide, sigma, mode="mirror", radius=int(3 * sigma + 1)), dtype=np.float32)


def _shadow(x: FloatArray, y: FloatArray, radius: float) -> FloatArray:
    """A tumour about the origin, 1 in its middle: lobed, with streaks into the lung, fading outwards.

    A smooth disc the classifier takes for what it is, something laid on the picture.
    """
    angle = np.arctan2(y, x)
    lobed = radius * (1 + 0.18 * np.sin(7 * angle + 1) + 0.10 * np.sin(13 * angle))
    outside = np.clip(np.hypot(x, y) / lobed - 0.66, 0, None)
    return np.exp(-6 * outside**2).astype(np.float32)


def _body(x: FloatArray, y: FloatArray) -> FloatArray:
    """Trunk, shoulders and neck, 1 inside."""
    # Half width of the outline at each height: neck, the slope of the shoulders, arms leaving the image, flanks.
    heights = [-1.0, -0.92, -0.82, -0.70, -0.55, -0.40, -0.1, 0.3, 1.0]
    widths = [0.30, 0.33, 0.55, 0.84, 0.97, 0.96, 0.91, 0.89, 0.93]
    half = np.interp(y, heights, widths).astype(np.float32)
    return _soft(_blur(half, 6) - np.abs(x), 0.05)


def _lungs(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Depth of air in both lungs, 0 to 1, and the mask of the diaphragm below them."""
    depth = np.zeros_like(x)
    diaphragm = np.zeros_like(x)
    for side, dome in ((-1, 0.52), (1, 0.58)):
        own = x * side
        # The outer wall runs steeply down from the apex, the inner one leaves room for the mediastinum.
        outer = np.interp(y, _WALL_HEIGHTS, _WALL_WIDTHS).astype(np.float32)
        inner = 0.10 + 0.03 * np.clip(y / 0.5, 0, 1)
        across = np.minimum(outer - own, own - inner)
        apex = _ellipse(own, y, 0.37, 0.15, 0.47, 0.95, 2.5)
        # The dome is highest in its inner third and falls into the costophrenic angle at the side.
        floor = dome + 0.30 * np.clip((own - 0.36) / 0.44, 0, 1) ** 2.2 + 0.06 * np.clip((0.36 - own) / 0.3, 0, 1) ** 2
        below = floor - y
        inside = _soft(across, 0.06) * _soft(apex, 0.10) * _soft(below, 0.022)
        depth += inside * (0.60 + 0.40 * np.clip(across / 0.28, 0, 1) ** 0.5)
        diaphragm += _soft(-below, 0.022) * _soft(0.80 - own, 0.16) * _soft(own + 0.02, 0.10)
    return depth, diaphragm


def _with_vessels(rng: np.random.Generator) -> FloatArray:
    """Soft tissue as added grey, with vessels and a texture of the lungs that are drawn anew each time."""
    density, body, air, filled = _soft_tissue()
    vessels = _vessels(rng)
    fog = _blur(rng.normal(0, 1, density.shape).astype(np.float32), 5)
    texture = vessels * 0.06 * (1 - 0.75 * filled) + fog / max(float(fog.std()), 1e-6) * 0.004
    return (density + texture * air * body).astype(np.float32)


@cache
def _soft_tissue() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Added grey without the vessels, and from 0 to 1 the body, the air in it and what takes the place of air."""
    x, y = _grid()
    body = _body(x, y)
    air, diaphragm = _lungs(x, y)
    air = air + 0.16 * _soft(_ellipse(x, y, -0.01, -0.85, 0.055, 0.52, 4), 0.3)  # trachea
    thickness = np.clip(1 - np.abs(x) ** 2.4, 0, 1) ** 0.5
    shoulders = np.exp(-(((y + 0.62) / 0.22) ** 2)) * np.clip(np.abs(x) - 0.35, 0, 1) * 0.22
    density = body * (0.40 + 0.22 * thickness + shoulders)
    # Heart: a large left and a small right convexity; the aortic knob and the great vessels above.
    heart = np.maximum(
        _soft(_ellipse(x * 0.90 + y * 0.44, y * 0.90 - x * 0.44, 0.245, 0.12, 0.40, 0.27), 0.09),
        _soft(_ellipse(x, y, -0.06, 0.20, 0.185, 0.33), 0.10),
    )
    waist = 0.095 + 0.035 * np.exp(-(((y + 0.42) / 0.16) ** 2)) + 0.05 * np.clip((y + 0.2) / 0.3, 0, 1)
    mediastinum = np.maximum(
        _soft(waist - np.abs(x - 0.01), 0.06), _soft(_ellipse(x, y, 0.115, -0.33, 0.09, 0.10), 0.35)
    )
    hila = np.exp(-(((np.abs(x) - 0.19) / 0.075) ** 2) - ((y + 0.07) / 0.14) ** 2)
    # Heart and vessels take the place of air, but lung lies before and behind them.
    filled = np.clip(np.maximum(0.86 * heart, mediastinum) + 0.22 * hila, 0, 1)
    density = density - 0.52 * air * (1 - 0.88 * filled) * body
    density = density + 0.10 * mediastinum * body * (1 - 0.6 * _soft(-y - 0.6, 0.3)) + 0.05 * heart
    density = density + diaphragm * body * (0.03 + 0.10 * np.clip(y - 0.25, 0, 1))
    bubble = _soft(_ellipse(x, y, 0.36, 0.60, 0.14, 0.065), 0.6)
    return np.asarray(density - 0.09 * bubble), body, np.clip(air, 0, 1), np.asarray(filled)


def _vessels(rng: np.random.Generator) -> FloatArray:
    """Branching vessels that leave the hila and thin out, 0 to 1."""
    canvas = Image.new("F", (_SIDE, _SIDE), 0.0)
    draw = ImageDraw.Draw(canvas)

    def branch(px: float, py: float, angle: float, width: float, depth: int) -> None:
        for _ in range(int(rng.integers(5, 9))):
            angle += float(rng.normal(0, 0.13))
            qx, qy = px + 9 * np.cos(angle), py + 9 * np.sin(angle)
            shade = min(0.18 + width * 0.16, 0.9)
            draw.line((px, py, qx, qy), fill=shade, width=max(1, round(width)))
            px, py, width = float(qx), float(qy), width * 0.965
        if depth:
            for turn in (-1, 1):
                branch(px, py, angle + turn * float(rng.uniform(0.25, 0.6)), width * 0.72, depth - 1)

    for side in (-1, 1):
        hilum = (_SIDE * (0.5 + side * 0.11), _SIDE * 0.47)
        for fan in np.linspace(-1.25, 1.25, 7):
            heading = float(fan) if side > 0 else np.pi - float(fan)
            branch(*hilum, heading + float(rng.normal(0, 0.1)), 4.6, 3)
    return _blur(np.asarray(canvas, dtype=np.float32), 1.3)


@cache
def _bones() -> FloatArray:
    """Ribs, clavicles and spine, as added grey."""
    x, y = _grid()
    bone = np.zeros_like(x)
    own = np.abs(x)
    cage = _soft(0.84 - own, 0.05) * _soft(0.52 - y, 0.25)
    for index in range(10):
        top = -0.80 + index * 0.132
        reach = min(0.50 + index * 0.055, 0.84)
        t = np.clip(own / reach, 0, 1).astype(np.float32)
        # Posterior part: from the spine outwards, gently up and then down.
        back = (top + 0.15 - 0.12 * np.sin(t * np.pi * 0.62) + 0.20 * t**3).astype(np.float32)
        edge = 0.030 - np.abs(y - back)
        shell = _soft(edge, 0.02) * 0.62 + _soft(0.011 - np.abs(np.abs(y - back) - 0.023), 0.02) * 0.38
        bone += 0.060 * shell * _soft(reach - own, 0.04) * _soft(own - 0.06, 0.04)
        # Anterior part: from the side downwards to the middle, fainter.
        front = (top + 0.62 - 0.36 * t**1.6).astype(np.float32)
        band = _soft(0.034 - np.abs(y - front), 0.03)
        bone += 0.024 * band * _soft(reach - own, 0.04) * _soft(own - 0.28, 0.10)
    bone *= cage
    clavicle_y = -0.60 - 0.13 * np.clip((own - 0.10) / 0.62, 0, 1) ** 1.3 + 0.03 * np.sin(own * 7)
    bone += 0.12 * _soft(0.032 - np.abs(y - clavicle_y), 0.025) * _soft(own - 0.10, 0.03) * _soft(0.76 - own, 0.06)
    scapula = _soft(0.018 - np.abs(own - (0.80 - 0.16 * (y + 0.35))), 0.03)
    bone += 0.05 * scapula * _soft(0.05 - y, 0.1) * _soft(y + 0.55, 0.1)
    bodies = 0.75 + 0.25 * np.cos(y * 2 * np.pi / 0.155) ** 2
    bone += 0.055 * _soft(0.085 - own, 0.03) * bodies
    bone += 0.02 * np.exp(-((own / 0.014) ** 2)) * np.clip(np.cos(y * 2 * np.pi / 0.155), 0, 1)
    return bone.astype(np.float32)
