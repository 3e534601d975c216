"""Cases of the planar kernels: random data, what the kernel must write, and the file format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convert.planar import lanes as lane_arrays
from convert.planar.geometry import Chunks, ConvShape, choose, plane_words
from convert.planar.pack import fields, pack
from tests.planar import oracle

CONV, LANES = 1, 7
UNTOUCHED = 0xA5A5A5A5  # what the runner fills outputs with


@dataclass(frozen=True)
class Case:
    """One call of a kernel: `arrays[-1]` is what it must write."""

    name: str
    kind: int
    numbers: tuple[int, ...]
    arrays: tuple[NDArray[np.uint32], ...]
    macs: int = 0
    scratch: int = 0

    def words(self) -> NDArray[np.uint32]:
        """The case as the runner reads it."""
        parts = [np.array([self.kind, len(self.numbers), *self.numbers], np.int64)]
        parts.append(np.array([len(self.arrays)]))
        for array in self.arrays:
            parts += [np.array([array.size]), array]
        return np.concatenate(parts).astype(np.uint32)


def write(cases: Sequence[Case]) -> bytes:
    """A case file."""
    return np.concatenate(
        [np.array([len(cases)], np.uint32), *(c.words() for c in cases)]
    ).tobytes()


def halves(values: NDArray[np.uint16]) -> NDArray[np.uint32]:
    """16-bit values as words, the last one filled up with 0."""
    return np.append(values, np.zeros(values.size % 2, np.uint16)).view(np.uint32)


def same(shape: ConvShape) -> ConvShape:
    """The shape with the output and padding that TensorFlow's SAME gives."""
    out_h, out_w = -(-shape.in_h // shape.stride_h), -(-shape.in_w // shape.stride_w)
    high = (out_h - 1) * shape.stride_h + (shape.k_h - 1) * shape.dilation_h + 1 - shape.in_h
    wide = (out_w - 1) * shape.stride_w + (shape.k_w - 1) * shape.dilation_w + 1 - shape.in_w
    return replace(
        shape, out_h=out_h, out_w=out_w, pad_top=max(high, 0) // 2, pad_left=max(wide, 0) // 2
    )


def valid(shape: ConvShape) -> ConvShape:
    """The shape with the output of VALID."""
    out_h = (shape.in_h - (shape.k_h - 1) * shape.dilation_h - 1) // shape.stride_h + 1
    out_w = (shape.in_w - (shape.k_w - 1) * shape.dilation_w - 1) // shape.stride_w + 1
    return replace(shape, out_h=out_h, out_w=out_w, pad_top=0, pad_left=0)


@dataclass(frozen=True)
class Layer:
    """A convolution of random bits, weights and thresholds, and what it gives.

    Thresholds are counts that occur, so that > and >= differ, and a few that never or always hold.
    """

    held: oracle.Bits
    source: NDArray[np.int64]
    weights: oracle.Bits
    thresholds: NDArray[np.int32]
    result: oracle.Bits


def layer(s: ConvShape, seed: int, shuffled: bool = False, flip: int | None = None) -> Layer:
    """A layer; with `shuffled`, channels are picked from more planes, in any order."""
    rng = np.random.default_rng(seed)
    channels = s.groups * s.in_c
    source = rng.permutation(channels + 3)[:channels] if shuffled else np.arange(channels)
    held = rng.random((s.in_h, s.in_w, channels + 3 * shuffled)) < rng.uniform(0.3, 0.7)
    weights = rng.random((s.groups * s.out_c, s.k_h, s.k_w, s.in_c)) < 0.5
    acc = oracle.counts(s, held[:, :, source], weights)
    outputs = acc.shape[2]
    rows, columns = rng.integers(0, s.out_h, outputs), rng.integers(0, s.out_w, outputs)
    thresholds = acc[rows, columns, np.arange(outputs)] - rng.integers(0, 2, outputs, np.int32)
    rare = rng.random(outputs) < 0.15
    extremes = np.array([-(2**31), -1, 0, 1, s.inputs - 1, s.inputs, 2**31 - 1], np.int32)
    thresholds[rare] = rng.choice(extremes, int(rare.sum()))
    if flip is not None:
        weights.reshape(-1)[flip] ^= True
    return Layer(held, source, weights, thresholds, acc > thresholds)


def conv(
    shape: ConvShape,
    seed: int,
    *,
    chunks: Chunks | None = None,
    shuffled: bool = False,
    apart: int = 0,
    flip: int | None = None,
    name: str = "",
) -> Case:
    """A planar convolution of random data.

    Args:
        shuffled: the input has more planes, which `source` picks in any order.
        apart: words between planes, which the kernel must leave alone.
        flip: number of a weight that the packed stream gets wrong.
    """
    s = shape
    chunks = chunks or choose(s)
    data = layer(s, seed, shuffled, flip)
    streams = pack(data.weights, data.thresholds, s.groups, chunks)
    phases = oracle.split(data.held, s.stride_h, s.stride_w)
    in_stride = plane_words(s.phase_h, s.phase_w) + apart
    out_stride = plane_words(s.out_h, s.out_w) + apart
    expected = oracle.planes(data.result, out_stride).reshape(-1, out_stride)
    expected[:, out_stride - apart :] = UNTOUCHED
    numbers = tuple(fields(s, chunks, in_stride, out_stride).values())
    listed = halves(data.source.astype(np.uint16)) if shuffled else np.zeros(0, np.uint32)
    return Case(
        name or f"conv {s} {chunks}",
        CONV,
        numbers,
        (
            oracle.planes(phases, in_stride),
            listed,
            streams.index,
            halves(streams.bias),
            expected.ravel(),
        ),
        s.macs,
        chunks.scratch(s),
    )


def lanes(
    shape: ConvShape,
    seed: int,
    *,
    chunk: int | None = None,
    blocks: int = 1,
    flip: int | None = None,
    name: str = "",
) -> Case:
    """A convolution with lanes of outputs, of random data."""
    s = shape
    chunk = chunk or lane_arrays.choose(s)
    data = layer(s, seed, flip=flip)
    arrays = lane_arrays.pack(data.weights, data.thresholds, s.groups, chunk)
    numbers = tuple(lane_arrays.fields(s, chunk, blocks).values())
    return Case(
        name or f"lanes {s} {chunk}",
        LANES,
        numbers,
        (oracle.packed(data.held), arrays.weights, arrays.start, oracle.packed(data.result)),
        s.macs,
        lane_arrays.scratch(s.out_h * s.out_w, chunk, blocks),
    )
