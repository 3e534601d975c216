"""int8 convolutions of every kind: filters laid out, zero points folded, factors made integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convert import geometry
from convert.builtin_rules import constant
from convert.ir import Array, Graph, Op, Tensor
from convert.lower.rewrite import Context, Rewrite
from convert.quantize import activation_range, float_scale, quantize_multiplier
from convert.select import has_lanes


def int8_op(graph: Graph, op: Op, *kinds: str) -> bool:
    """An operation of one of these kinds whose output is int8."""
    return op.kind in kinds and graph.tensor(op.outputs[0]).dtype == "int8"


def zero_of(t: Tensor) -> int:
    return t.quant.zero_point[0] if t.quant else 0


def factors(graph: Graph, op: Op, a: Tensor, w: Tensor, channels: int) -> list[tuple[int, int]]:
    """(multiplier, shift) of each output channel: scales multiplied and divided in double.

    FULLY_CONNECTED with one scale multiplies input and filter scale in float32 first
    (GetQuantizedConvolutionMultipler); the convolutions do not.
    """
    assert w.quant is not None
    s_in, s_out = float_scale(a.quant), float_scale(graph.tensor(op.outputs[0]).quant)
    scales = [np.float32(v) for v in w.quant.scale]
    if op.kind == "FULLY_CONNECTED" and len(scales) == 1:
        real = [float(s_in * scales[0]) / float(s_out)]
    else:
        real = [float(s_in) * float(s) / float(s_out) for s in scales]
    pairs = [quantize_multiplier(v) for v in real]
    return pairs * channels if len(pairs) == 1 else pairs


def channel_block(bias: Array, pairs: list[tuple[int, int]]) -> Array:
    """int32 [ceil(out_c / 4)][3][4]: bias, multiplier, shift of four channels each; behind the last
    channel 0, 0 and -1, which may be computed with."""
    n = len(pairs)
    block = np.tile(np.array([0, 0, -1], np.int64), (-(-n // 4) * 4, 1))
    block[:n, 0] = bias
    block[:n, 1:] = pairs
    return block.reshape(-1, 4, 3).transpose(0, 2, 1).astype(np.int32)


def _fields(
    graph: Graph, op: Op, a: Tensor, w: Tensor, weights: Array, taps: Array, fold: bool
) -> dict[str, Any]:
    """What all convolutions' descriptors share; `taps` is the filter as [out_c, K]."""
    out = graph.tensor(op.outputs[0])
    raw = constant(graph, op, 3 if op.kind == "TRANSPOSE_CONV" else 2)
    bias = np.zeros(out.channels, np.int64) if raw is None else raw.reshape(-1).astype(np.int64)
    zero = zero_of(a)
    if fold:
        bias = bias - zero * taps.sum(1)
    # A factor of 0 gives 0 by any shift; this one does not keep the layer from the fast kernel.
    pairs = [(m, shift if m else -1) for m, shift in factors(graph, op, a, w, out.channels)]
    worst = int((np.abs(bias) + 128 * np.abs(taps).sum(1)).max())
    low, high = activation_range(int(op.attrs.get("activation", 0)), out.quant)
    return {
        "in_zero": zero,
        "out_zero": zero_of(out),
        "act_min": low,
        "act_max": high,
        "narrow": int(worst < 2**30 and all(shift < 0 for _, shift in pairs)),
        "row": -(-taps.shape[1] // 4) * 4,
        "weights": weights,
        "channels": channel_block(bias, pairs),
    }


def _window(op: Op, a: Tensor, out: Tensor, kh: int, kw: int) -> dict[str, Any]:
    sides = {"h": (a.shape[1], out.shape[1], kh), "w": (a.shape[2], out.shape[2], kw)}
    fields: dict[str, Any] = {
        "in_h": a.shape[1], "in_w": a.shape[2], "in_c": a.channels,
        "out_h": out.shape[1], "out_w": out.shape[2], "out_c": out.channels,
        "k_h": kh, "k_w": kw,
    }  # fmt: skip
    for name, (size, o, k) in sides.items():
        stride = int(op.attrs[f"stride_{name}"])
        dilation = int(op.attrs.get(f"dilation_{name}", 1))
        side = "top" if name == "h" else "left"
        fields |= {f"stride_{name}": stride, f"dilation_{name}": dilation}
        padding = int(op.attrs["padding"])
        before = geometry.pad_before(size, o, k, stride, dilation, padding)
        if op.kind == "TRANSPOSE_CONV":  # pads what the forward convolution from o to size would
            before = geometry.pad_before(o, size, k, stride, 1, padding)
        fields[f"pad_{side}"] = before
    return fields


def padded_rows(taps: Array) -> Array:
    """int8 [out_c, K] with K rounded up to 4."""
    return np.pad(taps, [(0, 0), (0, -taps.shape[1] % 4)]).astype(np.int8)


# Filters of so many channels and taps at most are packed: it takes over twice their flash again.
MOST_PACKED, MOST_TAPS = 4, 64
# The order of 3x3 taps in the 16-bit lanes that bw_conv2d_i8_nine reads; 9 is a tap of zero.
_NINE = (0, 2, 3, 5, 6, 8, 1, 4, 7, 9)


def nine_lanes(padded: Array) -> Array:
    """int32 [n, 5] of filters [n, 12] of 3x3 taps and zeros."""
    return np.ascontiguousarray(padded.astype("<i2")[:, _NINE]).view("<i4")


def packed(taps: Array, fields: dict[str, Any]) -> Array:
    """int32 [records, words]: the filters once more, as `bw_conv2d_i8.packed` has them."""
    n, row = len(taps), fields["row"]
    bias, factor, shift = fields["channels"].transpose(1, 0, 2).reshape(3, -1)[:, :n, None]
    centre = np.full((n, 1), 1 + 2 * fields["out_zero"])
    double = np.pad(2 * taps, [(0, 0), (0, row - taps.shape[1])]).astype("<i2")
    if (fields["k_h"], fields["k_w"], fields["in_c"]) == (3, 3, 1):
        return np.hstack([2 * bias, nine_lanes(double), factor, ~shift, centre]).astype(np.int32)
    lanes = np.ascontiguousarray(double.reshape(n, -1, 4)[..., (0, 2, 1, 3)]).view("<i4")
    ends = np.hstack([factor, ~shift])
    two = np.minimum(np.arange(n + n % 2).reshape(-1, 2), n - 1)  # filters of each record
    words = lanes[two].transpose(0, 2, 3, 1).reshape(len(two), row)
    parts = [2 * bias[two, 0], words, ends[two].reshape(-1, 4), centre[two[:, 0]]]
    return np.hstack(parts).astype(np.int32)


def _scratch(op: Op, row: int, patches: int) -> Tensor:
    """Two patches of 16-bit samples, and one of bytes where the map cannot be read in words."""
    return Tensor(f"{op.outputs[0]}.scratch", (1, patches, row), "int16")


def conv2d(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """CONV_2D on int8 maps, and a depthwise convolution of a single input channel."""
    if not int8_op(graph, op, "CONV_2D", "DEPTHWISE_CONV_2D"):
        return None
    a, w, out = (graph.tensor(n) for n in (op.inputs[0], op.inputs[1], op.outputs[0]))
    assert w.data is not None
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    kh, kw = w.shape[1:3]
    fields = _window(op, a, out, kh, kw)
    if depthwise and a.channels > 1:
        taps = w.data.reshape(kh * kw, -1).T.astype(np.int64)
        fields |= _fields(graph, op, a, w, w.data.reshape(kh * kw, -1), taps, fold=True)
        fields["macs"] = out.elements * kh * kw
        return Rewrite((Op("depthwise_i8", op.name, (a.name,), op.outputs, fields),))
    flat = w.data.reshape(kh * kw, -1).T if depthwise else w.data.reshape(w.shape[0], -1)
    taps = flat.astype(np.int64)
    fields |= _fields(graph, op, a, w, padded_rows(taps), taps, fold=True)
    fields["macs"] = out.elements * taps.shape[1]
    few = a.channels <= MOST_PACKED and 1 < kh * kw and taps.shape[1] <= MOST_TAPS
    if few and fields["narrow"] and has_lanes(context.core):
        fields["packed"] = packed(taps, fields)
    return _with_scratch(op, a, fields, out)


def _with_scratch(op: Op, a: Tensor, fields: dict[str, Any], out: Tensor) -> Rewrite:
    pointwise = fields["k_h"] == fields["k_w"] == 1
    if pointwise and out.elements == out.channels:
        return Rewrite((Op("conv2d_i8", op.name, (a.name,), op.outputs, fields),))
    direct = pointwise or a.channels % 4 == 0
    scratch = _scratch(op, fields["row"], 2 if direct else 3)
    outputs = (*op.outputs, scratch.name)
    return Rewrite((Op("conv2d_i8", op.name, (a.name,), outputs, fields),), (scratch,))


def fully_connected(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """FULLY_CONNECTED on int8 maps: a 1x1 convolution whose pixels are the rows."""
    if not int8_op(graph, op, "FULLY_CONNECTED"):
        return None
    a, w, out = (graph.tensor(n) for n in (op.inputs[0], op.inputs[1], op.outputs[0]))
    assert w.data is not None
    depth = w.shape[1]
    taps = w.data.astype(np.int64)
    fields: dict[str, Any] = {
        "in_h": 1, "in_w": a.elements // depth, "in_c": depth,
        "out_h": 1, "out_w": a.elements // depth, "out_c": out.channels,
        "k_h": 1, "k_w": 1, "stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1,
        "pad_top": 0, "pad_left": 0,
    }  # fmt: skip
    fields |= _fields(graph, op, a, w, padded_rows(taps), taps, fold=True)
    fields["macs"] = out.elements * depth
    return _with_scratch(op, a, fields, out)


def transpose_conv(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """TRANSPOSE_CONV on int8 maps."""
    if not int8_op(graph, op, "TRANSPOSE_CONV"):
        return None
    a, w, out = (graph.tensor(n) for n in (op.inputs[2], op.inputs[1], op.outputs[0]))
    assert w.data is not None
    kh, kw = w.shape[1:3]
    taps = w.data.reshape(w.shape[0], -1).astype(np.int64)
    fields = _window(op, a, out, kh, kw)
    fields |= _fields(graph, op, a, w, w.data.astype(np.int8), taps, fold=False)
    fields["macs"] = math.prod(a.shape[1:]) * kh * kw * out.channels
    return Rewrite((Op("transpose_conv_i8", op.name, (a.name,), op.outputs, fields),))
