"""Rules of TFLite's built-in operators: int8, and float32 for the few that LCE leaves as float."""

from __future__ import annotations

import math

import numpy as np

from convert.ir import Array, Graph, Op, Tensor
from convert.resize import bilinear_axis
from convert.rules import Rule, Verdict, batch_of_one, known_activation

MAX_SUM = 2**31 - 1
# Channels in the buffer of TFLite's optimised float kernel: with more it takes steps of no pixel.
MAX_REAL_DEPTHWISE = 4832


def variables(graph: Graph, op: Op) -> list[Tensor]:
    """The maps an operation reads and writes: constants and scratch left out."""
    names = [n for n in (*op.inputs, *op.outputs) if n is not None]
    return [graph.tensors[n] for n in names if graph.tensors[n].data is None]


def constant(graph: Graph, op: Op, index: int) -> Array | None:
    """The value of a constant input, or None."""
    if index >= len(op.inputs) or op.inputs[index] is None:
        return None
    return graph.tensor(op.inputs[index]).data


def _whole_int8(t: Tensor) -> bool:
    q = t.quant
    return (
        t.dtype == "int8" and q is not None and len(q.scale) == 1 and -128 <= q.zero_point[0] <= 127
    )


def int8_maps(graph: Graph, op: Op) -> Verdict:
    """Maps are int8 with one scale and one zero point each."""
    bad = [t for t in variables(graph, op) if not _whole_int8(t)]
    remedy = "quantize it: put fake-quant behind the layer, or convert with representative data"
    return not bad, bad[0].text() if bad else "", remedy


def int8_or_float_maps(graph: Graph, op: Op) -> Verdict:
    """Maps are all float32, or all int8 with one scale and one zero point each."""
    maps = variables(graph, op)
    ok = all(t.dtype == "float32" for t in maps) or all(_whole_int8(t) for t in maps)
    bad = next((t for t in maps if not _whole_int8(t) and t.dtype != "float32"), maps[0])
    return ok, bad.text(), "quantize the maps on both sides, or neither"


def encoder_or_int8(graph: Graph, op: Op) -> Verdict:
    """Maps are int8 with one scale and one zero point each; in an input encoder, float32."""
    maps = variables(graph, op)
    ok = all(t.dtype == "float32" for t in maps) or all(_whole_int8(t) for t in maps)
    bad = next((t for t in maps if not _whole_int8(t) and t.dtype != "float32"), maps[0])
    return ok, bad.text(), "quantize the maps on both sides"


def int8_or_told(graph: Graph, op: Op) -> Verdict:
    """Maps are int8 with one scale and one zero point each."""
    return encoder_or_int8(graph, op)  # a float one is refused later, in words of its own


def _is_float(graph: Graph, op: Op) -> bool:
    return graph.tensor(op.outputs[0]).dtype == "float32"


def quantized_filter(graph: Graph, op: Op) -> Verdict:
    """An int8 filter is constant, with zero points of 0 and one scale, or one an output channel."""
    if _is_float(graph, op):
        return True, "", ""
    w = graph.tensor(op.inputs[1])
    q = w.quant
    remedy = "convert again with the pinned versions of TensorFlow"
    if w.data is None or w.dtype != "int8" or q is None or any(q.zero_point):
        return False, w.text(), remedy
    channels = w.shape[3 if op.kind == "DEPTHWISE_CONV_2D" else 0]
    return len(q.scale) in (1, channels), f"{len(q.scale)} scales, {channels} channels", remedy


def _bias_index(op: Op) -> int:
    return 3 if op.kind == "TRANSPOSE_CONV" else 2


def int32_bias(graph: Graph, op: Op) -> Verdict:
    """A bias is a constant of one number an output channel: int32 for int8 maps."""
    k = _bias_index(op)
    if k >= len(op.inputs) or op.inputs[k] is None:
        return True, "", ""
    b = graph.tensor(op.inputs[k])
    kind = "float32" if _is_float(graph, op) else "int32"
    channels = graph.tensor(op.outputs[0]).channels
    ok = b.data is not None and b.dtype == kind and b.elements == channels
    return ok, b.text(), "convert again with the pinned versions of TensorFlow"


