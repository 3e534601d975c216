"""`photos-match`: two views of the same piece of a real photograph, related by a homography."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from train.data import crops
from train.data.dataset import Dataset, Pixels

Homography = npt.NDArray[np.float64]

TURN = 25.0  # degrees either way
ZOOM = 1.25  # at most, or its inverse
TILT = 0.1  # of the side: how far each corner moves
SLIDE = 0.1  # of the side


def target_type(size: int, channels: int) -> np.dtype[Any]:
    """`view`, the second picture, and `homography`, which maps a pixel (x, y, 1) of the first to
    the second; centres of pixels have whole coordinates."""
    return np.dtype(
        [("view", np.uint8, (size, size, channels)), ("homography", np.float32, (3, 3))]
    )


def homography_of(source: npt.NDArray[Any], target: npt.NDArray[Any]) -> Homography:
    """The map that takes four points [4, 2] (x, y) to four others; its last entry is 1."""
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(np.array(rows, float), right), 1.0).reshape(3, 3)


def apply(matrix: npt.NDArray[Any], points: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Points [N, 2] (x, y) through a homography."""
    q = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ np.asarray(matrix, float).T
    return np.asarray(q[:, :2] / q[:, 2:])


def random_homography(rng: np.random.Generator, size: int) -> Homography:
    """First view -> second view: turned, zoomed, moved and tilted about the centre."""
    middle = (size - 1) / 2
    corners = np.array([[0, 0], [size - 1, 0], [size - 1, size - 1], [0, size - 1]], float)
    angle = np.deg2rad(rng.uniform(-TURN, TURN))
    zoom = ZOOM ** rng.uniform(-1, 1)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (corners - middle) @ turn.T + middle + rng.uniform(-SLIDE, SLIDE, 2) * size
    return homography_of(corners, moved + rng.uniform(-TILT, TILT, (4, 2)) * size)


def sampled(photo: Pixels, points: npt.NDArray[Any], size: int) -> npt.NDArray[np.float32]:
    """The photograph at points [size * size, 2], bilinear; mirrored beyond its border."""
    rows = [
        map_coordinates(photo[..., c].astype(np.float32), points.T[::-1], order=1, mode="mirror")
        for c in range(photo.shape[2])
    ]
    return np.stack(rows, axis=-1).reshape(size, size, photo.shape[2]).astype(np.float32)


def relit(picture: npt.NDArray[np.float32], rng: np.random.Generator) -> Pixels:
    """Another exposure, gamma and noise."""
    bright = 255.0 * (picture / 255.0) ** (2.0 ** rng.uniform(-0.5, 0.5))
    bright = bright * 2.0 ** rng.uniform(-0.5, 0.5)
    noisy = bright + rng.uniform(0, 5) * rng.standard_normal(picture.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def pair(
    seed: int, split: str, index: int, size: int, channels: int
) -> tuple[str, Pixels, npt.NDArray[Any]]:
    """One example: its photograph, the first view, the target (see target_type)."""
    rng = crops.generator(seed, split, index)
    y, x = np.mgrid[0:size, 0:size]
    grid = np.stack([x.ravel(), y.ravel()], axis=1).astype(float)

    def draw() -> tuple[tuple[str, Pixels, Any], Pixels]:
        name, photo = crops.draw_photograph(rng, split, channels)
        room = np.maximum(0, np.array(photo.shape[1::-1]) - size)
        corner = rng.uniform(0, 1, 2) * room
        matrix = random_homography(rng, size)
        first = sampled(photo, grid + corner, size)
        second = sampled(photo, apply(np.linalg.inv(matrix), grid) + corner, size)
        target = np.zeros((), target_type(size, channels))
        target["view"], target["homography"] = relit(second, rng), matrix
        plain = np.clip(np.rint(first), 0, 255).astype(np.uint8)
        return (name, plain, target), plain

    return crops.lively(draw, f"photos-match, {split} {index}")


def load(*, seed: int = 0, size: int = 64, channels: int = 1, n_train: int = 2000,
         n_val: int = 100, n_test: int = 300) -> Dataset:  # fmt: skip
    """Pictures [N, size, size, C], the first views; targets structured, see `target_type`.

    Args:
        seed: of pieces, homographies and light.
        size: side of a view, 32 to 128.
        channels: 1 (luma) or 3.
        n_train, n_val, n_test: pairs; from other photographs each.

    Raises:
        DataError: a size, a number of channels or a count that cannot be.
    """
    return crops.dataset(
        "photos-match",
        functools.partial(pair, size=size, channels=channels),
        {"train": n_train, "val": n_val, "test": n_test},
        seed,
        f"homography pairs, ±{TURN:g} degrees, zoom to {ZOOM:g}, exposure, gamma and noise",
        {"size": size, "channels": channels},
        (32, 128),
    )
