"""Which samples a resized map reads, in the arithmetic of TFLite's reference kernels."""

from __future__ import annotations

import numpy as np

from convert.ir import Array

ONE = 1 << 10  # a bilinear weight of 1


def _toward_zero(x: Array, divisor: int) -> Array:
    """C's integer division."""
    return np.sign(x) * (np.abs(x) // divisor)


def bilinear_axis(size: int, out: int, align: bool, half: bool) -> tuple[Array, Array, Array]:
    """For each output place of one axis: lower sample, upper sample, weight of the upper in 1/1024.

    Integer arithmetic of resize_bilinear.h: the scale is rounded to 1/1024 once, so that a place
    far along the axis may even lie beyond the map; the caller refuses that.
    """
    scale = (ONE * size + out // 2) // out
    if align and out > 1:
        scale = (ONE * (size - 1) + (out - 1) // 2) // (out - 1)
    place = np.arange(out, dtype=np.int64) * scale
    if half:
        place = place + scale // 2 - ONE // 2
    low = np.maximum(_toward_zero(place, ONE), 0)
    high = np.minimum(_toward_zero(place + ONE - 1, ONE), size - 1)
    return low, high, place - ONE * low


def nearest_axis(size: int, out: int, align: bool, half: bool) -> Array:
    """The sample that each output place of one axis takes; in float32, as the reference."""
    scale = np.float32(size) / np.float32(out)
    if align and out > 1:
        scale = np.float32(size - 1) / np.float32(out - 1)
    offset = np.float32(0.5 if half else 0.0)
    place = (np.arange(out).astype(np.float32) + offset) * scale
    if align:
        place = np.floor(place + np.float32(0.5))  # TfLiteRound of a number that is not negative
    index = np.minimum(np.floor(place).astype(np.int64), size - 1)
    return np.maximum(index, 0) if half else index