def accumulators_fit(graph: Graph, op: Op) -> Verdict:
    """No sum of products and bias can leave 32 bits."""
    if _is_float(graph, op):
        return True, "", ""
    w, bias = constant(graph, op, 1), constant(graph, op, _bias_index(op))
    assert w is not None
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    rest = tuple(k for k in range(w.ndim) if k != axis)
    worst = 256 * np.abs(w.astype(np.int64)).sum(rest)
    if bias is not None:
        worst = worst + np.abs(bias.astype(np.int64).reshape(-1))
    return int(worst.max()) <= MAX_SUM, f"{int(worst.max())}", "use a smaller filter"


def window_range(graph: Graph, op: Op) -> Verdict:
    """Kernel sides, strides and dilations are 1 to 255."""
    w = graph.tensor(op.inputs[1])
    values = [*w.shape[1:3], *(int(op.attrs.get(k, 1)) for k in _WINDOW)]
    ok = all(1 <= v <= 255 for v in values)
    return ok, f"{values}", "use a smaller kernel or stride"


_WINDOW = ("stride_h", "stride_w", "dilation_h", "dilation_w")


def four_dimensions(graph: Graph, op: Op) -> Verdict:
    """Maps are [1, H, W, C]."""
    bad = [t for t in variables(graph, op) if len(t.shape) != 4]
    return not bad, bad[0].text() if bad else "", "use the 2D layer of Keras"


def filter_fits(graph: Graph, op: Op) -> Verdict:
    """The filter has as many input and output channels as the maps: no groups."""
    w = graph.tensor(op.inputs[1])
    data = 2 if op.kind == "TRANSPOSE_CONV" else 0
    a, out = graph.tensor(op.inputs[data]), graph.tensor(op.outputs[0])
    if len(w.shape) != 4:
        return False, w.text(), "convert again"
    ok = w.shape[3] == a.channels and w.shape[0] == out.channels
    return ok, f"{w.text()} on {a.text()}", "use groups=1, or one group a channel"


def one_filter_each(graph: Graph, op: Op) -> Verdict:
    """Each output channel has a filter over one input channel, as many for each of these."""
    w, a = graph.tensor(op.inputs[1]), graph.tensor(op.inputs[0])
    out = graph.tensor(op.outputs[0])
    ok = len(w.shape) == 4 and w.shape[0] == 1 and w.shape[3] == out.channels
    return ok and out.channels % a.channels == 0, f"{w.text()} on {a.text()}", "convert again"


def interpreter_ends(graph: Graph, op: Op) -> Verdict:
    """In float32, at most 4832 channels come out: with more, TFLite's interpreter runs for ever."""
    channels = graph.tensor(op.outputs[0]).channels
    ok = channels <= MAX_REAL_DEPTHWISE or not _is_float(graph, op)
    return ok, f"{channels} channels", "use fewer planes, or smaller tiles of a dither"


def same_scale(graph: Graph, op: Op) -> Verdict:
    """int8 input and output have the same scale and zero point."""
    maps = [t for t in variables(graph, op) if t.dtype == "int8" and t.quant is not None]
    maps += [
        graph.tensors[n]
        for n in op.inputs
        if n and graph.tensors[n].data is not None and graph.tensors[n].dtype == "int8"
    ]
    kinds = {(t.quant.scale, t.quant.zero_point) for t in maps if t.quant is not None}
    found = "; ".join(sorted(t.text() for t in maps)) if len(kinds) > 1 else ""
    return len(kinds) <= 1, found[:200], "let the same fake-quant stand on both sides"


def pool_window(graph: Graph, op: Op) -> Verdict:
    """Windows are at most 65535 a side, strides 1 to 255."""
    sides = [int(op.attrs[k]) for k in ("filter_h", "filter_w")]
    strides = [int(op.attrs[k]) for k in ("stride_h", "stride_w")]
    ok = all(1 <= v <= 65535 for v in sides) and all(1 <= v <= 255 for v in strides)
    return ok, f"{sides}, strides {strides}", "use a smaller pool"


def broadcast_to_four(graph: Graph, op: Op) -> Verdict:
    """Operands have up to four dimensions and broadcast to the output."""
    shapes = [graph.tensor(n).shape for n in op.inputs[:2]]
    out = graph.tensor(op.outputs[0]).shape
    try:
        ok = np.broadcast_shapes(*shapes) == out and len(out) <= 4
    except ValueError:
        ok = False
    return ok, f"{[list(s) for s in shapes]} to {list(out)}", "reshape the operands"


