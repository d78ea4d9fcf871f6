"""Pictures that are no radiographs, drawn at random: textures, scenes, text, charts, documents, noise.

Each maker takes a random generator and gives a picture (SIDE, SIDE) of greys in [0, 1].
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from core.anatomy.training.collection import KEPT_SIDE as SIDE

FloatArray = npt.NDArray[np.float32]
Rng = np.random.Generator
Maker = Callable[[Rng], FloatArray]

_TEXT = (
    "chest radiograph patient findings impression no acute disease heart size normal lungs clear invoice total date "
    "name address dear sir thank you report figure table results method sample page menu file edit view help error "
    "warning open save 2024 1,250.00 0.85 12:30 section the of and in to a is was with for on by at from"
)
_WORDS = _TEXT.split(" ")


def spectral_noise(rng: Rng) -> FloatArray:
    """Noise whose spectrum falls like a natural picture's, 1 / f**a, stretched in one direction at times."""
    return _ranged(_spectral(rng, float(rng.uniform(0.3, 2.6))))


def plain_noise(rng: Rng) -> FloatArray:
    """Detector noise, stripes of a broken transfer, or blocks of constant grey."""
    kind = rng.integers(4)
    if kind == 0:
        return rng.random((SIDE, SIDE), dtype=np.float32)
    if kind == 1:
        columns = np.repeat(rng.random(SIDE // 4 + 1), rng.integers(1, 9))[:SIDE]
        columns = np.resize(columns, SIDE)
        noisy = columns[None, :] + rng.normal(0, rng.uniform(0.02, 0.4), (SIDE, SIDE))
        return _turned(rng, _ranged(noisy))
    if kind == 2:
        cells = int(rng.integers(2, 24))
        blocks = rng.random((cells, cells)).astype(np.float32)
        return np.asarray(Image.fromarray(blocks).resize((SIDE, SIDE), Image.Resampling.NEAREST))
    return (rng.random((SIDE, SIDE)) < rng.uniform(0.02, 0.5)).astype(np.float32)


def gradient(rng: Rng) -> FloatArray:
    """Smooth ramps, discs and waves."""
    y, x = _axes()
    angle, centre = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6, 2)
    ramp = x * np.cos(angle) + y * np.sin(angle)
    disc = np.hypot(x - centre[0], y - centre[1])
    wave = np.sin(ramp * rng.uniform(2, 40) + rng.uniform(0, 6))
    weights = rng.dirichlet((0.6, 0.6, 0.6))
    return _ranged(weights[0] * ramp + weights[1] * disc + weights[2] * wave + rng.normal(0, 0.02, ramp.shape))


def scene(rng: Rng) -> FloatArray:
    """Sky, hills and a few things on the ground, or a room: what many photographs are made of."""
    y, x = _axes()
    picture = rng.uniform(0.3, 1) + 0.3 * y * rng.normal() + 0.2 * _spectral(rng, 2.0)
    for _ in range(int(rng.integers(1, 5))):
        ridge = rng.uniform(-0.6, 0.8) + rng.uniform(0.05, 0.4) * np.interp(
            x[0], np.linspace(-1, 1, 9), rng.normal(size=9)
        )
        ground = y > ridge[None, :]
        picture = np.where(ground, rng.uniform(0, 1) + rng.uniform(0.05, 0.4) * _spectral(rng, 1.5), picture)
    for _ in range(int(rng.integers(0, 9))):
        inside = _blob(rng, x, y, rng.uniform(0.05, 0.5))
        picture = np.where(inside, rng.uniform(0, 1) + 0.15 * _spectral(rng, 1.8), picture)
    return _ranged(_light(rng, picture))


def portrait(rng: Rng) -> FloatArray:
    """A head of a person or an animal: an oval with eyes, mouth, ears or hair, before a background."""
    y, x = _axes()
    picture = rng.uniform(0, 1) + 0.3 * _spectral(rng, 2.0)
    cx, cy, w, h = rng.uniform(-0.25, 0.25), rng.uniform(-0.25, 0.15), rng.uniform(0.25, 0.7), rng.uniform(0.35, 0.8)
    tone = rng.uniform(0.2, 0.9)
    skin = tone + 0.15 * _spectral(rng, 1.8) - 0.25 * rng.normal() * (x - cx)
    if rng.random() < 0.5:  # shoulders
        body = (np.abs(x - cx) < 0.9 * np.clip((y - cy - 0.6 * h) * 3, 0, 1)) & (y > cy + 0.6 * h)
        picture = np.where(body, rng.uniform(0, 1) + 0.1 * _spectral(rng, 1.5), picture)
    if rng.random() < 0.5:  # ears of a cat or a dog
        for side in (-1, 1):
            ear = (
                (np.abs(x - cx - side * 0.7 * w) < 0.35 * (y - cy + 1.3 * h)) & (y < cy - 0.3 * h) & (y > cy - 1.3 * h)
            )
            picture = np.where(ear, tone * 0.8, picture)
    picture = np.where(np.hypot((x - cx) / w, (y - cy) / h) < 1, skin, picture)
    for side in (-1, 1):
        eye = np.hypot((x - cx - side * 0.4 * w) / (0.16 * w), (y - cy + 0.15 * h) / (0.10 * h))
        picture = np.where(eye < 1, 0.95, picture)
        picture = np.where(eye < 0.5, 0.05, picture)
    picture = np.where(np.hypot((x - cx) / (0.35 * w), (y - cy - 0.5 * h) / (0.08 * h)) < 1, 0.15, picture)
    return _ranged(_light(rng, picture))


def drawing(rng: Rng) -> FloatArray:
    """Lines, boxes, ovals and polygons on plain paper, at times an outline of a body, at times filled."""
    paper = int(rng.choice((255, 255, 0, int(rng.integers(0, 256)))))
    image = Image.new("L", (SIDE, SIDE), paper)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 30))):
        ink, width = int(rng.integers(0, 256)), int(rng.integers(1, 5))
        x0, x1 = np.sort(rng.integers(-10, SIDE + 10, 2)).tolist()
        y0, y1 = np.sort(rng.integers(-10, SIDE + 10, 2)).tolist()
        fill = ink if rng.random() < 0.4 else None
        kind = rng.integers(5)
        if kind == 0:
            draw.line((x0, y0, x1, y1) if rng.random() < 0.5 else (x0, y1, x1, y0), fill=ink, width=width)
        elif kind == 1:
            draw.rectangle((x0, y0, x1, y1), outline=ink, fill=fill, width=width)
        elif kind == 2:
            draw.ellipse((x0, y0, x1, y1), outline=ink, fill=fill, width=width)
        elif kind == 3:
            points = rng.integers(0, SIDE, (int(rng.integers(3, 8)), 2))
            draw.polygon([tuple(point) for point in points.tolist()], outline=ink, fill=fill)
        else:
            start = rng.integers(0, 360)
            draw.arc((x0, y0, x1 + 1, y1 + 1), int(start), int(start + rng.integers(20, 340)), fill=ink, width=width)
    return _grey(image)


