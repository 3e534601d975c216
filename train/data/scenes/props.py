"""Things that are not people: distractors in every scene, occluders in front of people.

Many of them share a person's traits one at a time (upright, a round top on a stem, cloth, four
limbs, skin tones), so that no single trait gives the class away.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from train.data.dataset import Pixels
from train.data.scenes import texture

Mask = npt.NDArray[np.bool_]
Drawer = Callable[[ImageDraw.ImageDraw, np.random.Generator, float, float, float], None]


def _pole(pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float) -> None:
    w = h * rng.uniform(0.015, 0.06)
    pen.rectangle((x - w, y - h, x + w, y), fill=200)


def _lamp(pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float) -> None:
    _pole(pen, rng, x, y, h * 0.9)
    r = h * rng.uniform(0.07, 0.16)
    if rng.random() < 0.5:
        pen.ellipse((x - r, y - h, x + r, y - h + 2 * r), fill=255)
    else:
        top = y - h
        pen.polygon([(x - r * 0.6, top), (x + r * 0.6, top), (x + r * 1.3, top + 2 * r),
                     (x - r * 1.3, top + 2 * r)], fill=255)  # fmt: skip


def _tree(pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float) -> None:
    w = h * rng.uniform(0.03, 0.07)
    pen.polygon(
        [(x - w, y), (x + w, y), (x + w * 0.5, y - h * 0.6), (x - w * 0.5, y - h * 0.6)], fill=150
    )
    for _ in range(int(rng.integers(4, 10))):
        cx, cy = x + rng.normal(0, h * 0.13), y - h * rng.uniform(0.5, 0.95)
        r = h * rng.uniform(0.08, 0.2)
        pen.ellipse((cx - r, cy - r * 0.8, cx + r, cy + r * 0.8), fill=int(rng.integers(160, 256)))


def _box(pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float) -> None:
    w, t = h * rng.uniform(0.25, 0.7), h * rng.uniform(0.4, 1.0)
    pen.rectangle((x - w, y - t, x + w, y), fill=235)
    for k in range(int(rng.integers(0, 4))):
        yy = y - t * (k + 0.5) / 4
        pen.line((x - w, yy, x + w, yy), fill=150, width=max(1, int(h * 0.01)))


def _table(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float
) -> None:
    w, t, leg = h * rng.uniform(0.35, 0.8), h * rng.uniform(0.35, 0.6), h * 0.03
    pen.rectangle((x - w, y - t, x + w, y - t + h * 0.06), fill=255)
    for s in (-1, 1):
        pen.rectangle((x + s * w * 0.9 - leg, y - t, x + s * w * 0.9 + leg, y), fill=190)


def _chair(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float
) -> None:
    w, s = h * rng.uniform(0.14, 0.24), float(rng.choice([-1, 1]))
    pen.rectangle((x - w, y - h * 0.45, x + w, y - h * 0.38), fill=255)
    back = x - s * w
    pen.rectangle((back - h * 0.03, y - h, back + h * 0.03, y - h * 0.4), fill=220)
    for dx in (-w, w):
        pen.rectangle((x + dx - h * 0.02, y - h * 0.4, x + dx + h * 0.02, y), fill=180)


def _animal(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float
) -> None:
    h *= 0.55
    length, s = h * rng.uniform(0.55, 0.9), float(rng.choice([-1, 1]))
    top = y - h * rng.uniform(0.6, 0.8)
    for dx in (-0.85, -0.6, 0.6, 0.85):
        foot = x + dx * length + rng.normal(0, h * 0.06)
        pen.line((x + dx * length * 0.9, top, foot, y), fill=190, width=max(2, int(h * 0.11)))
    pen.ellipse((x - length, top - h * 0.2, x + length, top + h * 0.22), fill=245)
    hx, hy = x + s * length * 1.1, top - h * rng.uniform(0.0, 0.4)
    pen.line((x + s * length * 0.75, top, hx, hy), fill=240, width=max(2, int(h * 0.2)))
    pen.ellipse((hx - h * 0.2, hy - h * 0.15, hx + h * 0.2, hy + h * 0.15), fill=255)
    tail = (x - s * length * 1.3, top + h * rng.uniform(-0.4, 0.3))
    pen.line((x - s * length * 0.9, top, *tail), fill=210, width=max(1, int(h * 0.06)))


def _statue(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float
) -> None:
    """A vase, bollard or chess-piece shape: a stack of rounded slices, no limbs."""
    n, base = int(rng.integers(3, 7)), y
    for k in range(n):
        t = h / n
        r = h * rng.uniform(0.05, 0.24)
        pen.ellipse((x - r, base - t * 1.25, x + r, base), fill=200 + 9 * k)
        base -= t


def _hanging(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float
) -> None:
    """A coat or shirt on a stand: shoulders and sleeves without head, hands or legs."""
    top, w = y - h, h * rng.uniform(0.16, 0.24)
    pen.rectangle((x - h * 0.012, top - h * 0.05, x + h * 0.012, y), fill=140)
    long = h * rng.uniform(0.4, 0.75)
    pen.polygon([(x - w, top + h * 0.1), (x, top), (x + w, top + h * 0.1),
                 (x + w * 0.9, top + long), (x - w * 0.9, top + long)], fill=245)  # fmt: skip
    for s in (-1, 1):
        pen.line((x + s * w, top + h * 0.11, x + s * w * 1.2, top + long * 0.8), fill=215,
                 width=max(2, int(h * 0.06)))  # fmt: skip


def _ball(pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float) -> None:
    r = h * rng.uniform(0.08, 0.3)
    pen.ellipse((x - r, y - 2 * r, x + r, y), fill=250)


def _plant(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, h: float
) -> None:
    pot = h * rng.uniform(0.1, 0.2)
    pen.polygon([(x - pot, y - pot * 2), (x + pot, y - pot * 2), (x + pot * 0.7, y),
                 (x - pot * 0.7, y)], fill=200)  # fmt: skip
    for _ in range(int(rng.integers(5, 14))):
        a, leaf = rng.uniform(-1.2, 1.2), h * rng.uniform(0.3, 0.75)
        tip = (x + math.sin(a) * leaf, y - pot * 2 - math.cos(a) * leaf)
        pen.line(
            (x, y - pot * 2, *tip), fill=int(rng.integers(150, 255)), width=max(1, int(h * 0.04))
        )


DRAWERS: tuple[Drawer, ...] = (
    _pole, _lamp, _tree, _box, _table, _chair, _animal, _statue, _hanging, _ball, _plant,
)  # fmt: skip
OCCLUDERS: tuple[Drawer, ...] = (_pole, _tree, _box, _table, _chair, _plant)


def draw(
    rng: np.random.Generator,
    size: int,
    photo: Pixels | None,
    *,
    occluder_at: tuple[float, float, float] | None = None,
) -> tuple[texture.Field, Mask, float]:
    """One thing: linear-light colour [size, size, 3], its mask, and its foot line (y in pixels).

    occluder_at: (x, y, height) of a person to stand in front of; otherwise anywhere.
    """
    layer = Image.new("L", (size, size), 0)
    pen = ImageDraw.Draw(layer)
    if occluder_at is None:
        h = size * float(np.exp(rng.uniform(math.log(0.12), math.log(1.1))))
        x, y = float(rng.uniform(0, size)), float(rng.uniform(0.45, 1.15)) * size
        drawer = DRAWERS[int(rng.integers(len(DRAWERS)))]
    else:
        px, py, ph = occluder_at
        h = ph * float(rng.uniform(0.3, 0.9))
        x, y = px + float(rng.normal(0, 0.12)) * ph, py + 0.05 * ph
        drawer = OCCLUDERS[int(rng.integers(len(OCCLUDERS)))]
    drawer(pen, rng, x, y, h)
    if rng.random() < 0.3:
        layer = layer.rotate(float(rng.normal(0, 6)), Image.Resampling.NEAREST, center=(x, y))
    shade = np.asarray(layer, np.float32) / 255.0
    mask = shade > 0
    soft = np.asarray(layer.filter(ImageFilter.BoxBlur(max(1.0, h * 0.04))), np.float32) / 255.0
    side = np.roll(soft, int(rng.choice([-1, 1]) * max(1, h * 0.03)), axis=1)
    color = texture.surface(rng, size, photo) * (shade * (0.5 + 0.6 * side))[..., None]
    return color.astype(np.float32), mask, y


def shadow(rng: np.random.Generator, size: int, x: float, y: float, width: float) -> texture.Field:
    """A soft shadow on the ground as a factor [size, size, 1] <= 1."""
    layer = Image.new("L", (size, size), 0)
    ImageDraw.Draw(layer).ellipse(
        (x - width, y - width * 0.22, x + width * float(rng.uniform(0.8, 2.2)), y + width * 0.22),
        fill=255,
    )
    soft = np.asarray(layer.filter(ImageFilter.GaussianBlur(max(1.0, width * 0.12))), np.float32)
    return (1.0 - float(rng.uniform(0.25, 0.7)) * soft / 255.0)[..., None].astype(np.float32)