def constant_operand(graph: Graph, op: Op) -> Verdict:
    """At least one operand is computed, and a constant has the type of the maps."""
    operands = [graph.tensor(n) for n in op.inputs[:2]]
    ok = any(t.data is None for t in operands)
    kind = graph.tensor(op.outputs[0]).dtype
    bad = [t for t in operands if t.dtype != kind or (kind == "int8" and not _whole_int8(t))]
    found = bad[0].text() if bad else "two constants"
    return ok and not bad, found, "compute what is constant before converting"


def mean_axes(graph: Graph, op: Op) -> Verdict:
    """The axes are constant, and the map has up to four dimensions."""
    axes, t = constant(graph, op, 1), graph.tensor(op.inputs[0])
    ok = axes is not None and axes.dtype.kind == "i" and len(t.shape) <= 4
    ok = ok and axes is not None and all(-len(t.shape) <= int(v) < len(t.shape) for v in axes.flat)
    return ok, f"axes {axes} of {list(t.shape)}", "reduce over fixed axes"


def one_scale_for_rows(graph: Graph, op: Op) -> Verdict:
    """An int8 filter has one scale, unless the output is a single row [1, C]: with one a channel,
    TFLite's reference kernel computes garbage for other outputs."""
    w, out = graph.tensor(op.inputs[1]), graph.tensor(op.outputs[0])
    row = len(out.shape) <= 2 and out.elements == out.channels
    several = w.dtype == "int8" and w.quant is not None and len(w.quant.scale) > 1
    remedy = "flatten the map in front of it, or use a 1x1 convolution"
    return row or not several, f"{w.text()} to {out.text()}", remedy


def sum_rescales(graph: Graph, op: Op) -> Verdict:
    """int8 input and output differ in scale or zero point: where they do not, TFLite adds the raw
    numbers and overflows. The sum stays below 2^31 output steps."""
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    if a.dtype != "int8" or a.quant is None or out.quant is None:
        return True, "", ""
    same = a.quant.scale == out.quant.scale and a.quant.zero_point == out.quant.zero_point
    most = 256.0 * a.elements * a.quant.scale[0] / out.quant.scale[0]
    return not same and most < 2**31, f"{a.text()} to {out.text()}", "use the mean instead"


def softmax_depth(graph: Graph, op: Op) -> Verdict:
    """The last axis has at most 4095 entries."""
    depth = graph.tensor(op.inputs[0]).channels
    return 1 <= depth <= 4095, f"{depth}", "use fewer classes"


def logistic_scale(graph: Graph, op: Op) -> Verdict:
    """int8 output has the scale 1/256 that TFLite requires."""
    t = graph.tensor(op.outputs[0])
    if t.dtype != "int8" or t.quant is None:
        return True, "", ""
    return np.float32(t.quant.scale[0]) == np.float32(1 / 256), t.text(), "convert again"


def swish_scale(graph: Graph, op: Op) -> Verdict:
    """The input's scale is less than 127 times the output's."""
    a, out = graph.tensor(op.inputs[0]).quant, graph.tensor(op.outputs[0]).quant
    ok = a is not None and out is not None and a.scale[0] < 127 * out.scale[0]
    found = f"{a.scale[0] if a else 0:.3g} to {out.scale[0] if out else 0:.3g}"
    return ok, found, "calibrate the output's range"


def constant_parameters(graph: Graph, op: Op) -> Verdict:
    """What moves where is constant: paddings, permutation, indices, sizes, bounds."""
    data = {"SPLIT": 1}.get(op.kind, 0)
    bad = [
        graph.tensor(n)
        for k, n in enumerate(op.inputs)
        if k != data and n is not None and graph.tensor(n).data is None
    ]
    return not bad, bad[0].text() if bad else "", "make it a constant of the model"


def five_loops(graph: Graph, op: Op) -> Verdict:
    """Maps have one to five dimensions of at most 65535."""
    shapes = [t.shape for t in variables(graph, op)]
    bad = [s for s in shapes if not 1 <= len(s) <= 5 or any(not 1 <= v <= 65535 for v in s)]
    return not bad, f"{list(bad[0])}" if bad else "", "use fewer dimensions"


