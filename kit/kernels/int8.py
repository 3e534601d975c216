"""int8 convolutions as benchmark cases: the compiler's own lowering, and a plain definition."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from convert.emit.kernels import CALLS
from convert.geometry import SAME, out_size, pad_before
from convert.ir import Array, Graph, Op, Port, Quant, Tensor
from convert.lower import int8_conv
from convert.lower.rewrite import Context
from convert.quantize import rescale
from kit.kernels.case import Case
from kit.kernels.data import Rows, crc, random_words

LOWER = {
    "CONV_2D": int8_conv.conv2d,
    "DEPTHWISE_CONV_2D": int8_conv.conv2d,
    "FULLY_CONNECTED": int8_conv.fully_connected,
}
GUARD = 0x5AFE5AFE  # what mcu/bench fills memory with: the last word of an output may keep some


@dataclass(frozen=True)
class Int8Shape:
    """A convolution with SAME padding; h = w = k = 1 for FULLY_CONNECTED."""

    op: str
    h: int
    w: int
    c_in: int
    c_out: int
    k: int = 1
    stride: int = 1

    @property
    def out_hw(self) -> tuple[int, int]:
        sides = (out_size(n, self.k, self.stride, 1, SAME) for n in (self.h, self.w))
        return next(sides), next(sides)

    @property
    def depthwise(self) -> bool:
        return self.op == "DEPTHWISE_CONV_2D"


def graph_of(s: Int8Shape, seed: int) -> tuple[Graph, Op]:
    """One operation with random constants, as the flatbuffer's reader gives it."""
    rng = np.random.default_rng([seed, 0x18])
    taps = s.k * s.k * (1 if s.depthwise else s.c_in)
    shape = {
        "CONV_2D": (s.c_out, s.k, s.k, s.c_in),
        "DEPTHWISE_CONV_2D": (1, s.k, s.k, s.c_out),
        "FULLY_CONNECTED": (s.c_out, s.c_in),
    }[s.op]
    weights = rng.integers(-127, 128, shape).astype(np.int8)
    per_channel = tuple(rng.uniform(0.5, 1.5, s.c_out) / 127)
    scale = (1 / 127,) if s.op == "FULLY_CONNECTED" else per_channel
    # Scales that spread the sums over the output's range, as trained ones do.
    out_scale = float(74 * 74 * taps**0.5 / 127 / 40 * 0.02)
    flat = s.op == "FULLY_CONNECTED"
    out_h, out_w = s.out_hw
    tensors = {
        "x": Tensor("x", (1, s.c_in) if flat else (1, s.h, s.w, s.c_in), "int8",
                    Quant((0.02,), (-3,))),
        "w": Tensor("w", shape, "int8", Quant(scale, (0,) * len(scale), 3 if s.depthwise else 0),
                    weights),
        "b": Tensor("b", (s.c_out,), "int32", None,
                    rng.integers(-2000, 2000, s.c_out).astype(np.int32)),
        "y": Tensor("y", (1, s.c_out) if flat else (1, out_h, out_w, s.c_out), "int8",
                    Quant((out_scale,), (5,))),
    }  # fmt: skip
    attrs = {"stride_h": s.stride, "stride_w": s.stride, "padding": SAME, "activation": 0}
    op = Op(s.op, "case", ("x", "w", "b"), ("y",), attrs)
    ports = ((Port("x", "x"),), (Port("y", "y"),))
    return Graph("case", (op,), MappingProxyType(tensors), *ports), op


def convolve(s: Int8Shape, x: Array, graph: Graph, op: Op) -> Array:
    """TFLite's reference arithmetic: exact sums, rescaled with two roundings, clamped."""
    w, bias = graph.tensor("w"), graph.tensor("b").data
    assert w.data is not None
    assert bias is not None
    out_h, out_w = s.out_hw
    zero_in, zero_out = -3, 5
    padded = np.zeros((out_h * s.stride + s.k, out_w * s.stride + s.k, s.c_in), np.int64)
    top = pad_before(s.h, out_h, s.k, s.stride, 1, SAME)
    left = pad_before(s.w, out_w, s.k, s.stride, 1, SAME)
    padded[top : top + s.h, left : left + s.w] = x.astype(np.int64) - zero_in
    taps = w.data.astype(np.int64)
    total = np.zeros((out_h, out_w, s.c_out), np.int64) + bias
    for ky in range(s.k):
        for kx in range(s.k):
            part = padded[ky :: s.stride, kx :: s.stride][:out_h, :out_w]
            if s.depthwise:
                total += part * taps[0, ky, kx]
            else:
                total += part @ taps.reshape(s.c_out, s.k, s.k, s.c_in)[:, ky, kx].T
    pairs = int8_conv.factors(graph, op, graph.tensor("x"), w, s.c_out)
    scaled = np.stack([rescale(total[..., c], *pairs[c]) for c in range(s.c_out)], axis=-1)
    return np.clip(scaled + zero_out, -128, 127).astype(np.int8)


def case(name: str, s: Int8Shape, core: str, index: int, peer: dict[str, int]) -> Case:
    """A convolution with the kernel that the compiler takes for it.

    Args:
        name: for people.
        s: its shape; the input's bytes fill whole words.
        core: that it is compiled for.
        index: of the case; seeds constants and, on the board, the input.
        peer: instructions of CMSIS-NN by core.
    """
    graph, op = graph_of(s, index)
    given = Rows(1, 8 * s.h * s.w * s.c_in)
    x = random_words(index, given.words).astype("<u4").view(np.int8).reshape(s.h, s.w, s.c_in)
    out = convolve(s, x, graph, op).reshape(-1)
    words = np.full(-(-len(out) // 4), GUARD, np.uint32)
    words.view(np.int8)[: len(out)] = out
    rewrite = LOWER[s.op](graph, op, Context(core=core))
    assert rewrite is not None
    made = graph.with_ops(rewrite.ops, rewrite.tensors)
    (kernel,) = rewrite.ops
    call = CALLS[kernel.kind](made, kernel)
    scratch = made.tensor(kernel.outputs[1]).bytes if len(kernel.outputs) > 1 else 0
    return Case(
        name=name, kernel=call.function.removeprefix("bw_"), kind="int8", c_in=s.c_in,
        c_out=s.c_out, h=s.h, w=s.w, k=s.k, groups=s.c_in if s.depthwise else 1, macs=call.macs,
        call=call, seed=index, given=given, out_words=len(words), scratch_bytes=scratch,
        expected=crc(words), peer=peer,
    )  # fmt: skip
