"""One scene: background, things, people, occluders, sensor. A function of seed, split and index."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.data import photos
from train.data.dataset import Pixels
from train.data.scenes import background, figure, props, sensor, texture

SIZE = 96
OVERSAMPLE = 2
SPLITS = ("train", "val", "test")
# The two published definitions of "a person is there", as fractions of the picture's area.
RULES = {"vww": 0.005, "mlperf": 0.025}
MAX_TRIES = 40

Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """A picture and its truth.

    Attributes:
        image: uint8 [size, size, channels].
        label: 1 with a person, 0 without.
        boxes: visible people as (left, top, right, bottom) in pixels, right and bottom exclusive.
        mask: bool [size, size], visible person pixels.
        meta: exposure, gamma, number of people and the largest one's area as a fraction.
    """

    image: Pixels
    label: int
    boxes: tuple[Box, ...]
    mask: Mask
    meta: dict[str, Any]


@functools.lru_cache(maxsize=3)
def _photographs(split: str) -> list[Pixels]:
    return photos.people_free(split)


@dataclass
class _Canvas:
    """The scene so far, and each person's still visible pixels, at OVERSAMPLE resolution."""

    light: texture.Field
    people: list[Mask]

    def lay(self, color: texture.Field, mask: Mask) -> None:
        self.light[mask] = color[mask]
        for person in self.people:
            person &= ~mask


def _place(rng: np.random.Generator, size: int, least: float) -> tuple[float, float, float]:
    """Where a person stands: (x, feet y, standing height) in pixels.

    Heights spread, in logarithm, from what just meets the area rule (a standing person covers about
    0.16 of the square of its height) to three times the frame, where only head and shoulders fit;
    the middle of that range, a person about as tall as the frame, is the most frequent.
    """
    smallest = math.sqrt(least / 0.16) * size * 1.05
    largest = 3.0 * size
    h = smallest * (largest / smallest) ** float(rng.beta(1.7, 1.3))
    x = float(rng.uniform(0.08, 0.92)) * size
    if h < 0.9 * size:
        feet = float(rng.uniform(max(h * 0.8, 0.45 * size), 1.08 * size))
    else:  # too tall for the frame: the head stays in view
        head_top = float(rng.uniform(-0.03 * h, 0.35 * size))
        feet = head_top + 0.97 * h
        x = float(rng.uniform(0.2, 0.8)) * size
    return x, feet, h


def _person(
    rng: np.random.Generator, canvas: _Canvas, size: int, least: float
) -> tuple[float, ...]:
    x, feet, h = _place(rng, size, least)
    who = figure.random_figure(rng)
    facing = float(rng.choice([-1.0, 1.0]))
    roll = float(rng.choice([-90.0, 90.0])) if rng.random() < 0.03 else float(rng.normal(0, 3))
    if h < size and rng.random() < 0.6:
        canvas.light *= props.shadow(rng, size, x, feet, 0.16 * h)
    sheet = figure.draw(who, size, (x, feet), h, facing, roll)
    color, mask = figure.paint(sheet, rng, h)
    color *= np.float32(rng.uniform(0.55, 1.25))
    canvas.lay(color, mask)
    canvas.people.append(mask.copy())
    return x, feet, h


def _down(mask: Mask, factor: int) -> Mask:
    """A pixel belongs to a person when at least half of it does."""
    n = mask.shape[0] // factor
    counts = mask.reshape(n, factor, n, factor).sum(axis=(1, 3))
    return counts * 2 >= factor * factor


def box_of(mask: Mask) -> Box:
    """The smallest box around a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _measure(mask: Mask, rule: str) -> float:
    """The rule's area of one person, as a fraction: pixels for vww, bounding box for mlperf."""
    if not mask.any():
        return 0.0
    if rule == "mlperf":
        left, top, right, bottom = box_of(mask)
        return (right - left) * (bottom - top) / mask.size
    return float(mask.mean())


