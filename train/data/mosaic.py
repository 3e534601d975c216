"""What a colour sensor delivers before interpolation: one sample a pixel, in a tile of two by two.

Order RGGB: rows of red and green, then of green and blue. Taken from the RGB picture of the same
scene. Where that picture was itself interpolated from a mosaic, the samples are the original ones:
bilinear interpolation leaves them as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convert.errors import DataError
from train.data.dataset import Dataset, Pixels, Split

# (row, column) in the tile -> channel of the RGB picture
SITES = {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}


def mosaic(pictures: Pixels) -> Pixels:
    """uint8 [N, H, W, 3] -> [N, H, W, 1], H and W even.

    Raises:
        DataError: not RGB, or an odd side.
    """
    if pictures.shape[-1] != 3 or pictures.shape[1] % 2 or pictures.shape[2] % 2:
        raise DataError(
            "a mosaic is made of RGB pictures with even sides", found=str(pictures.shape[1:])
        )
    out = np.empty((*pictures.shape[:3], 1), np.uint8)
    for (row, column), channel in SITES.items():
        out[:, row::2, column::2, 0] = pictures[:, row::2, column::2, channel]
    return out


def scenes_raw(
    *,
    seed: int = 0,
    size: int = 96,
    n_train: int = 20000,
    n_val: int = 2000,
    n_test: int = 2000,
    rule: str = "vww",
    ev: float | None = None,
    gamma: float | None = None,
    ev_range: tuple[float, float] = (-3.0, 3.0),
    cache: bool = True,
    processes: int = 2,
) -> Dataset:
    """`scenes` as raw mosaics [N, size, size, 1]; see `scenes.load` for the arguments."""
    from train.data import scenes

    rgb = scenes.load(
        seed=seed, size=size, channels=3, n_train=n_train, n_val=n_val, n_test=n_test, rule=rule,
        ev=ev, gamma=gamma, ev_range=ev_range, cache=cache, processes=processes,
    )  # fmt: skip

    def raw(split: Split) -> Split:
        return replace(split, images=mosaic(np.asarray(split.images)))

    return replace(
        rgb, name="scenes-raw", train=raw(rgb.train), val=raw(rgb.val), test=raw(rgb.test),
        note=rgb.note + "; raw RGGB mosaic",
    )  # fmt: skip
