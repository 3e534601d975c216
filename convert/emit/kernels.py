"""For each kernel: its constant arrays, its descriptor, its call, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from convert.emit import encoder, int8, level, planar, real
from convert.emit.call import Call, Fields, decided
from convert.emit.writer import c_int
from convert.ir import Array, Graph, Op


def _shape(graph: Graph, name: str | None) -> tuple[int, ...]:
    shape = graph.tensor(name).shape
    return shape[1:] if len(shape) > 1 else shape


def _pixels(graph: Graph, name: str | None) -> int:
    return math.prod(_shape(graph, name)[:-1])


def encode_u8(graph: Graph, op: Op) -> Call:
    image, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    fields = [
        ("pixels", f"{_pixels(graph, op.inputs[0])}"),
        ("in_c", f"{image.channels}"),
        ("out_words", f"{out.words}"),
        ("span", f"{op.attrs['span']}"),
        ("first_word", "@first"),
        ("table", "@table"),
    ]
    arrays = [("first", op.attrs["first_word"]), ("table", op.attrs["table"])]
    return Call("bw_encode", "bw_encode_u8", fields, arrays, "const uint8_t", "uint32_t", "other")


def _conv_fields(graph: Graph, source: str | None, out: str, a: Mapping[str, Any]) -> Fields:
    """The fields of a bw_bconv2d that every output has, but for its weights."""
    ih, iw, _ = _shape(graph, source)
    oh, ow, oc = _shape(graph, out)
    return [
        ("in_h", f"{ih}"), ("in_w", f"{iw}"), ("in_c", f"{a['channels_in']}"),
        ("out_h", f"{oh}"), ("out_w", f"{ow}"), ("out_c", f"{oc}"),
        ("groups", f"{a['groups']}"), ("k_h", f"{a['k_h']}"), ("k_w", f"{a['k_w']}"),
        ("stride_h", f"{a['stride_h']}"), ("stride_w", f"{a['stride_w']}"),
        ("dilation_h", f"{a['dilation_h']}"), ("dilation_w", f"{a['dilation_w']}"),
        ("pad_top", f"{a['pad_top']}"), ("pad_left", f"{a['pad_left']}"),
        ("zero_padding", f"{a['zero_padding']}"),
    ]  # fmt: skip


def _macs(graph: Graph, out: str, a: Mapping[str, Any]) -> int:
    oh, ow, oc = _shape(graph, out)
    return int(oh * ow * oc * a["k_h"] * a["k_w"] * a["channels_in"] // a["groups"])


def bconv2d(graph: Graph, op: Op) -> Call:
    a = op.attrs
    fields = [*_conv_fields(graph, op.inputs[0], op.outputs[0], a), ("weights", "@weights")]
    arrays: list[tuple[str, Array]] = [("weights", a["weights"])]
    if op.kind == "bconv2d_bits":
        fields.append(("thresholds", "@thresholds"))
        arrays.append(("thresholds", a["thresholds"]))
    else:
        fields += [
            ("multiplier", "@multiplier"),
            ("bias", "@bias"),
            ("clamp_min", f"{a['clamp_min']}"),
            ("clamp_max", f"{a['clamp_max']}"),
        ]
        arrays += [("multiplier", a["multiplier"]), ("bias", a["bias"])]
    out = {"bconv2d_bits": "uint32_t", "bconv2d_f32": "float", "bconv2d_i8": "int8_t"}[op.kind]
    return Call(
        "bw_bconv2d", f"bw_{op.kind}", fields, arrays, "const uint32_t", out, "binary",
        macs=_macs(graph, op.outputs[0], a), is_float=op.kind == "bconv2d_f32",
    )  # fmt: skip


def bconv2d_add(graph: Graph, op: Op) -> Call:
    a = op.attrs
    names = ("weights", "multiplier", "bias")
    branch = [
        *_conv_fields(graph, op.inputs[0], op.outputs[0], a),
        *((name, f"@{name}") for name in names),
        ("clamp_min", f"{a['clamp_min']}"), ("clamp_max", f"{a['clamp_max']}"),
    ]  # fmt: skip
    fields: Fields = [(f"conv.{name}", value) for name, value in branch]
    fields += [(f"add.{name}", c_int(value)) for name, value in a["add"].items()]
    return Call(
        "bw_bconv2d_add_i8", "bw_bconv2d_add_i8_run", fields, [(name, a[name]) for name in names],
        "", "", "binary", macs=_macs(graph, op.outputs[0], a),
        arguments=(("const uint32_t", "in0"), ("const int8_t", "in1"), ("int8_t", "out0")),
    )  # fmt: skip


def bconv2d_pair(graph: Graph, op: Op) -> Call:
    fields: Fields = []
    arrays: list[tuple[str, Array]] = []
    macs = 0
    for name, source in zip("ab", op.inputs, strict=True):
        a = op.attrs[name]
        if a is None:
            oh, ow, oc = _shape(graph, op.outputs[0])
            fields += [("b.out_h", f"{oh}"), ("b.out_w", f"{ow}"), ("b.out_c", f"{oc}")]
            continue
        branch = _conv_fields(graph, source, op.outputs[0], a)
        fields += [(f"{name}.{field}", value) for field, value in branch]
        fields.append((f"{name}.weights", f"@weights_{name}"))
        arrays.append((f"weights_{name}", a["weights"]))
        macs += _macs(graph, op.outputs[0], a)
    decision_fields, decision_arrays = decided(op)
    fields += decision_fields
    arrays += decision_arrays
    words = "const uint32_t"
    return Call(
        "bw_bconv2d_pair", "bw_bconv2d_pair_bits", fields, arrays, "", "", "binary", macs=macs,
        arguments=((words, "in0"), (words, "in1"), ("uint32_t", "out0")),
    )  # fmt: skip


def logic(graph: Graph, op: Op) -> Call:
    names = ("constant", "first", "second", "both")
    fields: Fields = [
        ("pixels", f"{_pixels(graph, op.outputs[0])}"),
        ("words", f"{graph.tensor(op.outputs[0]).words}"),
        *((name, f"@{name}") for name in names),
    ]
    words = "const uint32_t"
    return Call(
        "bw_logic", "bw_logic_bits", fields, [(name, op.attrs[name]) for name in names], "", "",
        "binary", arguments=((words, "in0"), (words, "in1"), ("uint32_t", "out0")),
    )  # fmt: skip


def bmaxpool2d(graph: Graph, op: Op) -> Call:
    ih, iw, _ = _shape(graph, op.inputs[0])
    oh, ow, _ = _shape(graph, op.outputs[0])
    names = ("k_h", "k_w", "stride_h", "stride_w", "pad_top", "pad_left")
    fields = [
        ("in_h", f"{ih}"), ("in_w", f"{iw}"), ("words", f"{graph.tensor(op.inputs[0]).words}"),
        ("out_h", f"{oh}"), ("out_w", f"{ow}"),
        *((n, f"{op.attrs[n]}") for n in names),
    ]  # fmt: skip
    return Call(
        "bw_bmaxpool2d", "bw_bmaxpool2d_bits", fields, [], "const uint32_t", "uint32_t", "binary"
    )


def gather_channels(graph: Graph, op: Op) -> Call:
    fields = [
        ("pixels", f"{_pixels(graph, op.inputs[0])}"),
        ("in_words", f"{graph.tensor(op.inputs[0]).words}"),
        ("out_c", f"{graph.tensor(op.outputs[0]).channels}"),
        ("source", "@source"),
    ]
    return Call(
        "bw_gather_channels", "bw_gather_channels_bits", fields, [("source", op.attrs["source"])],
        "const uint32_t", "uint32_t", "binary",
    )  # fmt: skip


def bitcast(graph: Graph, op: Op) -> Call:
    to_bits = op.kind.startswith("quantize")
    number = {"f32": "float", "i8": "int8_t"}[op.kind.rsplit("_", 1)[1]]
    fields = [
        ("pixels", f"{_pixels(graph, op.inputs[0])}"),
        ("channels", f"{graph.tensor(op.inputs[0]).channels}"),
    ]
    fields += [(k, f"{op.attrs[k]}") for k in ("zero_point", "plus", "minus") if k in op.attrs]
    types = (f"const {number}", "uint32_t") if to_bits else ("const uint32_t", number)
    return Call(
        "bw_bitcast", f"bw_{op.kind}", fields, [], *types, "other", is_float=number == "float"
    )


CALLS: dict[str, Callable[[Graph, Op], Call]] = {
    "encode_u8": encode_u8,
    "bconv2d_bits": bconv2d,
    "bconv2d_f32": bconv2d,
    "bconv2d_i8": bconv2d,
    "bconv2d_pair_bits": bconv2d_pair,
    "bconv2d_add_i8": bconv2d_add,
    "logic_bits": logic,
    "bmaxpool2d_bits": bmaxpool2d,
    "gather_channels_bits": gather_channels,
    "quantize_f32": bitcast,
    "quantize_i8": bitcast,
    "dequantize_f32": bitcast,
    "dequantize_i8": bitcast,
    **encoder.CALLS,
    **level.CALLS,
    **int8.CALLS,
    **real.CALLS,
    **planar.CALLS,
}
