"""Keypoints, mutual nearest neighbours and mean matching accuracy; numpy, on the host."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.data.photos_match import apply

Array = npt.NDArray[np.float64]
CELL = 4  # pixels, side
MOST = 64  # keypoints of a picture
BORDER = 2  # pixels without keypoints
PIXELS = range(1, 11)  # thresholds of the accuracy


@dataclass(frozen=True)
class Points:
    """Keypoints of one picture.

    Attributes:
        at: [K, 2], x and y of pixels' centres.
        descriptors: [K, D], of length 1.
    """

    at: Array
    descriptors: Array


def spread(cells: npt.NDArray[np.floating]) -> Array:
    """[h, w, CELL²], row by row in a cell -> [CELL h, CELL w]."""
    h, w, _ = cells.shape
    tall = cells.reshape(h, w, CELL, CELL).transpose(0, 2, 1, 3)
    return tall.reshape(h * CELL, w * CELL).astype(np.float64)


def between(cells: Array, at: Array) -> Array:
    """Rows of cells [h, w, D] at pixels [K, 2], bilinear between the cells' centres."""
    h, w, _ = cells.shape
    place = (at - (CELL - 1) / 2) / CELL
    place = np.clip(place, 0, [w - 1, h - 1])
    low = np.minimum(np.floor(place).astype(int), [max(0, w - 2), max(0, h - 2)])
    x, y = low.T
    fx, fy = (place - low).T[..., None]
    x1, y1 = np.minimum(x + 1, w - 1), np.minimum(y + 1, h - 1)
    above = cells[y, x] * (1 - fx) + cells[y, x1] * fx
    below = cells[y1, x] * (1 - fx) + cells[y1, x1] * fx
    return np.asarray(above * (1 - fy) + below * fy)


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -50, 50))))


def keypoints(output: npt.NDArray[np.float32], descriptor: int) -> Points:
    """The MOST pixels that repeat and can be told best: peaks among their eight neighbours of
    repeatability times reliability.

    Args:
        output: [h, w, descriptor + 1 + CELL²], see train.tasks.nets.MatchNet.
    """
    cells = output.astype(np.float64)
    repeat = _sigmoid(spread(cells[..., descriptor + 1 :]))
    reliable = np.kron(_sigmoid(cells[..., descriptor]), np.ones((CELL, CELL)))
    score = repeat * reliable
    h, w = score.shape
    around = np.pad(score, 1, constant_values=-1.0)
    near = np.max([around[y : y + h, x : x + w] for y in range(3) for x in range(3)], axis=0)
    inside = np.zeros((h, w), bool)
    inside[BORDER : h - BORDER, BORDER : w - BORDER] = True
    found = np.flatnonzero((score >= near) & inside)
    found = found[np.argsort(-score.ravel()[found], kind="stable")][:MOST]
    y, x = np.divmod(found, w)
    at = np.stack([x, y], axis=1).astype(np.float64)
    told = between(_unit(cells[..., :descriptor]), at)  # as the loss does
    return Points(at, _unit(told))


def _unit(vectors: Array) -> Array:
    """Vectors in the last dimension, of length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def mutual(a: Array, b: Array) -> npt.NDArray[np.int64]:
    """Pairs [P, 2] of rows of a [N, D] and b [M, D] that are each other's most similar."""
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.int64)
    similar = a @ b.T
    forth, back = similar.argmax(1), similar.argmax(0)
    mine = np.arange(len(a))
    keep = back[forth] == mine
    return np.stack([mine[keep], forth[keep]], axis=1)


def accuracy(first: Points, second: Points, homography: npt.NDArray[np.floating]) -> Array:
    """Share of mutual matches within 1, 2, … 10 pixels of where the homography (first → second)
    takes them: [10]; zeros without a match."""
    pairs = mutual(first.descriptors, second.descriptors)
    if not len(pairs):
        return np.zeros(len(PIXELS))
    went = apply(homography, first.at[pairs[:, 0]])
    error = np.linalg.norm(went - second.at[pairs[:, 1]], axis=1)
    return np.array([float((error <= pixels).mean()) for pixels in PIXELS])
