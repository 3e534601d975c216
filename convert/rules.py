"""The rules: one function each, whose docstring is the rule.

A rule takes the graph and an operation and returns whether it holds, what was found, and what to do
when it does not. Rules of one operator run in order; a later one may rely on an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convert import geometry
from convert.ir import Graph, Op

Verdict = tuple[bool, str, str]  # holds, found, remedy
Rule = Callable[[Graph, Op], Verdict]

ACTIVATIONS = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}
MAX_CHANNELS = 4096
MAX_TAPS = 1 << 20
LARGEST = 1e38  # a float32 with room for a sum of two


@dataclass(frozen=True)
class Refusal:
    """Why a layer does not compile. `covers` names further layers that this explains."""

    layer: str
    rule: str
    found: str
    remedy: str
    covers: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, str]:
        return {k: getattr(self, k) for k in ("layer", "rule", "found", "remedy")}


# Inputs that an operator cannot do without, where they are more than one.
REQUIRED = {
    "LceBconv2d": 2, "DEPTHWISE_CONV_2D": 2, "CONV_2D": 2, "TRANSPOSE_CONV": 3, "ADD": 2, "SUB": 2,
    "MUL": 2, "GATHER": 2, "TRANSPOSE": 2, "FULLY_CONNECTED": 2, "MINIMUM": 2, "MAXIMUM": 2,
    "MEAN": 2, "SUM": 2, "REDUCE_MAX": 2, "PAD": 2, "PADV2": 3, "PRELU": 2, "STRIDED_SLICE": 4,
    "RESIZE_NEAREST_NEIGHBOR": 2, "RESIZE_BILINEAR": 2, "TILE": 2, "SPLIT": 2, "BROADCAST_TO": 2,
}  # fmt: skip
LCE_INPUTS = {"LceBconv2d": 5}
# Where the map is that an operator works on; with None it is any of the inputs.
MAP_AT = {
    "SPLIT": 1, "TRANSPOSE_CONV": 2,
    **dict.fromkeys(("ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM", "CONCATENATION"), None),
}  # fmt: skip


def inputs_present(graph: Graph, op: Op) -> Verdict:
    """Every input that the operator needs is there, its map is computed, and no map is empty."""
    needed = REQUIRED.get(op.kind, 1)
    count = LCE_INPUTS.get(op.kind, needed)
    ok = len(op.inputs) >= count and None not in op.inputs[:needed]
    found = f"{len(op.inputs)} inputs"
    for name in (*op.inputs, *op.outputs):
        t = graph.tensors[name] if name is not None else None
        if ok and t is not None and t.data is None and 0 in t.shape:
            ok, found = False, t.text()
    at = MAP_AT.get(op.kind, 0)
    maps = op.inputs if at is None else op.inputs[at : at + 1]
    if ok and all(name is None or graph.tensors[name].data is not None for name in maps):
        return False, "a constant", "compute what is constant before converting"
    return ok, found, "convert the model again: the file is damaged"


def batch_of_one(graph: Graph, op: Op) -> Verdict:
    """Activations have a batch of 1."""
    shapes = [
        graph.tensors[n].shape
        for n in (*op.inputs, *op.outputs)
        if n is not None and graph.tensors[n].data is None
    ]
    bad = [s for s in shapes if s and s[0] != 1]
    return not bad, f"shape {list(bad[0])}" if bad else "", "convert with batch_size=1 in the Input"


def rank_four(graph: Graph, op: Op) -> Verdict:
    """Input and output are maps [1, H, W, C]."""
    shapes = [graph.tensors[n].shape for n in (op.inputs[0], op.outputs[0]) if n]
    bad = [s for s in shapes if len(s) != 4]
    return not bad, f"shape {list(bad[0])}" if bad else "", "keep maps until the last convolution"


def known_activation(graph: Graph, op: Op) -> Verdict:
    """The fused activation is NONE, RELU, RELU_N1_TO_1 or RELU6."""
    code = op.attrs.get("activation", 0)
    return code in ACTIVATIONS, f"activation code {code}", "use ReLU, ReLU6 or no activation"


def channel_range(graph: Graph, op: Op) -> Verdict:
    """Channels in and out are 1 to 4096, and a filter has at most 2^20 taps."""
    cin, cout = int(op.attrs["channels_in"]), graph.tensor(op.outputs[0]).shape[-1]
    w = graph.tensor(op.inputs[1])
    cout = w.shape[0]
    taps = w.shape[1] * w.shape[2] * cin
    ok = 1 <= cin <= MAX_CHANNELS and 1 <= cout <= MAX_CHANNELS and taps <= MAX_TAPS
    return ok, f"{cin} in, {cout} out, {taps} taps", "use a narrower layer"


def kernel_range(graph: Graph, op: Op) -> Verdict:
    """Kernel sides, strides and dilations are 1 to 255."""
    w = graph.tensor(op.inputs[1])
    values = [*w.shape[1:3], *(op.attrs[k] for k in ("stride_h", "stride_w"))]
    values += [op.attrs[k] for k in ("dilation_h", "dilation_w")]
    return all(1 <= v <= 255 for v in values), f"{values}", "use a smaller kernel or stride"


def groups_divide(graph: Graph, op: Op) -> Verdict:
    """Groups divide the channels, with a multiple of 32 input channels in each when there are more
    than one."""
    w, cin = graph.tensor(op.inputs[1]), int(op.attrs["channels_in"])
    words = -(-cin // 32)
    if w.shape[3] == 0 or words % w.shape[3]:
        return (
            False,
            f"{words} input words, {w.shape[3]} in a filter",
            "convert again with LCE 0.16",
        )
    groups = words // w.shape[3]
    ok = groups == 1 or (cin % (32 * groups) == 0 and w.shape[0] % groups == 0)
    return (
        ok,
        f"{cin} channels in {groups} groups, {w.shape[0]} out",
        "use 32, 64, … channels a group",
    )


def constant_weights(graph: Graph, op: Op) -> Verdict:
    """Weights, multipliers, biases and thresholds are constants of the expected shapes."""
    w = graph.tensor(op.inputs[1])
    bad = []
    if w.data is None or w.dtype != "int32" or len(w.shape) != 4:
        bad.append(f"weights {w.text()}")
    for name in op.inputs[2:5]:
        if name is not None:
            t = graph.tensor(name)
            if t.data is None or t.shape != (w.shape[0],):
                bad.append(t.text())
    return not bad, "; ".join(bad), "convert again with LCE 0.16"


def finite_transform(graph: Graph, op: Op) -> Verdict:
    """Multipliers and biases are finite, and stay so when taps and output scale are folded in."""
    w, out = graph.tensor(op.inputs[1]), graph.tensor(op.outputs[0])
    taps = w.shape[1] * w.shape[2] * int(op.attrs["channels_in"])
    scale = out.quant.scale[0] if out.dtype == "int8" and out.quant else 1.0
    for name in op.inputs[2:4]:
        data = graph.tensor(name).data if name is not None else None
        if data is not None:
            with np.errstate(invalid="ignore", over="ignore"):  # of a damaged file: signalling NaN
                largest = np.abs(np.asarray(data, np.float64)) * (taps + 1) / scale
            n = int((~(largest < LARGEST)).sum())
            if n:
                return False, f"{n} of {data.size} values", "train with a smaller learning rate"
    return True, "", ""


def output_kind(graph: Graph, op: Op) -> Verdict:
    """The output is bits (with thresholds), or float32 or int8 (with multiplier and bias)."""
    out = graph.tensor(op.outputs[0])
    inputs = [*op.inputs, None, None, None][:5]
    bits = out.dtype in ("int32", "bits")
    ok = inputs[4] is not None if bits else inputs[2] is not None and inputs[3] is not None
    ok = ok and out.dtype in ("int32", "bits", "float32", "int8")
    return ok, out.text(), "convert again with LCE 0.16"


def asks_zero_padding(op: Op) -> bool:
    """Whether an LceBconv2d would pad with zeros where its windows leave the map."""
    return op.attrs["padding"] == geometry.SAME and op.attrs["pad_values"] != 1


def pads_zeros(graph: Graph, op: Op) -> bool:
    """Whether an LceBconv2d pads its map with zeros anywhere: windows of one tap leave no map."""
    a, w = (graph.tensor(n).shape for n in op.inputs[:2])
    sides = [
        (a[1 + i], w[1 + i], int(op.attrs[f"stride_{axis}"]), int(op.attrs[f"dilation_{axis}"]))
        for i, axis in enumerate("hw")
    ]
    return asks_zero_padding(op) and any(
        geometry.padded(n, -(-n // stride), kernel, stride, dilation, geometry.SAME)
        for n, kernel, stride, dilation in sides
    )


def zero_padding(graph: Graph, op: Op) -> Verdict:
    """Zero padding, where it pads, needs an output of numbers and an even number of input channels
    a group: LCE's interpreter has no other."""
    if not pads_zeros(graph, op):
        return True, "", ""
    cin, out = int(op.attrs["channels_in"]), graph.tensor(op.outputs[0]).dtype
    numbers = out in ("float32", "int8")
    remedy = "use pad_values=1" + (", or an even number of channels" if numbers else "")
    return numbers and cin % 2 == 0, f"{cin} channels to {out}", remedy