def no_new_axes(graph: Graph, op: Op) -> Verdict:
    """A strided slice has neither ellipsis nor new axes."""
    masks = [int(op.attrs.get(k, 0)) for k in ("ellipsis_mask", "new_axis_mask", "offset")]
    return not any(masks), f"{masks}", "slice with start, end and step for each axis"


def permutation(graph: Graph, op: Op) -> Verdict:
    """Every axis occurs once."""
    order, t = constant(graph, op, 1), graph.tensor(op.inputs[0])
    listed = [] if order is None else [int(v) for v in order.reshape(-1)]
    return sorted(listed) == [*range(len(t.shape))], f"{listed[:8]}", "convert again"


def valid_indices(graph: Graph, op: Op) -> Verdict:
    """Indices lie within the axis, and there are no batch dimensions."""
    index, t = constant(graph, op, 1), graph.tensor(op.inputs[0])
    axis = int(op.attrs.get("axis", 0))
    ok = index is not None and index.size > 0 and -len(t.shape) <= axis < len(t.shape)
    if ok and index is not None:
        size = t.shape[axis]
        ok = bool((index >= 0).all() and (index < size).all()) and size <= 65536
    ok = ok and int(op.attrs.get("batch_dims", 0)) == 0
    return ok, f"{index} on axis {axis} of {list(t.shape)}"[:200], "gather valid places"


