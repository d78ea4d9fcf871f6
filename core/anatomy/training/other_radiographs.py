"""Radiographs that are no frontal chests, made up: limbs, heads, abdomens, sides of chests, and spoiled frontal ones.

Real ones are few. What is drawn here has the greys of radiographs, so that the network cannot rely on these alone.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.anatomy.training.collection import KEPT_SIDE as SIDE
from core.anatomy.training.drawings import FloatArray, Maker, Rng, _axes, _ranged, _spectral


def limb(rng: Rng) -> FloatArray:
    """One or several shafts with dense borders in soft tissue, widening to joints: arm, leg, hand, foot."""
    y, x = _axes()
    picture = np.zeros_like(x)
    shafts = int(rng.choice((1, 1, 2, 2, 5)))
    bend = rng.normal(0, 0.15)
    tissue = rng.uniform(0.25, 0.5)
    for index in range(shafts):
        centre = (index - (shafts - 1) / 2) * rng.uniform(0.28, 0.45) + bend * y**2 + rng.normal(0, 0.05)
        joint = rng.uniform(-0.8, 0.8)
        width = rng.uniform(0.06, 0.16) * (1 + rng.uniform(0.3, 1.2) * np.exp(-(((y - joint) / 0.15) ** 2)))
        gap = 1 - rng.uniform(0.3, 0.9) * np.exp(-(((y - joint) / 0.02) ** 2))
        inside = np.clip(1 - np.abs(x - centre) / width, 0, 1)
        flesh = np.clip(1 - np.abs(x - centre) / (width * rng.uniform(2, 4)), 0, 1) ** 0.5
        shell = np.exp(-(((np.abs(x - centre) / width) - 0.85) ** 2) / 0.02)
        picture = np.maximum(picture, tissue * flesh)
        picture = picture + gap * (0.35 * np.sqrt(inside) + 0.2 * shell)
    return _film(rng, picture)


def head(rng: Rng) -> FloatArray:
    """A skull from the front or the side, with orbits, teeth and neck."""
    y, x = _axes()
    cx, cy, w, h = rng.normal(0, 0.1), rng.uniform(-0.3, 0), rng.uniform(0.5, 0.75), rng.uniform(0.55, 0.8)
    distance = np.hypot((x - cx) / w, (y - cy) / h)
    picture = 0.45 * (distance < 1) + 0.5 * np.exp(-((distance - 0.96) ** 2) / 0.003)
    picture += 0.35 * ((np.abs(x - cx) < 0.25) & (y > cy))
    for side in (-1, 1) if rng.random() < 0.6 else (1,):
        eye = np.hypot((x - cx - side * 0.35 * w) / 0.17, (y - cy - 0.25 * h) / 0.15)
        picture -= 0.25 * np.clip(1 - eye, 0, 1) ** 0.5
    for tooth in np.linspace(-0.25, 0.25, 8):
        picture += 0.3 * np.exp(-(((x - cx - tooth) / 0.025) ** 2) - ((y - cy - 0.75 * h) / 0.12) ** 2)
    return _film(rng, picture)


def abdomen(rng: Rng) -> FloatArray:
    """Spine and pelvis in soft tissue with pockets of gas; no lungs."""
    y, x = _axes()
    body = np.clip(1 - np.abs(x / rng.uniform(0.8, 1.3)) ** 3, 0, 1) ** 0.4
    picture = body * (0.55 + 0.1 * _spectral(rng, 2.2) * 0.5)
    spine = np.clip(1 - np.abs(x - 0.04 * np.sin(3 * y + rng.normal())) / rng.uniform(0.10, 0.16), 0, 1) ** 0.4
    picture += spine * (0.22 + 0.08 * np.cos(y * 2 * np.pi / rng.uniform(0.18, 0.28)))
    if rng.random() < 0.7:  # wings of the pelvis and the hips
        for side in (-1, 1):
            wing = np.hypot((x - side * 0.5) / 0.38, (y - rng.uniform(0.25, 0.5)) / 0.38)
            picture += 0.25 * np.exp(-((wing - 0.9) ** 2) / 0.02) + 0.12 * (wing < 0.9)
            picture += 0.3 * (np.hypot((x - side * 0.62) / 0.16, (y - 0.85) / 0.16) < 1)
    if rng.random() < 0.4:  # domes of the diaphragm at the upper edge
        picture -= 0.3 * body * (y < rng.uniform(-0.95, -0.6) + 0.25 * np.abs(np.abs(x) - 0.45)) * (spine == 0)
    for _ in range(int(rng.integers(2, 18))):
        cx, cy = rng.uniform(-0.7, 0.7), rng.uniform(-0.8, 0.8)
        a, b = rng.uniform(0.04, 0.24, 2)
        picture -= rng.uniform(0.08, 0.3) * np.clip(1.3 - np.hypot((x - cx) / a, (y - cy) / b), 0, 1) ** 0.6
    return _film(rng, picture * np.where(np.abs(x) < 1, 1, 0))


def side_view(rng: Rng) -> FloatArray:
    """A chest from the side: one field of air between the spine and the breastbone, the heart in front of it."""
    y, x = _axes()
    facing = rng.choice((-1, 1))
    x = x * facing - rng.normal(0, 0.08)
    width = rng.uniform(0.45, 0.75)
    lean = rng.uniform(-0.15, 0.15)
    bow = -width * (0.75 + 0.25 * np.cos(1.6 * (y + 0.1))) + lean * y  # curve of the spine
    front = width * (0.55 + 0.4 * np.clip((y + 0.8) / 1.3, 0, 1)) + lean * y
    dome = rng.uniform(0.15, 0.5) + 0.25 * (x - 0.1) ** 2 - rng.uniform(0.0, 0.35) * x
    apex = rng.uniform(-0.75, -0.5)
    back_edge, front_edge = bow - rng.uniform(0.1, 0.3), front + rng.uniform(0.06, 0.25)
    body = _edge(x - back_edge, 0.05) * _edge(front_edge - x, 0.05)
    neck = _edge(0.28 - np.abs(x + 0.05), 0.1) * (y < apex)
    picture = 0.55 * np.where(y < apex, np.maximum(neck, body * _edge(y - apex + 0.3, 0.3)), body)
    air = _edge(x - bow - 0.08, 0.06) * _edge(front - x, 0.05) * _edge(y - apex, 0.12) * _edge(dome - y, 0.03)
    heart = np.clip(1.2 - np.hypot((x - 0.42 * width - 0.05) / 0.30, (y - dome + 0.25) / 0.38), 0, 1) ** 0.5
    picture -= 0.38 * air * (1 - 0.75 * heart)
    vertebrae = np.exp(-(((x - bow) / 0.09) ** 2)) * (0.65 + 0.35 * np.cos(y * 2 * np.pi / rng.uniform(0.13, 0.2)))
    picture += rng.uniform(0.05, 0.25) * vertebrae * body
    for rib in np.linspace(-0.7, 0.6, 10):  # ribs run forwards and down
        line = rib + rng.uniform(0.15, 0.4) * (x - bow)
        picture += 0.05 * np.exp(-(((y - line) / 0.02) ** 2)) * body * (x < front)
    picture += 0.18 * (y > dome) * body
    arms = np.exp(-(((y + 0.9 + 0.3 * x) / 0.2) ** 2))
    picture = np.maximum(picture, rng.uniform(0, 0.6) * arms)
    return _film(rng, picture + 0.03 * _spectral(rng, 1.6) * body)


def without_lungs(picture: npt.NDArray[np.uint8], rng: Rng) -> FloatArray:
    """A part of a frontal chest without the lungs or most of them: neck, shoulder, abdomen, half a chest, a detail."""
    left, top, right, bottom = 0.0, 0.0, 1.0, 1.0
    kind = rng.integers(5)
    if kind == 0:  # below the domes
        top = rng.uniform(0.62, 0.72)
    elif kind == 1:  # neck and shoulders
        bottom = rng.uniform(0.16, 0.26)
    elif kind == 2:  # half a chest or less
        left, right = (rng.uniform(0.55, 0.68), 1.0) if rng.random() < 0.5 else (0.0, rng.uniform(0.32, 0.45))
    elif kind == 3:  # a detail
        size = rng.uniform(0.15, 0.38)
        left, top = rng.uniform(0, 1 - size, 2).tolist()
        right, bottom = left + size, top + size
    else:  # a shoulder
        bottom = size = rng.uniform(0.25, 0.35)
        left, right = (0.0, size) if rng.random() < 0.5 else (1 - size, 1.0)
    side = picture.shape[0]
    pixels = round(left * side), round(top * side), round(right * side), round(bottom * side)
    cut = Image.fromarray(picture).crop(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return _ranged(np.asarray(cut, dtype=np.float32))


def shuffled(picture: npt.NDArray[np.uint8], rng: Rng) -> FloatArray:
    """The parts of a frontal chest at wrong places, or several small chests on one sheet."""
    grid = int(rng.integers(2, 7))
    cell = SIDE // grid
    base = np.asarray(Image.fromarray(picture).resize((cell * grid, cell * grid), Image.Resampling.BOX))
    if rng.random() < 0.25:
        small = np.asarray(Image.fromarray(picture).resize((cell, cell), Image.Resampling.BOX))
        sheet = np.tile(small, (grid, grid))
    else:
        parts = [base[r * cell : (r + 1) * cell, c * cell : (c + 1) * cell] for r in range(grid) for c in range(grid)]
        order = (
            rng.permutation(len(parts))
            if grid > 2
            else np.array(((1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0))[rng.integers(3)])
        )
        rows = [np.hstack([parts[order[r * grid + c]] for c in range(grid)]) for r in range(grid)]
        sheet = np.vstack(rows)
    return _ranged(np.asarray(Image.fromarray(sheet).resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float32))


MAKERS: tuple[tuple[Maker, float], ...] = ((limb, 1.0), (head, 1.0), (abdomen, 1.5), (side_view, 2.0))


def _edge(distance: FloatArray, softness: float) -> FloatArray:
    """0 outside, 1 inside, with a soft border; ``distance`` is positive inside."""
    return np.clip(0.5 + distance / softness, 0, 1)


def _film(rng: Rng, picture: FloatArray) -> FloatArray:
    """Greys of a film: scatter, grain, borders and a marker."""
    scatter = 0.1 * _spectral(rng, 2.5) * rng.uniform(0, 0.6)
    noisy = picture + scatter + rng.normal(0, rng.uniform(0.002, 0.03), picture.shape)
    film = _ranged(noisy) ** np.float32(rng.uniform(0.5, 1.8))
    if rng.random() < 0.4:
        height, width = rng.integers(2, 5, 2)
        top, left = rng.integers(0, SIDE - 8, 2)
        film[top : top + height, left : left + width] = 1
    return film
