"""Backgrounds: pieces of bundled photographs, and rooms, landscapes and textures."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from train.data.dataset import Pixels
from train.data.scenes import texture


def photographic(rng: np.random.Generator, size: int, photo: Pixels) -> texture.Field:
    """A random crop: scaled, mirrored, blurred as out of focus, tinted. Linear [size, size, 3]."""
    height, width = photo.shape[:2]
    side = int(rng.uniform(0.3, 1.0) * min(height, width))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = Image.fromarray(photo[top : top + side, left : left + side])
    crop = crop.resize((size, size), Image.Resampling.BILINEAR)
    if rng.random() < 0.6:
        crop = crop.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 4.0))))
    linear = texture.to_linear(np.asarray(crop))
    if rng.random() < 0.5:
        linear = linear[:, ::-1]
    tint = np.asarray(rng.uniform(0.7, 1.3, 3), np.float32)
    return (linear * tint * np.float32(rng.uniform(0.5, 1.5))).astype(np.float32)


def room(rng: np.random.Generator, size: int, photo: Pixels | None) -> texture.Field:
    """Wall and floor, with windows, pictures or shelves on the wall and light from one side."""
    wall = texture.surface(rng, size, photo if rng.random() < 0.3 else None)
    floor = texture.surface(rng, size, photo)
    edge = int(size * rng.uniform(0.45, 0.95))
    out = wall.copy()
    out[edge:] = floor[edge:] * np.float32(rng.uniform(0.5, 1.0))
    for _ in range(int(rng.integers(0, 4))):
        w, h = int(size * rng.uniform(0.08, 0.4)), int(size * rng.uniform(0.08, 0.4))
        x, y = int(rng.integers(-w // 2, size)), int(rng.integers(0, max(1, edge - h // 2)))
        x0, y1 = max(x, 0), min(y + h, edge)
        out[y:y1, x0 : x + w] = np.array(texture.random_color(rng), np.float32)
        if rng.random() < 0.5:
            panel = texture.surface(rng, size, photo)
            out[y + 3 : y1 - 3, x0 + 3 : x + w - 3] = panel[y + 3 : y1 - 3, x0 + 3 : x + w - 3]
    slope = np.linspace(rng.uniform(0.5, 1.0), rng.uniform(0.5, 1.3), size, dtype=np.float32)
    return (out * slope[None, :, None]).astype(np.float32)


def landscape(rng: np.random.Generator, size: int, photo: Pixels | None) -> texture.Field:
    """Sky, a ragged line of hills or houses, ground."""
    sky = np.linspace(rng.uniform(0.3, 0.9), rng.uniform(0.5, 1.0), size, dtype=np.float32)
    tint = np.asarray([0.8, 0.9, 1.0], np.float32)
    out = np.broadcast_to(sky[:, None, None] * tint, (size, size, 3)).astype(np.float32)
    clouds = texture.smooth_noise(rng, size, int(rng.integers(3, 9)))
    out = out * (0.8 + 0.4 * clouds[..., None])
    y = np.arange(size)[:, None]
    for base, dark in ((rng.uniform(0.3, 0.6), 0.5), (rng.uniform(0.5, 0.8), 1.0)):
        line = base + 0.12 * (texture.smooth_noise(rng, size, int(rng.integers(2, 12)))[0] - 0.5)
        if rng.random() < 0.4:  # roofs
            line = np.round(line * 12) / 12
        below = y >= line[None, :] * size
        ground = texture.surface(rng, size, photo) * np.float32(dark * rng.uniform(0.5, 1.0))
        out = np.where(below[..., None], ground, out)
    return out.astype(np.float32)


def noise(rng: np.random.Generator, size: int) -> texture.Field:
    """Coarse to fine smooth noise in two colours."""
    field = sum(
        texture.smooth_noise(rng, size, cells) / k
        for k, cells in ((1, int(rng.integers(2, 5))), (2, 10), (4, 30))
    )
    field = np.asarray(field, np.float32) / np.float32(1.75)
    a = np.array(texture.random_color(rng), np.float32)
    b = np.array(texture.random_color(rng), np.float32)
    return (a + (b - a) * field[..., None]).astype(np.float32)


def random_background(
    rng: np.random.Generator, size: int, photos: list[Pixels]
) -> tuple[texture.Field, Pixels]:
    """A background and the photograph whose texture the scene's things may borrow."""
    photo = photos[int(rng.integers(len(photos)))]
    kind = rng.choice(4, p=[0.45, 0.27, 0.18, 0.10])
    if kind == 0:
        return photographic(rng, size, photo), photo
    if kind == 1:
        return room(rng, size, photo), photo
    if kind == 2:
        return landscape(rng, size, photo), photo
    return noise(rng, size), photo
