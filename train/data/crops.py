"""Random pieces of the bundled real photographs, for tasks that need no labels.

Split by photograph: no photograph is seen in training and in a test. Where a photograph also serves
`scenes` as a background, it is in the same split here. People may be in them: nothing is asked of
these pictures to which that would matter.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from convert.errors import DataError
from train.data.dataset import Dataset, Pixels, Split
from train.data.photos import BACKGROUNDS, photograph

PHOTOGRAPHS: dict[str, tuple[str, ...]] = {
    "train": (*BACKGROUNDS["train"], "astronaut.png", "coins.png", "hubble_deep_field.jpg"),
    "val": BACKGROUNDS["val"],
    "test": (*BACKGROUNDS["test"], "camera.png"),
}
SPLITS = tuple(PHOTOGRAPHS)
SHRINKS = (1.0, 1.5, 2.0)  # a photograph smaller by such a factor shows coarser things, and sharper
LEAST_CONTRAST = 6.0  # grey levels, standard deviation: a flatter piece is drawn again
MAX_TRIES = 100

Made = TypeVar("Made")


@functools.cache
def shrunk(name: str, factor: float, channels: int) -> Pixels:
    """A photograph by 1 / factor on each side: uint8 [H, W, channels]."""
    picture = Image.fromarray(photograph(name)).convert("L" if channels == 1 else "RGB")
    if factor != 1.0:
        size = (round(picture.width / factor), round(picture.height / factor))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    pixels = np.asarray(picture)
    return pixels.reshape(*pixels.shape[:2], channels)


def generator(seed: int, split: str, index: int) -> np.random.Generator:
    """The random stream of one example."""
    return np.random.default_rng([seed, SPLITS.index(split), index, 0xC409])


def draw_photograph(rng: np.random.Generator, split: str, channels: int) -> tuple[str, Pixels]:
    """A photograph of the split at a random size."""
    name = PHOTOGRAPHS[split][int(rng.integers(len(PHOTOGRAPHS[split])))]
    return name, shrunk(name, float(rng.choice(SHRINKS)), channels)


def lively(draw: Callable[[], tuple[Made, Pixels]], where: str) -> Made:
    """What `draw` gives first beside a picture that is not flat.

    Raises:
        DataError: everything is flat.
    """
    for _ in range(MAX_TRIES):
        made, picture = draw()
        if picture.std() >= LEAST_CONTRAST:
            return made
    raise DataError(
        "no piece of the photographs has enough contrast",
        where=where,
        found=f"{MAX_TRIES} pieces below {LEAST_CONTRAST} grey levels",
        remedy="use a larger size",
    )


def dataset(
    name: str,
    make: Callable[[int, str, int], tuple[str, Pixels, npt.NDArray[Any]]],
    counts: dict[str, int],
    seed: int,
    note: str,
    options: dict[str, Any],
    sides: tuple[int, int],
) -> Dataset:
    """A dataset of pieces.

    Args:
        make: (seed, split, index) -> the photograph's name, the picture, its target.
        counts: examples of each split; above 0.
        options: of the loader, `size` and `channels` (1 or 3) among them.
        sides: the least and the largest size.

    Raises:
        DataError: a size, a number of channels or a count that cannot be.
    """
    size, channels = options["size"], options["channels"]
    if channels not in (1, 3) or not sides[0] <= size <= sides[1]:
        raise DataError(
            f"{name} cannot be made so",
            found=f"size={size}, channels={channels}",
            remedy=f"use channels=1 or 3 and a size of {sides[0]} to {sides[1]}",
        )
    if min(counts.values()) < 1:
        raise DataError(
            f"{name} cannot be made so", found=f"counts {counts}", remedy="use counts above 0"
        )
    every = sorted(sum(PHOTOGRAPHS.values(), ()))
    splits = {}
    for split, count in counts.items():
        rows = [make(seed, split, index) for index in range(count)]
        splits[split] = Split(
            np.stack([row[1] for row in rows]),
            np.array([every.index(row[0]) for row in rows], np.int64),
            tuple(f"{row[0]}#{index}" for index, row in enumerate(rows)),
            np.stack([row[2] for row in rows]),
        )
    return Dataset(
        name=name,
        label_names=tuple(every),
        **splits,
        seed=seed,
        synthetic=False,
        note=f"{note}; real photographs bundled with scikit-image and scikit-learn, split by "
        "photograph; a label is the photograph it comes from",
        options={**options, **{f"n_{split}": count for split, count in counts.items()}},
    )
