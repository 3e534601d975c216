"""For each kernel: its constant arrays, its descriptor, its call, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable

from convert.emit import int8, planar, real
from convert.emit.call import Call, Fields
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


def bconv2d(graph: Graph, op: Op) -> Call:
    a = op.attrs
    ih, iw, _ = _shape(graph, op.inputs[0])
    oh, ow, oc = _shape(graph, op.outputs[0])
    fields: Fields = [
        ("in_h", f"{ih}"), ("in_w", f"{iw}"), ("in_c", f"{a['channels_in']}"),
        ("out_h", f"{oh}"), ("out_w", f"{ow}"), ("out_c", f"{oc}"),
        ("groups", f"{a['groups']}"), ("k_h", f"{a['k_h']}"), ("k_w", f"{a['k_w']}"),
        ("stride_h", f"{a['stride_h']}"), ("stride_w", f"{a['stride_w']}"),
        ("dilation_h", f"{a['dilation_h']}"), ("dilation_w", f"{a['dilation_w']}"),
        ("pad_top", f"{a['pad_top']}"), ("pad_left", f"{a['pad_left']}"),
        ("zero_padding", f"{a['zero_padding']}"), ("weights", "@weights"),
    ]  # fmt: skip
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
    taps = a["k_h"] * a["k_w"] * a["channels_in"] // a["groups"]
    out = {"bconv2d_bits": "uint32_t", "bconv2d_f32": "float", "bconv2d_i8": "int8_t"}[op.kind]
    return Call(
        "bw_bconv2d", f"bw_{op.kind}", fields, arrays, "const uint32_t", out, "binary",
        macs=oh * ow * oc * taps, is_float=op.kind == "bconv2d_f32",
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
    "bmaxpool2d_bits": bmaxpool2d,
    "gather_channels_bits": gather_channels,
    "quantize_f32": bitcast,
    "quantize_i8": bitcast,
    "dequantize_f32": bitcast,
    "dequantize_i8": bitcast,
    **int8.CALLS,
    **real.CALLS,
    **planar.CALLS,
}
