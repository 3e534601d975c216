"""Where the people of a scene are: boxes for detection, a mask for segmentation.

Cached apart from the pictures, whose files and bytes stay what they are: a scene's people do not
depend on its camera, so that one file of truth serves every exposure, gamma and number of channels.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from train.data.dataset import Dataset, Pixels, Split
from train.data.scenes import loader
from train.data.scenes.render import SIZE, Box, box_of, lit

MOST = 3  # people in a scene
LEAST_SIDE = 4  # pixels: a box with a shorter side is too little of a person to be sought

Boxes = npt.NDArray[np.int16]


def row_bytes(size: int) -> int:
    """Bytes of a scene's truth: MOST boxes of four int16, then the mask, a bit a pixel."""
    return 8 * MOST + -(-size * size // 8)


def _packed(boxes: list[Box], mask: npt.NDArray[np.bool_]) -> Pixels:
    corners = np.zeros((MOST, 4), "<i2")
    corners[: len(boxes)] = np.array(boxes, "<i2").reshape(-1, 4)
    return np.concatenate([corners.reshape(-1).view(np.uint8), np.packbits(mask)])


def scene_truth(seed: int, split: str, index: int, size: int, rule: str) -> Pixels:
    """One scene's boxes and mask as bytes [row_bytes(size)]."""
    _, masks, _ = lit(seed, split, index, size=size, rule=rule)
    visible = [mask for mask in masks if mask.any()]
    everyone = np.logical_or.reduce(visible) if visible else np.zeros((size, size), bool)
    return _packed([box_of(mask) for mask in visible], everyone)


def _chunk(job: tuple[int, str, int, int, dict[str, Any]]) -> Pixels:
    seed, split, start, stop, options = job
    return np.stack([scene_truth(seed, split, i, **options) for i in range(start, stop)])


def load_truth(
    seed: int,
    split: str,
    count: int,
    *,
    size: int = SIZE,
    rule: str = "vww",
    cache: bool = True,
    processes: int = 2,
) -> tuple[Boxes, Pixels]:
    """Truth of the first `count` scenes of a split.

    Returns:
        boxes int16 [count, MOST, 4], visible people as (left, top, right, bottom) in pixels, right
        and bottom exclusive, then rows of zeros; masks uint8 [count, size, size, 1] of 0 and 1.
    """
    if not count:
        return np.zeros((0, MOST, 4), np.int16), np.zeros((0, size, size, 1), np.uint8)
    options = {"size": size, "rule": rule}
    key = json.dumps([loader.GENERATOR_VERSION, MOST, seed, split, count, options], sort_keys=True)
    name = f"truth-{split}-{count}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npy"
    rows = loader.cached_rows(
        name, (count, row_bytes(size)), _chunk, (seed, split, options), cache, processes
    )
    boxes = np.ascontiguousarray(rows[:, : 8 * MOST]).view("<i2").reshape(count, MOST, 4)
    bits = np.unpackbits(np.asarray(rows[:, 8 * MOST :]), axis=1, count=size * size)
    return boxes.astype(np.int16), bits.reshape(count, size, size, 1)


def sought(boxes: Boxes, least_side: int = LEAST_SIDE) -> Boxes:
    """The boxes with both sides at least so long, in front; the others are zeros."""
    sides = np.minimum(boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1])
    keep = sides >= max(1, least_side)
    order = np.argsort(~keep, axis=1, kind="stable")
    kept = np.where(keep[..., None], boxes, 0)
    return np.take_along_axis(kept, order[..., None], axis=1).astype(np.int16)


def _with(name: str, what: str, which: int, options: dict[str, Any]) -> Dataset:
    """`scenes` with one of the truths as targets."""
    pictures = loader.load(**options)
    said = pictures.options

    def of(kind: str, split: Split) -> Split:
        found = load_truth(
            pictures.seed,
            kind,
            len(split),
            size=said["size"],
            rule=said["rule"],
            cache=options.get("cache", True),
            processes=options.get("processes", 2),
        )
        return replace(split, targets=sought(found[0]) if which == 0 else found[1])

    splits = {kind: of(kind, split) for kind, split in pictures.splits.items()}
    return replace(
        pictures,
        name=name,
        note=f"{pictures.note}; {what}",
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
    )


def detect(*, seed: int = 0, size: int = SIZE, channels: int = 1, n_train: int = 20000,
           n_val: int = 2000, n_test: int = 2000, rule: str = "vww", ev: float | None = None,
           gamma: float | None = None, ev_range: tuple[float, float] = (-3.0, 3.0),
           cache: bool = True, processes: int = 2) -> Dataset:  # fmt: skip
    """`scenes` with boxes: targets int16 [N, MOST, 4] as `sought` leaves them; arguments as there.

    Visible people whose box has a side below LEAST_SIDE pixels are not sought.
    """
    options = dict(locals())
    return _with("scenes-detect", f"boxes of people, sides from {LEAST_SIDE} pixels", 0, options)


def segment(*, seed: int = 0, size: int = SIZE, channels: int = 1, n_train: int = 20000,
            n_val: int = 2000, n_test: int = 2000, rule: str = "vww", ev: float | None = None,
            gamma: float | None = None, ev_range: tuple[float, float] = (-3.0, 3.0),
            cache: bool = True, processes: int = 2) -> Dataset:  # fmt: skip
    """`scenes` with masks: targets uint8 [N, H, W, 1], 1 on visible people; arguments as there."""
    options = dict(locals())
    return _with("scenes-segment", "masks of people", 1, options)