def _attempt(
    rng: np.random.Generator, size: int, label: int, rule: str, split: str
) -> tuple[texture.Field, list[Mask]]:
    big = size * OVERSAMPLE
    least = RULES[rule]
    light, photo = background.random_background(rng, big, _photographs(split))
    canvas = _Canvas(light, [])
    things = [props.draw(rng, big, photo) for _ in range(int(rng.integers(0, 4)))]
    for color, mask, foot in sorted(things, key=lambda thing: thing[2]):
        if rng.random() < 0.4:
            columns = np.flatnonzero(mask.any(0))
            if len(columns):
                width = (columns[-1] - columns[0]) / 2 + 1
                canvas.light *= props.shadow(rng, big, float(columns.mean()), foot, float(width))
        canvas.lay(color, mask)
    if label:
        crowd = int(rng.choice([1, 2, 3], p=[0.75, 0.18, 0.07]))
        spots = [_person(rng, canvas, big, least) for _ in range(crowd)]
        if rng.random() < 0.3:
            x, feet, h = spots[-1]
            color, mask, _ = props.draw(rng, big, photo, occluder_at=(x, min(feet, big), h))
            canvas.lay(color, mask)
    elif rng.random() < 0.3:
        spot = (float(rng.uniform(0, big)), float(rng.uniform(0.6, 1.1)) * big,
                float(rng.uniform(0.2, 1.5)) * big)  # fmt: skip
        color, mask, _ = props.draw(rng, big, photo, occluder_at=spot)
        canvas.lay(color, mask)
    factor = OVERSAMPLE
    small = canvas.light.reshape(size, factor, size, factor, 3).mean(axis=(1, 3))
    return small.astype(np.float32), [_down(mask, factor) for mask in canvas.people]


def lit(
    seed: int, split: str, index: int, *, size: int = SIZE, rule: str = "vww"
) -> tuple[texture.Field, list[Mask], list[float]]:
    """A scene before any camera: linear light [size, size, 3], people's masks and their areas.

    Raises:
        DataError: unknown split or rule.
    """
    if split not in SPLITS or rule not in RULES:
        raise DataError(
            "no such split or rule of scenes",
            found=f"split={split}, rule={rule}",
            remedy=f"splits: {', '.join(SPLITS)}; rules: {', '.join(RULES)}",
        )
    label = index & 1
    entropy = [seed, SPLITS.index(split), index]
    for attempt in range(MAX_TRIES):
        rng = np.random.default_rng(np.random.SeedSequence([*entropy, attempt]))
        light, masks = _attempt(rng, size, label, rule, split)
        areas = [_measure(mask, rule) for mask in masks]
        if not label or max(areas) > RULES[rule]:
            return light, masks, areas
    raise DataError(
        "a scene with a person large enough was not found",
        where=f"seed {seed}, split {split}, index {index}",
        found=f"{MAX_TRIES} tries under the rule {rule}",
        remedy="use a larger size",
    )


def noise_of(seed: int, split: str, index: int) -> np.random.Generator:
    """The random stream of a scene's camera, always from its beginning."""
    entropy = [seed, SPLITS.index(split), index, MAX_TRIES]
    return np.random.default_rng(np.random.SeedSequence(entropy))


def render(
    seed: int,
    split: str,
    index: int,
    *,
    size: int = SIZE,
    channels: int = 1,
    rule: str = "vww",
    ev: float | None = None,
    gamma: float | None = None,
    ev_range: tuple[float, float] = (-3.0, 3.0),
    even: bool = False,
) -> Scene:
    """Render one scene; the same arguments give the same bytes on any machine and process count.

    Args:
        seed, split, index: which scene. Odd indices hold a person, even ones none.
        size: side in pixels.
        channels: 1 or 3.
        rule: "vww" (a person's visible pixels exceed 0.5 % of the picture) or "mlperf" (its
            bounding box exceeds 2.5 %); a scene whose people are all smaller is drawn again.
        ev, gamma: forced exposure in stops and gamma, for robustness tests; the scene itself, and
            the noise's random stream, stay the same.
        ev_range, even: bounds of a drawn exposure; uniform over them instead of normal around 0.

    Raises:
        DataError: unknown split or rule.
    """
    light, masks, areas = lit(seed, split, index, size=size, rule=rule)
    noise = noise_of(seed, split, index)
    camera = sensor.random_sensor(noise, ev_range, ev, gamma, even)
    visible = [mask for mask in masks if mask.any()]
    everyone = np.logical_or.reduce(visible) if visible else np.zeros((size, size), bool)
    return Scene(
        image=sensor.capture(light, camera, noise, channels),
        label=index & 1,
        boxes=tuple(box_of(mask) for mask in visible),
        mask=everyone,
        meta={
            "ev": camera.ev,
            "gamma": camera.gamma,
            "people": len(visible),
            "largest": max(areas, default=0.0),
        },
    )
