"""Weights and thresholds as the streams that `bw_planar_conv` reads.

A threshold t means: output bit = acc > t, acc the number of products that are -1, 0 … K. It is
first clamped to -1 … K, which keeps its meaning (always, never). What counting compares with:

- one chunk: acc + 1 in a byte; bit = acc + 1 + B > 255 with B = 254 - t.
- bytes u of all chunks but the last, v of the last, u + v = acc + b; bit = (u + v) / 2 + B > 255.
  With T = t + 1 the bit is acc >= T; b = T mod 2 makes T + b even, so that halving loses nothing:
  B = 256 - (T + b) / 2. b is added by the first chunk. T = 0 would need B = 256; there b = 2, one
  from the first chunk and one from the last, and B = 255 say "always" too.
- else: half-words that begin at 0x7fff - t; the bit is their top bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.planar.geometry import TRIPLES_A_WORD, Chunks, ConvShape, plane_words

MAX_INPUTS = 32767
Words = NDArray[np.uint32]
Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Streams:
    """The arrays of a `bw_planar_conv`: index (uint32) and bias (uint16)."""

    chunks: Chunks
    index: Words
    bias: NDArray[np.uint16]

    @property
    def flash_bytes(self) -> int:
        """Bytes of both arrays."""
        return self.index.nbytes + self.bias.nbytes


def patterns(weights: Bits, triples: int) -> NDArray[np.uint8]:
    """Patterns of three weights: [outputs, inputs] bits to [outputs, triples] of 0 … 7.

    Weights after the last are 0, which matches the constant 0 of their inputs.
    """
    outputs, inputs = weights.shape
    padded = np.zeros((outputs, triples * 3), np.uint8)
    padded[:, :inputs] = weights
    return (padded.reshape(outputs, triples, 3) @ np.array([1, 2, 4], np.uint8)).astype(np.uint8)


def index_words(values: NDArray[np.uint8], bias: Bits) -> Words:
    """One chunk of the index stream: [outputs, triples] patterns to [outputs, words].

    Even slots hold the complement, bit 31 of the first word the bias (see bw_planar_count.h).
    """
    outputs, triples = values.shape
    words = -(-triples // TRIPLES_A_WORD)
    first = words * TRIPLES_A_WORD - triples
    slots = np.zeros((outputs, words * TRIPLES_A_WORD), np.uint32)
    slots[:, first:] = values
    slots[:, first:] ^= np.where(np.arange(first, slots.shape[1]) % 2 == 0, 7, 0).astype(np.uint32)
    shifts = 3 * np.arange(TRIPLES_A_WORD, dtype=np.uint32)
    packed = (slots.reshape(outputs, words, TRIPLES_A_WORD) << shifts).sum(2, dtype=np.uint32)
    packed[:, 0] |= bias.astype(np.uint32) << np.uint32(31)
    return packed


def biases(thresholds: NDArray[np.int32], inputs: int, chunks: Chunks) -> tuple[list[Bits], Words]:
    """Bias bits of each chunk and the 16 bits of each output; the derivation is above."""
    t = np.clip(thresholds.astype(np.int64), -1, inputs)
    count = len(chunks.sizes)
    none, all_ = np.zeros(t.shape, bool), np.ones(t.shape, bool)
    if count == 1:
        return [all_], ((254 - t) * 0x0101).astype(np.uint32)
    if chunks.in_bytes:
        least = t + 1
        odd = least % 2 == 1
        byte = np.where(least == 0, 255, 256 - (least + odd) // 2)
        flags = [odd | (least == 0), *[none] * (count - 2), least == 0]
        return flags, (byte * 0x0101).astype(np.uint32)
    return [none] * count, (0x7FFF - t).astype(np.uint32)


def pack(weights: Bits, thresholds: NDArray[np.int32], groups: int, chunks: Chunks) -> Streams:
    """Streams of a convolution.

    Args:
        weights: [groups * out_c, k_h, k_w, in_c], true for -1.
        thresholds: [groups * out_c].
        chunks: from `convert.planar.geometry`; 3 * triples ≥ K.

    Raises:
        ValueError: more inputs than half-words can count, or a division that does not fit.
    """
    inputs = int(np.prod(weights.shape[1:]))
    if inputs > MAX_INPUTS or not chunks.valid or not inputs <= 3 * chunks.triples < inputs + 6:
        raise ValueError(f"{inputs} inputs do not go with {chunks}")
    flags, bias = biases(thresholds, inputs, chunks)
    return Streams(chunks, _index(weights, groups, chunks, flags), bias.astype(np.uint16))


def pack_counts(weights: Bits, groups: int, chunks: Chunks) -> Words:
    """The index stream of a convolution of which counts are wanted; arguments as in `pack`."""
    none = np.zeros(weights.shape[0], bool)
    return _index(weights, groups, chunks, [none] * len(chunks.sizes))


def _index(weights: Bits, groups: int, chunks: Chunks, flags: list[Bits]) -> Words:
    """All chunks of all groups, with the bias bits of each chunk."""
    outputs = weights.shape[0]
    flat = weights.transpose(0, 3, 1, 2).reshape(outputs, -1)
    values = patterns(flat, chunks.triples)
    parts = []
    per_group = outputs // groups
    for group in range(groups):
        rows = slice(group * per_group, (group + 1) * per_group)
        begin = 0
        for size, flag in zip(chunks.sizes, flags, strict=True):
            parts.append(index_words(values[rows, begin : begin + size], flag[rows]).ravel())
            begin += size
    return np.concatenate(parts)


def fields(
    shape: ConvShape, chunks: Chunks, in_stride: int | None = None, out_stride: int | None = None
) -> dict[str, int]:
    """The numbers of a `bw_planar_conv` in the order of its members; pointers are the caller's.

    Args:
        in_stride, out_stride: words from plane to plane; as close as possible without them.
    """
    s = shape
    return {
        "in_h": s.phase_h,
        "in_w": s.phase_w,
        "out_h": s.out_h,
        "out_w": s.out_w,
        "in_stride": in_stride or plane_words(s.phase_h, s.phase_w),
        "out_stride": out_stride or plane_words(s.out_h, s.out_w),
        "in_c": s.in_c,
        "out_c": s.out_c,
        "groups": s.groups,
        "k_h": s.k_h,
        "k_w": s.k_w,
        "stride_h": s.stride_h,
        "stride_w": s.stride_w,
        "dilation_h": s.dilation_h,
        "dilation_w": s.dilation_w,
        "pad_top": s.pad_top,
        "pad_left": s.pad_left,
        "triples": chunks.triples,
        "chunk": chunks.chunk,
        "blocks": chunks.blocks,
        "part": chunks.part,
    }
