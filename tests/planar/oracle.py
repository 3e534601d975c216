"""Slow, obvious binary operators on [h, w, c] maps of bits (true = -1), and planar packing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.planar.geometry import ConvShape, plane_words

Bits = NDArray[np.bool_]


def planes(bits: Bits, stride: int | None = None) -> NDArray[np.uint32]:
    """[h, w, c] bits to planar words, raster order, plane after plane."""
    h, w, c = bits.shape
    words = np.zeros((c, (stride or plane_words(h, w)) * 32), bool)
    words[:, : h * w] = bits.reshape(h * w, c).T
    return np.packbits(words, axis=1, bitorder="little").view("<u4").ravel()


def packed(bits: Bits) -> NDArray[np.uint32]:
    """[h, w, c] bits to packed words, pixel after pixel."""
    h, w, c = bits.shape
    words = np.zeros((h * w, -(-c // 32) * 32), bool)
    words[:, :c] = bits.reshape(h * w, c)
    return np.packbits(words, axis=1, bitorder="little").view("<u4").ravel()


def split(bits: Bits, stride_h: int, stride_w: int) -> Bits:
    """[h, w, c] to phases [ceil(h / stride_h), ceil(w / stride_w), c * stride_h * stride_w]."""
    h, w, c = bits.shape
    rows, columns = -(-h // stride_h), -(-w // stride_w)
    padded = np.zeros((rows * stride_h, columns * stride_w, c), bool)
    padded[:h, :w] = bits
    parts = padded.reshape(rows, stride_h, columns, stride_w, c)
    return parts.transpose(0, 2, 4, 1, 3).reshape(rows, columns, -1)


def counts(shape: ConvShape, bits: Bits, weights: Bits) -> NDArray[np.int32]:
    """Products that are -1: [out_h, out_w, groups * out_c].

    Args:
        bits: [in_h, in_w, groups * in_c]; outside it every bit is 0.
        weights: [groups * out_c, k_h, k_w, in_c].
    """
    s = shape
    result = np.zeros((s.out_h, s.out_w, s.groups * s.out_c), np.int32)
    for y in range(s.out_h):
        for x in range(s.out_w):
            patch = np.zeros((s.k_h, s.k_w, s.groups * s.in_c), bool)
            for ky in range(s.k_h):
                for kx in range(s.k_w):
                    iy = y * s.stride_h + ky * s.dilation_h - s.pad_top
                    ix = x * s.stride_w + kx * s.dilation_w - s.pad_left
                    if 0 <= iy < s.in_h and 0 <= ix < s.in_w:
                        patch[ky, kx] = bits[iy, ix]
            for g in range(s.groups):
                part = patch[:, :, g * s.in_c : (g + 1) * s.in_c]
                rows = slice(g * s.out_c, (g + 1) * s.out_c)
                result[y, x, rows] = np.count_nonzero(part ^ weights[rows], (1, 2, 3))
    return result
