"""Smooth noise, cloth and surface patterns; all float32 in linear light, 0..1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from train.data.dataset import Pixels

Field = npt.NDArray[np.float32]
Color = tuple[float, float, float]
# of each byte; in float64 first, for the last bit of a float32 power is each processor's own
LINEAR: Field = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)


def to_linear(srgb: Pixels) -> Field:
    """uint8 sRGB to linear light, by the power law 2.2 (the error is far below the noise)."""
    return LINEAR[srgb]


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> Field:
    """[size, size] in 0..1: a random grid of cells x cells, enlarged bicubically."""
    grid = (rng.random((cells + 1, cells + 1)) * 255).astype(np.uint8)
    field = Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(field, np.float32) / np.float32(255.0)


def random_color(rng: np.random.Generator, saturation: float = 0.5) -> Color:
    """A linear-light colour; brightness is spread so that dark and light are equally frequent."""
    value = float(rng.uniform(0.12, 0.97)) ** 2.2
    tint = 1.0 + saturation * (rng.random(3) - 0.5) * 2.0
    r, g, b = np.clip(value * tint, 0.004, 1.0)
    return float(r), float(g), float(b)


def _pattern_mask(rng: np.random.Generator, size: int, scale: float) -> Field:
    """0..1: where the second colour of a cloth shows. `scale` is the wearer's height in pixels."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    period = max(3.0, scale * float(rng.uniform(0.03, 0.10)))
    angle = float(rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]))
    across = x * np.cos(angle) + y * np.sin(angle)
    along = y * np.cos(angle) - x * np.sin(angle)
    kind = rng.integers(4)
    if kind == 0:
        return ((across % period) < period * rng.uniform(0.3, 0.7)).astype(np.float32)
    if kind == 1:
        stripes = (across % period < period / 2).astype(np.float32)
        return 0.5 * (stripes + (along % period < period / 2))
    if kind == 2:
        dots = (across % period - period / 2) ** 2 + (along % period - period / 2) ** 2
        return (dots < (0.3 * period) ** 2).astype(np.float32)
    return (smooth_noise(rng, size, int(np.clip(size / period, 3, 60))) > 0.5).astype(np.float32)


def cloth(rng: np.random.Generator, size: int, scale: float, plain: float = 0.6) -> Field:
    """[size, size, 3]: plain with that probability, or striped, checked, dotted or blotched."""
    base = np.array(random_color(rng), np.float32)
    if rng.random() < plain:
        return np.broadcast_to(base, (size, size, 3)).astype(np.float32)
    other = np.array(random_color(rng), np.float32)
    mask = _pattern_mask(rng, size, scale)[..., None]
    return np.asarray(base * (1 - mask) + other * mask, np.float32)


def surface(rng: np.random.Generator, size: int, photo: Pixels | None) -> Field:
    """[size, size, 3]: furniture, trunks, walls: woven, or a piece of a photograph."""
    if photo is not None and rng.random() < 0.4:
        side = int(rng.integers(20, min(photo.shape[:2])))
        top = int(rng.integers(photo.shape[0] - side + 1))
        left = int(rng.integers(photo.shape[1] - side + 1))
        crop = Image.fromarray(photo[top : top + side, left : left + side])
        return to_linear(np.asarray(crop.resize((size, size), Image.Resampling.BILINEAR)))
    base = cloth(rng, size, float(rng.uniform(60, 300)), plain=0.8)
    grain = smooth_noise(rng, size, int(rng.integers(4, 40)))[..., None]
    return (base * (np.float32(0.7) + np.float32(0.6) * grain)).astype(np.float32)
