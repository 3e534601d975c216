"""`photos-x2`: pieces of real photographs at half and at full resolution, for super-resolution."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from PIL import Image

from train.data import crops
from train.data.dataset import Dataset, Pixels

SCALE = 2


def halved(picture: Pixels) -> Pixels:
    """uint8 [H, W, C] -> [H / 2, W / 2, C], bicubic with its filter widened by two, as the
    benchmarks of super-resolution make theirs."""
    h, w, c = picture.shape
    image = Image.fromarray(picture[..., 0] if c == 1 else picture)
    small = image.resize((w // SCALE, h // SCALE), Image.Resampling.BICUBIC)
    return np.asarray(small).reshape(h // SCALE, w // SCALE, c)


def piece(
    seed: int, split: str, index: int, size: int, channels: int
) -> tuple[str, Pixels, npt.NDArray[np.uint8]]:
    """One example: its photograph, the small picture [size, size, C], the large [2 size, …]."""
    rng = crops.generator(seed, split, index)
    side = SCALE * size

    def draw() -> tuple[tuple[str, Pixels], Pixels]:
        name, photo = crops.draw_photograph(rng, split, channels)
        if min(photo.shape[:2]) < side:
            return (name, photo), np.zeros((1, 1, 1), np.uint8)
        y = int(rng.integers(photo.shape[0] - side + 1))
        x = int(rng.integers(photo.shape[1] - side + 1))
        large = photo[y : y + side, x : x + side]
        return (name, large), large

    name, large = crops.lively(draw, f"photos-x2, {split} {index}")
    return name, halved(large), large


def load(*, seed: int = 0, size: int = 32, channels: int = 1, n_train: int = 3000,
         n_val: int = 200, n_test: int = 400) -> Dataset:  # fmt: skip
    """Pictures [N, size, size, C]; targets uint8 [N, 2 size, 2 size, C], of which they were made.

    Args:
        seed: of where the pieces lie.
        size: side of the small pictures, 8 to 64.
        channels: 1 (luma) or 3.
        n_train, n_val, n_test: pieces; from other photographs each.

    Raises:
        DataError: a size, a number of channels or a count that cannot be.
    """
    return crops.dataset(
        "photos-x2",
        functools.partial(piece, size=size, channels=channels),
        {"train": n_train, "val": n_val, "test": n_test},
        seed,
        "bicubic halves and their originals",
        {"size": size, "channels": channels},
        (8, 64),
    )