def trailing_bits_clear(graph: Graph, op: Op) -> Verdict:
    """Filter bits beyond the last input channel are 0."""
    w, cin = graph.tensor(op.inputs[1]), int(op.attrs["channels_in"])
    if w.data is None or cin % 32 == 0:
        return True, "", ""
    extra = w.data.view(np.uint32)[..., -1] >> np.uint32(cin % 32)
    return not extra.any(), f"{int((extra != 0).sum())} words", "convert again with LCE 0.16"


def _sides(graph: Graph, op: Op, kernel: tuple[int, int], dilation: tuple[int, int]) -> str:
    """What is wrong with the sides of a convolution's or pooling's maps, or ""."""
    a, out = graph.tensor(op.inputs[0]).shape, graph.tensor(op.outputs[0]).shape
    padding = op.attrs["padding"]
    if padding not in (geometry.SAME, geometry.VALID):
        return f"padding code {padding}"
    wanted = [
        geometry.out_size(a[1 + i], kernel[i], op.attrs[stride], dilation[i], padding)
        for i, stride in enumerate(("stride_h", "stride_w"))
    ]
    if list(out[1:3]) == wanted and min(wanted) >= 1:
        return ""
    return f"{list(a)} to {list(out)}, sides {wanted} expected"


def conv_shape(graph: Graph, op: Op) -> Verdict:
    """Sides follow from kernel, stride, dilation and padding; channels from the filter."""
    a, w, out = (graph.tensor(n) for n in (op.inputs[0], op.inputs[1], op.outputs[0]))
    found = _sides(
        graph,
        op,
        (w.shape[1], w.shape[2]),
        (op.attrs["dilation_h"], op.attrs["dilation_w"]),
    )
    words = -(-int(op.attrs["channels_in"]) // 32)
    last = -(-w.shape[0] // 32) if out.dtype == "int32" else w.shape[0]
    if a.dtype != "int32" or a.shape[3] != words or out.shape[3] != last:
        found = found or f"{a.text()} to {out.text()}, {words} words in, {last} out expected"
    return not found, found, "convert again with LCE 0.16"


def pool_shape(graph: Graph, op: Op) -> Verdict:
    """Packed maps, whose sides follow from filter, stride and padding."""
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    found = _sides(graph, op, (op.attrs["filter_h"], op.attrs["filter_w"]), (1, 1))
    if a.dtype != "int32" or out.dtype != "int32" or a.shape[3] != out.shape[3]:
        found = found or f"{a.text()} to {out.text()}"
    return not found, found, "convert again with LCE 0.16"


def packed_shape(graph: Graph, op: Op) -> Verdict:
    """The packed map has the other's sides and ceil(C / 32) int32 words a pixel."""
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    real, words = (a, out) if op.kind == "LceQuantize" else (out, a)
    ok = len(real.shape) == len(words.shape) >= 2 and words.dtype == "int32"
    ok = ok and words.shape == (*real.shape[:-1], -(-real.shape[-1] // 32))
    return ok, f"{a.text()} to {out.text()}", "convert again with LCE 0.16"


def pool_range(graph: Graph, op: Op) -> Verdict:
    """Pool sides and strides are 1 to 255."""
    values = [int(op.attrs[k]) for k in ("filter_h", "filter_w", "stride_h", "stride_w")]
    return all(1 <= v <= 255 for v in values), f"{values}", "use a smaller pool"


def same_elements(graph: Graph, op: Op) -> Verdict:
    """Input and output hold the same number of elements, of the same type."""
    a, b = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    ok = a.elements == b.elements and a.dtype == b.dtype
    return ok, f"{a.text()} to {b.text()}", "convert again"


def sign_of_number(graph: Graph, op: Op) -> Verdict:
    """The input is float32 or int8."""
    t = graph.tensor(op.inputs[0])
    ok = t.dtype == "float32" or (t.dtype == "int8" and t.quant is not None)
    return ok, t.text(), "convert again with LCE 0.16"


def one_of_two_numbers(graph: Graph, op: Op) -> Verdict:
    """The output is float32 or int8."""
    t = graph.tensor(op.outputs[0])
    ok = t.dtype == "float32" or (t.dtype == "int8" and t.quant is not None)
    return ok, t.text(), "convert again with LCE 0.16"