def text_page(rng: Rng) -> FloatArray:
    """A printed page, a letter, a receipt or a slide: lines of words, dark on bright or the reverse."""
    scale = 3
    image = Image.new("L", (SIDE * scale, SIDE * scale), 255)
    draw = ImageDraw.Draw(image)
    font = _font(rng, int(rng.choice((10, 14, 20, 30, 48))))
    margin, y = int(rng.integers(5, 70)), int(rng.integers(0, 60))
    columns = 2 if rng.random() < 0.25 else 1
    line_height = int(font.getbbox("Ag")[3] * rng.uniform(1.1, 2))
    while y < SIDE * scale:
        for column in range(columns):
            if rng.random() < 0.15:
                continue
            left = margin + column * SIDE * scale // 2
            words = " ".join(rng.choice(_WORDS, int(rng.integers(1, 14))))
            room = SIDE * scale // columns - 2 * margin
            while words and font.getlength(words) > room:
                words = words[:-1]
            draw.text((left, y), words, fill=int(rng.integers(0, 90)), font=font)
        y += line_height
    picture = _grey(image.resize((SIDE, SIDE), Image.Resampling.BOX))
    return 1 - picture if rng.random() < 0.3 else picture


def chart(rng: Rng) -> FloatArray:
    """A plot with axes, bars, curves or points; a table; a window of a program; a colour chart or test pattern."""
    image = Image.new("L", (SIDE, SIDE), int(rng.choice((255, 240, 20))))
    draw = ImageDraw.Draw(image)
    ink = 0 if np.asarray(image)[0, 0] > 128 else 230
    left, bottom = int(rng.integers(8, 30)), SIDE - int(rng.integers(8, 30))
    kind = rng.integers(5)
    if kind <= 1:
        draw.line((left, 6, left, bottom, SIDE - 6, bottom), fill=ink)
        n = int(rng.integers(3, 16))
        xs = np.linspace(left + 6, SIDE - 10, n)
        for _ in range(int(rng.integers(1, 4))):
            ys = (
                bottom - rng.random(n).cumsum() / n * (bottom - 12) if rng.random() < 0.5 else rng.uniform(8, bottom, n)
            )
            shade = int(rng.integers(0, 256))
            if kind == 0:
                draw.line(list(zip(xs, ys, strict=True)), fill=shade, width=int(rng.integers(1, 3)))
            else:
                for x, y in zip(xs, ys, strict=True):
                    draw.rectangle((x, min(y, bottom), x + 0.6 * (SIDE - left) / n, bottom), fill=shade)
    elif kind == 2:
        rows, cols = int(rng.integers(3, 14)), int(rng.integers(2, 8))
        for row in range(rows + 1):
            draw.line((4, 4 + row * 120 // rows, 124, 4 + row * 120 // rows), fill=ink)
        for col in range(cols + 1):
            draw.line((4 + col * 120 // cols, 4, 4 + col * 120 // cols, 124), fill=ink)
        _scribble(rng, draw, ink, 30)
    elif kind == 3:
        draw.rectangle((0, 0, SIDE, int(rng.integers(6, 16))), fill=int(rng.integers(0, 256)))
        draw.rectangle((0, 16, int(rng.integers(15, 45)), SIDE), fill=int(rng.integers(0, 256)))
        for _ in range(int(rng.integers(2, 9))):
            x, y = rng.integers(0, SIDE, 2).tolist()
            w, h = rng.integers(8, 60, 2).tolist()
            draw.rectangle((x, y, x + w, y + h), fill=int(rng.integers(0, 256)), outline=ink)
        _scribble(rng, draw, ink, 25)
    else:
        n = int(rng.integers(2, 13))
        step = SIDE / n
        two = rng.random() < 0.5
        for row in range(n):
            for col in range(n):
                shade = 255 * ((row + col) % 2) if two else int(rng.integers(0, 256))
                gap = 0 if two else int(rng.integers(0, 3))
                draw.rectangle(
                    (col * step + gap, row * step + gap, (col + 1) * step - gap, (row + 1) * step - gap), fill=shade
                )
    return _grey(image)


MAKERS: tuple[tuple[Maker, float], ...] = (
    (spectral_noise, 1.0),
    (plain_noise, 1.0),
    (gradient, 0.7),
    (scene, 2.0),
    (portrait, 2.0),
    (drawing, 1.3),
    (text_page, 1.3),
    (chart, 1.3),
)


def _scribble(rng: Rng, draw: ImageDraw.ImageDraw, ink: int, number: int) -> None:
    font = _font(rng, 8)
    for _ in range(number):
        x, y = rng.integers(0, SIDE, 2).tolist()
        draw.text((x, y), str(rng.choice(_WORDS)), fill=ink, font=font)


def _axes() -> tuple[FloatArray, FloatArray]:
    line = np.linspace(-1, 1, SIDE, dtype=np.float32)
    y, x = np.meshgrid(line, line, indexing="ij")
    return y, x


def _spectral(rng: Rng, slope: float) -> FloatArray:
    """Noise with a spectrum of 1 / f**slope, of mean 0 and deviation 1."""
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]
    frequency = np.hypot(fy * rng.uniform(0.5, 2), fx * rng.uniform(0.5, 2))
    frequency[0, 0] = np.inf
    spectrum = rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)
    noise = np.fft.irfft2(spectrum / frequency**slope, s=(SIDE, SIDE))
    return ((noise - noise.mean()) / max(float(noise.std()), 1e-9)).astype(np.float32)


def _blob(rng: Rng, x: FloatArray, y: FloatArray, size: float) -> npt.NDArray[np.bool_]:
    cx, cy = rng.uniform(-1, 1, 2)
    power = rng.choice((0.8, 2, 6))
    a, b = size * rng.uniform(0.3, 1.5, 2)
    return np.abs((x - cx) / a) ** power + np.abs((y - cy) / b) ** power < 1


def _light(rng: Rng, picture: FloatArray) -> FloatArray:
    """Light from one side, grain, and a lens that is not quite sharp."""
    y, x = _axes()
    lit = picture * (1 + rng.normal(0, 0.3) * x + rng.normal(0, 0.3) * y)
    return lit + rng.normal(0, rng.uniform(0, 0.06), lit.shape).astype(np.float32)


def _ranged(picture: npt.NDArray[np.floating]) -> FloatArray:
    low, high = np.percentile(picture, (1, 99))
    return np.clip((picture - low) / max(float(high - low), 1e-6), 0, 1).astype(np.float32)


def _grey(image: Image.Image) -> FloatArray:
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _turned(rng: Rng, picture: FloatArray) -> FloatArray:
    return np.ascontiguousarray(np.rot90(picture, int(rng.integers(4))))


@cache
def _font_files() -> tuple[str, ...]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return tuple(str(path) for path in sorted(folder.glob("DejaVu*.ttf")))


@cache
def _opened(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def _font(rng: Rng, size: int) -> ImageFont.FreeTypeFont:
    return _opened(str(rng.choice(_font_files())), size)
