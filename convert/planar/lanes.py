"""Weights and thresholds as the arrays that `bw_lane_conv` reads.

Each block of 32 outputs has, chunk after chunk, a word an input with one bit an output, in the
order of the index stream that the kernel makes of activations. That stream holds bits as they are,
while even slots of a word are looked up complemented (bw_planar_count.h): weights of even slots are
stored complemented, which is the same. Half-words of counts begin at 0x7fff - threshold, so that
their top bit is the output; lanes without an output begin at 0 and count nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.planar.geometry import TABLE_BYTES, ConvShape
from convert.planar.pack import MAX_INPUTS, Bits, Words

MAX_CHUNK = 7


@dataclass(frozen=True)
class LaneArrays:
    """The arrays of a `bw_lane_conv`: both uint32."""

    chunk: int
    weights: Words
    start: Words

    @property
    def flash_bytes(self) -> int:
        """Bytes of both arrays."""
        return self.weights.nbytes + self.start.nbytes


def triples(words: int) -> int:
    """Triples of a chunk of this many words: BW_LANE_TRIPLES."""
    return 10 * words + 10 - (30 - 2 * words) // 3


def scratch(pixels: int, chunk: int, blocks: int = 1) -> int:
    """Bytes of scratch: BW_LANE_SCRATCH."""
    return blocks * (TABLE_BYTES * triples(chunk) + 64 * pixels) + 4 * (chunk + 1) * pixels


def sizes(words: int, chunk: int) -> list[int]:
    """Words of each chunk."""
    return [min(chunk, words - begin) for begin in range(0, words, chunk)]


def choose(shape: ConvShape, budget: int | None = None) -> int:
    """Words a chunk: the fewest chunks that fit the scratch, then the smallest tables."""
    words = shape.taps * -(-shape.in_c // 32)
    pixels = shape.out_h * shape.out_w
    fitting = [
        chunk
        for chunk in range(1, min(MAX_CHUNK, words) + 1)
        if budget is None or scratch(pixels, chunk) <= budget
    ]
    if not fitting:
        raise ValueError(
            f"scratch of {budget} bytes is too small; the least is {scratch(pixels, 1)}"
        )
    return min(fitting, key=lambda chunk: (len(sizes(words, chunk)), chunk))


def order(words: int) -> NDArray[np.int64]:
    """Inputs of a chunk in the order of its slots: bit numbers, -1 for a bit that is always 0."""
    first = 30 - 2 * words
    tops = np.full(30, -1)
    for i in range(words):
        tops[first + 2 * i : first + 2 * i + 2] = (32 * i + 30, 32 * i + 31)
    rest = (32 * np.arange(words)[:, None] + np.arange(30)).ravel()
    return np.concatenate([tops[first // 3 * 3 :], rest])


def pack(weights: Bits, thresholds: NDArray[np.int32], groups: int, chunk: int) -> LaneArrays:
    """Arrays of a convolution.

    Args:
        weights: [groups * out_c, k_h, k_w, in_c], true for -1. With several groups, in_c and out_c
            are multiples of 32.
        thresholds: [groups * out_c]; output bit = acc > threshold.
        chunk: words of inputs a chunk.

    Raises:
        ValueError: groups that share a word, or more inputs than half-words can count.
    """
    outputs, k_h, k_w, in_c = weights.shape
    inputs = k_h * k_w * in_c
    if inputs > MAX_INPUTS or not 1 <= chunk <= MAX_CHUNK:
        raise ValueError(f"{inputs} inputs in chunks of {chunk} words")
    if groups > 1 and (in_c % 32 or outputs // groups % 32):
        raise ValueError(f"groups of {in_c} inputs and {outputs // groups} outputs share words")
    in_words, blocks = -(-in_c // 32), -(-outputs // 32)
    padded = np.zeros((blocks * 32, k_h * k_w, in_words * 32), bool)
    padded[:outputs, :, :in_c] = weights.reshape(outputs, k_h * k_w, in_c)
    # One word an input: bit l is output l of the block.
    bits = padded.reshape(blocks, 32, -1).transpose(0, 2, 1)
    octets = np.packbits(bits, axis=2, bitorder="little")
    words = np.ascontiguousarray(octets).view("<u4")[..., 0]

    parts = []
    begin = 0
    for size in sizes(k_h * k_w * in_words, chunk):
        numbers = order(size)
        taken = np.where(numbers < 0, np.uint32(0), words[:, begin + np.maximum(numbers, 0)])
        slots = (30 - 2 * size) // 3 + np.arange(numbers.size) // 3
        parts.append(np.where(slots % 2 == 0, ~taken, taken))
        begin += 32 * size
    start = np.zeros(blocks * 32, np.uint32)
    start[:outputs] = 0x7FFF - np.clip(thresholds.astype(np.int64), -1, inputs)
    halves = start.reshape(blocks, 2, 16)
    return LaneArrays(
        chunk,
        np.concatenate(parts, axis=1).astype(np.uint32).ravel(),
        (halves[:, 0] | halves[:, 1] << np.uint32(16)).ravel(),
    )


def fields(shape: ConvShape, chunk: int, blocks: int = 1) -> dict[str, int]:
    """The numbers of a `bw_lane_conv` in the order of its members; pointers are the caller's."""
    s = shape
    return {
        "in_h": s.in_h,
        "in_w": s.in_w,
        "out_h": s.out_h,
        "out_w": s.out_w,
        "in_words": -(-s.in_c // 32),
        "out_words": -(-s.out_c // 32),
        "groups": s.groups,
        "k_h": s.k_h,
        "k_w": s.k_w,
        "stride_h": s.stride_h,
        "stride_w": s.stride_w,
        "dilation_h": s.dilation_h,
        "dilation_w": s.dilation_w,
        "pad_top": s.pad_top,
        "pad_left": s.pad_left,
        "chunk": chunk,
        "blocks": blocks,
    }