def shape_follows(graph: Graph, op: Op) -> Verdict:
    """The output has the shape that the operator makes of its inputs."""
    a = graph.tensor(op.inputs[{"SPLIT": 1, "TRANSPOSE_CONV": 2}.get(op.kind, 0)])
    out = graph.tensor(op.outputs[0])
    attrs = op.attrs
    expected: tuple[int, ...] | None = out.shape
    if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D"):
        pool = op.kind.endswith("POOL_2D")
        sides = (
            (int(attrs["filter_h"]), int(attrs["filter_w"]))
            if pool
            else graph.tensor(op.inputs[1]).shape[1:3]
        )
        sizes = []
        for k, axis in enumerate("hw"):
            reach = (sides[k] - 1) * int(attrs.get(f"dilation_{axis}", 1)) + 1
            stride = int(attrs[f"stride_{axis}"])
            room = a.shape[1 + k] + (stride - 1 if attrs["padding"] == 0 else stride - reach)
            sizes.append(room // stride)
        expected = (a.shape[0], *sizes, a.channels if pool else out.channels)
    elif op.kind in _ELEMENTWISE:
        expected = a.shape
    elif op.kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
        axes = constant(graph, op, 1)
        assert axes is not None
        gone = {int(v) % len(a.shape) for v in axes.flat}
        kept = [v for k, v in enumerate(a.shape) if k not in gone]
        return out.elements == math.prod(kept), f"{a.text()} to {out.text()}", "convert again"
    elif op.kind == "FULLY_CONNECTED":
        w = graph.tensor(op.inputs[1])
        rows = a.elements // w.shape[-1] if len(w.shape) == 2 and w.shape[-1] else 0
        ok = rows > 0 and rows * w.shape[-1] == a.elements and out.channels == w.shape[0]
        ok = ok and out.elements == rows * w.shape[0]
        return ok, f"{a.text()}, {w.text()} to {out.text()}", "convert again"
    return out.shape == expected, f"{out.text()}, expected {expected}", "convert again"


_ELEMENTWISE = (
    "RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH", "QUANTIZE",
    "DEQUANTIZE", "SOFTMAX",
)  # fmt: skip

_CONV: tuple[Rule, ...] = (
    window_range, known_activation, quantized_filter, int32_bias, accumulators_fit, shape_follows,
)  # fmt: skip
_PAIR: tuple[Rule, ...] = (
    int8_or_float_maps, constant_operand, broadcast_to_four, known_activation,
)  # fmt: skip
_MOVE: tuple[Rule, ...] = (int8_or_float_maps, five_loops, constant_parameters, same_scale)
_POOL: tuple[Rule, ...] = (
    int8_or_float_maps, four_dimensions, pool_window, known_activation, same_scale, shape_follows,
)  # fmt: skip


def quantizes(graph: Graph, op: Op) -> Verdict:
    """The input is float32 or int8 and the output int8, with one scale each."""
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    ok = _whole_int8(out) and (a.dtype == "float32" or _whole_int8(a)) and a.data is None
    return ok, f"{a.text()} to {out.text()}", "convert with int8, not uint8 or int16"


def dequantizes(graph: Graph, op: Op) -> Verdict:
    """The input is int8 with one scale and the output float32."""
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    ok = _whole_int8(a) and out.dtype == "float32" and a.data is None
    return ok, f"{a.text()} to {out.text()}", "convert with int8, not uint8 or int16"


def bilinear_inside(graph: Graph, op: Op) -> Verdict:
    """No interpolation reads beyond the map."""
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    align, half = bool(op.attrs["align_corners"]), bool(op.attrs["half_pixel_centers"])
    for k in (1, 2):
        low, _, _ = bilinear_axis(a.shape[k], out.shape[k], align, half)
        if int(low.max()) >= a.shape[k]:
            return False, f"{a.shape[k]} to {out.shape[k]}", "resize by a smaller factor"
    return True, "", ""


def slopes(graph: Graph, op: Op) -> Verdict:
    """The slopes are constant, with the type of the maps, and one scale when int8."""
    t, a = graph.tensor(op.inputs[1]), graph.tensor(op.inputs[0])
    ok = t.data is not None and t.dtype == a.dtype and (t.dtype != "int8" or _whole_int8(t))
    return ok, t.text(), "use one slope a channel"


def _with_batch(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return (batch_of_one, *rules)


RULES: dict[str, tuple[Rule, ...]] = {
    kind: _with_batch(rules)
    for kind, rules in {
        "CONV_2D": (int8_or_told, four_dimensions, filter_fits, *_CONV),
        "DEPTHWISE_CONV_2D": (
            encoder_or_int8, four_dimensions, one_filter_each, interpreter_ends, *_CONV,
        ),
        "TRANSPOSE_CONV": (
            int8_maps, four_dimensions, filter_fits, window_range, known_activation,
            quantized_filter, int32_bias, accumulators_fit,
        ),
        "FULLY_CONNECTED": (
            int8_or_float_maps, known_activation, quantized_filter, int32_bias, accumulators_fit,
            shape_follows, one_scale_for_rows,
        ),
        "ADD": _PAIR,
        "SUB": _PAIR,
        "MUL": _PAIR,
        "MINIMUM": (*_PAIR, same_scale),
        "MAXIMUM": (*_PAIR, same_scale),
        "PRELU": (int8_or_float_maps, slopes, broadcast_to_four),
        "AVERAGE_POOL_2D": _POOL,
        "MAX_POOL_2D": _POOL,
        "MEAN": (int8_or_float_maps, mean_axes, shape_follows),
        "SUM": (int8_or_float_maps, mean_axes, shape_follows, sum_rescales),
        "REDUCE_MAX": (int8_or_float_maps, mean_axes, same_scale, shape_follows),
        "REDUCE_MIN": (int8_or_float_maps, mean_axes, same_scale, shape_follows),
        "RELU": (int8_or_float_maps, shape_follows),
        "RELU6": (int8_or_float_maps, shape_follows),
        "RELU_N1_TO_1": (int8_or_float_maps, shape_follows),
        "LEAKY_RELU": (int8_or_float_maps, shape_follows),
        "LOGISTIC": (int8_or_float_maps, logistic_scale, shape_follows),
        "TANH": (int8_maps, shape_follows),
        "HARD_SWISH": (int8_maps, shape_follows, swish_scale),
        "SOFTMAX": (int8_or_float_maps, softmax_depth, logistic_scale, shape_follows),
        "QUANTIZE": (quantizes, shape_follows),
        "DEQUANTIZE": (dequantizes, shape_follows),
        "RESIZE_BILINEAR": (int8_maps, four_dimensions, constant_parameters, same_scale,
                            bilinear_inside),
        "RESIZE_NEAREST_NEIGHBOR": (*_MOVE, four_dimensions),
        "PAD": _MOVE,
        "PADV2": _MOVE,
        "TRANSPOSE": (*_MOVE, permutation),
        "CONCATENATION": (int8_or_float_maps, five_loops, same_scale),
        "SPLIT": _MOVE,
        "STRIDED_SLICE": (*_MOVE, no_new_axes),
        "GATHER": (*_MOVE, valid_indices),
        "TILE": _MOVE,
        "DEPTH_TO_SPACE": (*_MOVE, four_dimensions),
        "SPACE_TO_DEPTH": (*_MOVE, four_dimensions),
    }.items()
}  # fmt: skip
