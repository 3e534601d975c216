"""Binary convolutions as benchmark cases: the compiler's own lowering, and a plain definition."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from convert.emit.kernels import CALLS
from convert.ir import Array, Graph, Op, Port, Tensor
from convert.lower.planar import to_planar
from convert.planar.geometry import ConvShape
from convert.words import pack as pack_channels
from kit.kernels.case import Case
from kit.kernels.data import Bits, Rows, crc, pack

CONVOLUTIONS = ("planar_conv_bits", "lane_conv_bits", "bconv2d_bits")


def graph_of(shape: ConvShape, weights: Bits, thresholds: Array) -> Graph:
    """A graph of one packed convolution, as the compiler has it before it chooses kernels."""
    s = shape
    names = ("k_h", "k_w", "stride_h", "stride_w", "dilation_h", "dilation_w", "pad_top",
             "pad_left", "groups")  # fmt: skip
    attrs = {name: getattr(s, name) for name in names}
    attrs |= {"channels_in": s.groups * s.in_c, "zero_padding": 0}
    attrs |= {"weights": pack_channels(weights), "thresholds": thresholds}
    tensors = {
        "x": Tensor("x", (1, s.in_h, s.in_w, s.groups * s.in_c), "bits"),
        "y": Tensor("y", (1, s.out_h, s.out_w, s.groups * s.out_c), "bits"),
    }
    op = Op("bconv2d_bits", "conv", ("x",), ("y",), attrs)
    ports = ((Port("x", "x"),), (Port("y", "y"),))
    return Graph("case", (op,), MappingProxyType(tensors), *ports)


def random_layer(shape: ConvShape, seed: int) -> tuple[Bits, Array]:
    """Weights [groups * out_c, k_h, k_w, in_c] and thresholds near the middle of the counts."""
    rng = np.random.default_rng([seed, 0xBE])
    outputs = shape.groups * shape.out_c
    weights = rng.integers(0, 2, (outputs, shape.k_h, shape.k_w, shape.in_c), dtype=np.uint8)
    spread = max(1.0, shape.inputs**0.5 / 2)
    thresholds = np.rint(rng.normal(shape.inputs / 2, spread, outputs)).astype(np.int32)
    return weights, thresholds


def convolve(shape: ConvShape, bits: Bits, weights: Bits) -> Array:
    """Products that are -1: int32 [out_h, out_w, groups * out_c]; taps outside read 0 (+1).

    Args:
        shape: of the convolution.
        bits: [in_h, in_w, groups * in_c].
        weights: [groups * out_c, k_h, k_w, in_c].
    """
    s = shape
    high = (s.out_h - 1) * s.stride_h + (s.k_h - 1) * s.dilation_h + 1
    wide = (s.out_w - 1) * s.stride_w + (s.k_w - 1) * s.dilation_w + 1
    padded = np.zeros((max(high, s.pad_top + s.in_h), max(wide, s.pad_left + s.in_w),
                       bits.shape[2]), np.float32)  # fmt: skip
    padded[s.pad_top : s.pad_top + s.in_h, s.pad_left : s.pad_left + s.in_w] = bits
    signs = 1 - 2 * padded  # products are then sums of +-1, exact in float32
    total = np.zeros((s.out_h, s.out_w, s.groups * s.out_c), np.float32)
    for ky in range(s.k_h):
        for kx in range(s.k_w):
            y, x = ky * s.dilation_h, kx * s.dilation_w
            part = signs[y :: s.stride_h, x :: s.stride_w][: s.out_h, : s.out_w]
            for g in range(s.groups):
                rows = slice(g * s.out_c, (g + 1) * s.out_c)
                taps = 1 - 2 * weights[rows, ky, kx].astype(np.float32)
                total[:, :, rows] += part[:, :, g * s.in_c : (g + 1) * s.in_c] @ taps.T
    return ((s.inputs - total) / 2).astype(np.int32)


def rows_of(t: Tensor) -> Rows:
    """How a map of bits lies in memory."""
    pixels = t.shape[1] * t.shape[2]
    return Rows(t.channels, pixels) if t.dtype == "planes" else Rows(pixels, t.channels)


def to_map(t: Tensor, bits: Bits, shape: ConvShape) -> Bits:
    """Rows of bits as [in_h, in_w, channels]; phases are put together again."""
    if t.dtype != "planes":
        return bits.reshape(t.shape[1], t.shape[2], -1)
    s = shape
    phases = bits.reshape(-1, s.stride_h, s.stride_w, t.shape[1], t.shape[2])
    whole = phases.transpose(3, 1, 4, 2, 0)
    return whole.reshape(t.shape[1] * s.stride_h, t.shape[2] * s.stride_w, -1)


def case(name: str, shape: ConvShape, layout: str, core: str, index: int) -> Case:
    """A convolution with the kernel that the compiler takes for it in a layout.

    Args:
        name: for people.
        shape: sizes that strides divide.
        layout: packed or planar.
        core: cortex-m4, …
        index: of the case; seeds weights and, on the board, the input.
    """
    assert shape.in_h % shape.stride_h == shape.in_w % shape.stride_w == 0, name
    weights, thresholds = random_layer(shape, index)
    made = to_planar(graph_of(shape, weights, thresholds), {"conv": layout}, core)
    op = next(op for op in made.ops if op.kind in CONVOLUTIONS)
    source, target = made.tensor(op.inputs[0]), made.tensor(op.outputs[0])
    given, answered = rows_of(source), rows_of(target)
    counts = convolve(shape, to_map(source, given.random(index), shape), weights)
    out = (counts > thresholds).astype(np.uint8).reshape(-1, counts.shape[2])
    words = pack(out.T if target.dtype == "planes" else out)
    scratch = made.tensor(op.outputs[1]).bytes if len(op.outputs) > 1 else 0
    call = CALLS[op.kind](made, op)
    return Case(
        name=name, kernel=call.function.removeprefix("bw_"), kind="binary",
        c_in=shape.groups * shape.in_c, c_out=shape.groups * shape.out_c,
        h=shape.in_h, w=shape.in_w, k=shape.k_h, groups=shape.groups, macs=shape.macs,
        call=call, seed=index, given=given, out_words=answered.words, scratch_bytes=scratch,
        expected=crc(words), peer={},
    )  # fmt: skip
