"""Passes from flatbuffer operators to kernel calls.

A pass looks at one operation and returns the operations that replace it with the tensors they
need, or None. Passes run in order, each over the whole graph until nothing changes. What no pass
lowers is refused by name.
"""

from __future__ import annotations

import numpy as np

from convert import geometry
from convert.ir import Graph, Op, short_name
from convert.lower import int8, int8_bits, int8_signs, real
from convert.lower.bitplanes import bit_planes
from convert.lower.encoder import encode_input
from convert.lower.join import decide, logic
from convert.lower.moves import fold_gather, move_bits, plus_minus
from convert.lower.residual import SUMS, residual
from convert.lower.rewrite import Context, Pass, Rewrite
from convert.quantize import without_subnormals
from convert.rules import pads_zeros


def drop_reshape(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A reshape of numbers moves nothing: an alias."""
    if op.kind != "RESHAPE":
        return None
    a, b = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    if a.dtype not in ("float32", "int8") or a.elements != b.elements:
        return None
    return Rewrite((Op("alias", op.name, (a.name,), op.outputs),))


def _fold(op: Op, graph: Graph, taps: int) -> dict[str, object]:
    """Constants of the float and int8 output transforms, as LCE folds them: in double, then rounded
    to float32 once (core/bconv2d/output_transform.h; see bw_bconv2d_ref.c for the derivation).
    Its interpreter takes subnormal numbers for zeros, before and after."""
    out = graph.tensor(op.outputs[0])
    mul, bias = (
        without_subnormals(np.asarray(graph.tensor(name).data, np.float32)).astype(np.float64)
        for name in op.inputs[2:4]
    )
    scale, zero = (1.0, 0.0)
    if out.dtype == "int8" and out.quant is not None:
        scale, zero = float(np.float32(out.quant.scale[0])), float(out.quant.zero_point[0])
    low, high = {0: (-taps, taps), 1: (0, taps), 2: (-1, 1), 3: (0, 6)}[int(op.attrs["activation"])]
    low, high = max(low, -taps), min(high, taps)
    return {
        "multiplier": without_subnormals((-mul / scale).astype(np.float32)),
        "bias": without_subnormals(((bias + taps * mul) / scale + zero).astype(np.float32)),
        "clamp_min": taps - high,
        "clamp_max": taps - low,
    }


def bconv2d(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """LceBconv2d becomes the kernel for its output type."""
    if op.kind != "LceBconv2d":
        return None
    a, w, out = (graph.tensor(n) for n in (op.inputs[0], op.inputs[1], op.outputs[0]))
    assert w.data is not None
    cin = int(op.attrs["channels_in"])
    groups = -(-cin // 32) // w.shape[3]
    kh, kw = w.shape[1], w.shape[2]
    taps = kh * kw * cin // groups
    h, ww = a.shape[1], a.shape[2]
    sides = (("pad_top", h, out.shape[1], kh, "h"), ("pad_left", ww, out.shape[2], kw, "w"))
    pads = {
        name: geometry.pad_before(
            size,
            made,
            kernel,
            op.attrs[f"stride_{axis}"],
            op.attrs[f"dilation_{axis}"],
            op.attrs["padding"],
        )
        for name, size, made, kernel, axis in sides
    }
    attrs: dict[str, object] = {
        "channels_in": cin, "groups": groups, "k_h": kh, "k_w": kw,
        **{k: op.attrs[k] for k in ("stride_h", "stride_w", "dilation_h", "dilation_w")},
        **pads,
        "zero_padding": int(pads_zeros(graph, op)),
        "weights": w.data.view(np.uint32),
    }  # fmt: skip
    if out.dtype == "bits":
        kind = "bconv2d_bits"
        attrs["thresholds"] = np.asarray(graph.tensor(op.inputs[4]).data, np.int32)
    else:
        kind = "bconv2d_f32" if out.dtype == "float32" else "bconv2d_i8"
        attrs |= _fold(op, graph, taps)
    return Rewrite((Op(kind, op.name, (a.name,), op.outputs, attrs),))


def bmaxpool2d(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """LceBMaxPool2d becomes a pooling of bits."""
    if op.kind != "LceBMaxPool2d":
        return None
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    kh, kw = op.attrs["filter_h"], op.attrs["filter_w"]
    maker = graph.producer(a.name)
    name = op.name if maker is None else f"{op.name.split(' ')[0]} pool after {short_name(maker)}"
    attrs = {
        "k_h": kh, "k_w": kw, "stride_h": op.attrs["stride_h"], "stride_w": op.attrs["stride_w"],
        "pad_top": geometry.pad_before(
            a.shape[1], out.shape[1], kh, op.attrs["stride_h"], 1, op.attrs["padding"]),
        "pad_left": geometry.pad_before(
            a.shape[2], out.shape[2], kw, op.attrs["stride_w"], 1, op.attrs["padding"]),
    }  # fmt: skip
    return Rewrite((Op("bmaxpool2d_bits", name, (a.name,), op.outputs, attrs),))


def quantize(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """LceQuantize that stands alone."""
    if op.kind != "LceQuantize":
        return None
    a = graph.tensor(op.inputs[0])
    if any(port.tensor == a.name for port in graph.inputs) and a.dtype == "float32":
        return None  # a float input is fed as bytes: only an encoder reads it
    zero = a.quant.zero_point[0] if a.dtype == "int8" and a.quant else 0
    kind = "quantize_f32" if a.dtype == "float32" else "quantize_i8"
    return Rewrite((Op(kind, op.name, (a.name,), op.outputs, {"zero_point": zero}),))


def dequantize(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """LceDequantize that stands alone: ±1 as float32, or as int8 one unit around the zero point."""
    if op.kind != "LceDequantize":
        return None
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    attrs = {"plus": 0, "minus": 0}
    if out.dtype == "int8" and out.quant is not None:
        attrs["plus"], attrs["minus"] = plus_minus(out)
    elif out.dtype != "float32":
        return None
    kind = "dequantize_f32" if out.dtype == "float32" else "dequantize_i8"
    return Rewrite((Op(kind, op.name, (a.name,), op.outputs, attrs),))


PASSES: tuple[Pass, ...] = (
    encode_input, bit_planes, move_bits, bconv2d, bmaxpool2d, quantize, dequantize, drop_reshape,
    fold_gather,
    *int8.PASSES, *real.PASSES, logic, decide, residual,
    int8_bits.signs_of_convolutions, int8_signs.maps_of_signs, int8_signs.convolutions_of_signs,
)  # fmt: skip

KERNELS = frozenset(
    {
        "encode_u8", "encode_tiles_u8", "bit_planes_u8", "gather_channels_bits", "bconv2d_bits",
        "bconv2d_f32", "bconv2d_i8", "bconv2d_pair_bits", *SUMS.values(), "logic_bits",
        "bmaxpool2d_bits", "quantize_f32", "quantize_i8", "dequantize_f32", "dequantize_i8",
        "alias", *int8.KERNELS, *int8_signs.SIGNS.values(), "conv2d_i8_bits", *real.KERNELS,
    }
)  # fmt: skip
