"""Bits in words: channel c is bit c & 31 of word c >> 5."""

from __future__ import annotations

import numpy as np

from convert.ir import Array


def unpack(words: Array, channels: int) -> Array:
    """uint32 [..., W] -> uint8 bits [..., channels]."""
    bits = words[..., None] >> np.arange(32, dtype=np.uint32) & np.uint32(1)
    return bits.reshape(*words.shape[:-1], -1)[..., :channels].astype(np.uint8)


def pack(bits: Array) -> Array:
    """uint8 bits [..., C] -> uint32 [..., ceil(C / 32)], unused bits 0."""
    channels = bits.shape[-1]
    padding = [(0, 0)] * (bits.ndim - 1) + [(0, -channels % 32)]
    padded = np.pad(bits, padding).astype(np.uint64)
    lanes = padded.reshape(*bits.shape[:-1], -1, 32) << np.arange(32, dtype=np.uint64)
    return lanes.sum(-1).astype(np.uint32)
