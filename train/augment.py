"""Augmentation of byte pictures in numpy, driven by one generator so that a run can be repeated."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from train.data.dataset import Pixels
from train.recipes.recipe import Augment


def _shift(batch: Pixels, reach: int, rng: np.random.Generator) -> Pixels:
    n, h, w, _ = batch.shape
    padded = np.pad(batch, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    at = rng.integers(0, 2 * reach + 1, (n, 2))
    return np.stack([p[y : y + h, x : x + w] for p, (y, x) in zip(padded, at, strict=True)])


def _turn(image: Pixels, degrees: float, zoom: float) -> Pixels:
    """Rotate and zoom about the centre; what comes from outside repeats the edge."""
    h, w, c = image.shape
    # as far as the corner of what is cut out reaches however it is turned, and the two filters
    # beyond it; half a side is enough for scales from 0.8 on
    reach = math.hypot(h, w) / 2 / zoom + 1 / zoom + 1
    m = max(max(h, w) // 2, math.ceil(reach - min(h, w) / 2))
    padded = np.pad(image, ((m, m), (m, m), (0, 0)), mode="edge")
    picture = Image.fromarray(padded[..., 0] if c == 1 else padded)
    picture = picture.rotate(degrees, Image.Resampling.BILINEAR)
    half_h, half_w = h / 2 / zoom, w / 2 / zoom
    cy, cx = padded.shape[0] / 2, padded.shape[1] / 2
    box = (cx - half_w, cy - half_h, cx + half_w, cy + half_h)
    picture = picture.resize((w, h), Image.Resampling.BILINEAR, box=box)
    return np.asarray(picture).reshape(h, w, c)


def _wedges(batch: Pixels, chance: float, rng: np.random.Generator) -> Pixels:
    """Black half-planes that cut a corner or a side off, as an alignment leaves them."""
    n, h, w, _ = batch.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    out = batch.copy()
    for i in np.flatnonzero(rng.random(n) < chance):
        angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.55, 1.0)
        along = (x / w - 0.5) * np.cos(angle) + (y / h - 0.5) * np.sin(angle)
        out[i][along > depth * 0.5 * (abs(np.cos(angle)) + abs(np.sin(angle)))] = 0
    return out


def augment(batch: Pixels, how: Augment, rng: np.random.Generator) -> Pixels:
    """A changed copy of uint8 [N, H, W, C]; the same generator state gives the same bytes."""
    n = len(batch)
    if how.flip:
        mirror = rng.random(n) < 0.5
        batch = np.where(mirror[:, None, None, None], batch[:, :, ::-1], batch)
    if how.shift:
        batch = _shift(batch, how.shift, rng)
    if how.rotate or how.zoom:
        turns = rng.uniform(-how.rotate, how.rotate, n)
        zooms = rng.uniform(1 - how.zoom, 1 + how.zoom, n)
        changes = zip(batch, turns, zooms, strict=True)
        batch = np.stack([_turn(p, float(t), float(z)) for p, t, z in changes])
    if how.gamma:
        powers = 2.0 ** rng.uniform(-how.gamma, how.gamma, n)
        tables = np.rint(255.0 * np.linspace(0, 1, 256) ** powers[:, None]).astype(np.uint8)
        batch = np.stack([table[picture] for table, picture in zip(tables, batch, strict=True)])
    if how.gain or how.noise or how.tint:
        pixels = batch.astype(np.float32)
        if how.tint:
            stops = rng.uniform(-how.tint, how.tint, (n, 1, 1, batch.shape[3]))
            pixels *= 2.0 ** stops.astype(np.float32)
        pixels *= 2.0 ** rng.uniform(-how.gain, how.gain, (n, 1, 1, 1)).astype(np.float32)
        if how.noise:
            sigma = rng.uniform(0, how.noise, (n, 1, 1, 1)).astype(np.float32)
            pixels += sigma * rng.standard_normal(pixels.shape, dtype=np.float32)
        batch = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    if how.wedge:
        batch = _wedges(batch, how.wedge, rng)
    return batch
