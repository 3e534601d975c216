"""C calls of the planar kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convert.emit.call import Call, Fields, decided
from convert.ir import Array, Graph, Op, Tensor
from convert.planar.geometry import Chunks, ConvShape, plane_words

_WORDS = ("const uint32_t", "uint32_t")
_WITH_SCRATCH = (("const uint32_t", "in0"), ("uint32_t", "out0"), ("void", "out1"))


def _stride(t: Tensor) -> str:
    return f"{plane_words(t.shape[1], t.shape[2])}"


def _conv_fields(s: ConvShape, chunks: Chunks) -> Fields:
    """The numbers of a bw_planar_conv."""
    return [
        ("in_h", f"{s.phase_h}"), ("in_w", f"{s.phase_w}"),
        ("out_h", f"{s.out_h}"), ("out_w", f"{s.out_w}"),
        ("in_stride", f"{plane_words(s.phase_h, s.phase_w)}"),
        ("out_stride", f"{plane_words(s.out_h, s.out_w)}"),
        ("in_c", f"{s.in_c}"), ("out_c", f"{s.out_c}"), ("groups", f"{s.groups}"),
        *((name, f"{getattr(s, name)}") for name in (
            "k_h", "k_w", "stride_h", "stride_w", "dilation_h", "dilation_w",
            "pad_top", "pad_left")),
        ("triples", f"{chunks.triples}"), ("chunk", f"{chunks.chunk}"),
    ]  # fmt: skip


def _room(chunks: Chunks) -> Fields:
    """What a scratch has room for at once."""
    part = [("part", f"{chunks.part}")] if chunks.part else []
    return [*part, *([("blocks", f"{chunks.blocks}")] if chunks.blocks > 1 else [])]


def conv(graph: Graph, op: Op) -> Call:
    """A planar convolution; its second output is scratch."""
    s, chunks = op.attrs["shape"], op.attrs["chunks"]
    fields = [*_conv_fields(s, chunks), *_room(chunks), ("index", "@index"), ("bias", "@bias")]
    arrays: list[tuple[str, Array]] = [("index", op.attrs["index"]), ("bias", op.attrs["bias"])]
    if op.attrs["source"] is not None:
        fields.append(("source", "@source"))
        arrays.append(("source", op.attrs["source"]))
    return Call(
        "bw_planar_conv", "bw_planar_conv_bits", fields, arrays, *_WORDS, "binary", macs=s.macs,
        arguments=_WITH_SCRATCH,
    )  # fmt: skip


def pair(graph: Graph, op: Op) -> Call:
    """Two branches and a comparison; the second output is scratch."""
    out = graph.tensor(op.outputs[0])
    fields: Fields = []
    arrays: list[tuple[str, Array]] = []
    zeros, macs = 0, 0
    for name, source in zip("ab", op.inputs, strict=True):
        branch = op.attrs[name]
        s: ConvShape | None = branch["shape"]
        if s is None:
            some = [("in_stride", _stride(graph.tensor(source))), ("out_c", f"{out.channels}"),
                    ("groups", "1")]  # fmt: skip
        else:
            some = [*_conv_fields(s, branch["chunks"]), ("index", f"@index_{name}"),
                    ("bias", "@zeros")]  # fmt: skip
            arrays.append((f"index_{name}", branch["index"]))
            zeros, macs = max(zeros, s.out_c), macs + s.macs
        if branch["source"] is not None:
            some.append(("source", f"@source_{name}"))
            arrays.append((f"source_{name}", branch["source"]))
        fields += [(f"{name}.{field}", value) for field, value in some]
    fields += _room(op.attrs["a"]["chunks"])
    arrays.append(("zeros", np.zeros(zeros, np.uint16)))
    decision_fields, decision_arrays = decided(op)
    fields += decision_fields
    arrays += decision_arrays
    words = "const uint32_t"
    return Call(
        "bw_planar_pair", "bw_planar_pair_bits", fields, arrays, *_WORDS, "binary", macs=macs,
        arguments=((words, "in0"), (words, "in1"), ("uint32_t", "out0"), ("void", "out1")),
    )  # fmt: skip


def logic(graph: Graph, op: Op) -> Call:
    """An element-wise function of two maps."""
    out = graph.tensor(op.outputs[0])
    fields: Fields = [
        ("pixels", f"{out.shape[1] * out.shape[2]}"), ("planes", f"{out.channels}"),
        *((f"{name}_stride", _stride(graph.tensor(source)))
          for name, source in zip("ab", op.inputs, strict=True)),
        ("out_stride", _stride(out)), ("terms", "@terms"),
    ]  # fmt: skip
    arrays: list[tuple[str, Array]] = [("terms", op.attrs["terms"])]
    for name in ("source_a", "source_b"):
        if op.attrs[name] is not None:
            fields.append((name, f"@{name}"))
            arrays.append((name, op.attrs[name]))
    words = "const uint32_t"
    return Call(
        "bw_planar_logic", "bw_planar_logic_bits", fields, arrays, *_WORDS, "binary",
        arguments=((words, "in0"), (words, "in1"), ("uint32_t", "out0")),
    )  # fmt: skip


def split(graph: Graph, op: Op) -> Call:
    """Phases in front of a strided convolution."""
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    h, w = op.attrs["stride_h"], op.attrs["stride_w"]
    fields = [
        ("in_h", f"{a.shape[1]}"), ("in_w", f"{a.shape[2]}"),
        ("in_stride", _stride(a)), ("out_stride", _stride(out)), ("planes", f"{a.channels}"),
        ("stride_h", f"{h}"), ("stride_w", f"{w}"), ("keep_h", f"{h}"), ("keep_w", f"{w}"),
    ]  # fmt: skip
    return Call("bw_planar_split", "bw_planar_split_bits", fields, [], *_WORDS, "binary")


def maxpool(graph: Graph, op: Op) -> Call:
    """Max pooling; its second output is scratch."""
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    names = ("k_h", "k_w", "stride_h", "stride_w", "pad_top", "pad_left")
    fields = [
        ("in_h", f"{a.shape[1]}"), ("in_w", f"{a.shape[2]}"),
        ("out_h", f"{out.shape[1]}"), ("out_w", f"{out.shape[2]}"),
        ("in_stride", _stride(a)), ("out_stride", _stride(out)), ("planes", f"{a.channels}"),
        *((name, f"{op.attrs[name]}") for name in names),
    ]  # fmt: skip
    return Call(
        "bw_planar_maxpool", "bw_planar_maxpool_bits", fields, [], *_WORDS, "binary",
        arguments=_WITH_SCRATCH,
    )  # fmt: skip


def pick(graph: Graph, op: Op) -> Call:
    """Planes in another order."""
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    fields = [
        ("planes", f"{out.channels}"), ("words", _stride(out)),
        ("in_stride", _stride(a)), ("out_stride", _stride(out)), ("source", "@source"),
    ]  # fmt: skip
    arrays = [("source", op.attrs["source"])]
    return Call("bw_planar_pick", "bw_planar_pick_bits", fields, arrays, *_WORDS, "binary")


def layout(graph: Graph, op: Op) -> Call:
    """Between packed and planar."""
    packed = op.inputs[0] if op.kind == "unpack_planes" else op.outputs[0]
    t = graph.tensor(packed)
    fields = [
        ("pixels", f"{t.shape[1] * t.shape[2]}"), ("channels", f"{t.channels}"),
        ("stride", _stride(t)),
    ]  # fmt: skip
    arrays: list[tuple[str, Array]] = []
    if op.attrs.get("source") is not None:
        fields.append(("source", "@source"))
        arrays.append(("source", op.attrs["source"]))
    function = "from_packed" if op.kind == "unpack_planes" else "to_packed"
    return Call("bw_planar_layout", f"bw_planar_{function}", fields, arrays, *_WORDS, "binary")


def encode_table(packed: Array, first_word: Array, planes: int) -> Array:
    """The byte tables of a planar encoder.

    Args:
        packed: uint32 [in_c, 256, span], the table of the packed encoder.
        first_word: uint16 [in_c].
        planes: of a sample; sample c makes channels c * planes ... of the map.

    Returns:
        uint8 [in_c, ceil(planes / 8), 256].
    """
    in_c, _, _ = packed.shape
    bits = (packed[..., None] >> np.arange(32, dtype=np.uint32)) & 1
    parts = -(-planes // 8)
    out = np.zeros((in_c, parts, 256), np.uint8)
    for c in range(in_c):
        row = bits[c].reshape(256, -1)
        for m in range(planes):
            at = c * planes + m - 32 * int(first_word[c])
            out[c, m // 8] |= (row[:, at] << (m % 8)).astype(np.uint8)
    return out


def encode(graph: Graph, op: Op) -> Call:
    """The input encoder, straight to planes."""
    image, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    h, w = op.attrs.get("stride_h", 1), op.attrs.get("stride_w", 1)
    planes = out.channels // image.channels // (h * w)
    fields = [
        ("h", f"{image.shape[1]}"), ("w", f"{image.shape[2]}"), ("in_c", f"{image.channels}"),
        ("planes", f"{planes}"), ("stride_h", f"{h}"), ("stride_w", f"{w}"),
        ("out_stride", _stride(out)), ("table", "@table"),
    ]  # fmt: skip
    table = encode_table(op.attrs["table"], op.attrs["first_word"], planes)
    arguments = (("const uint8_t", "in0"), ("uint32_t", "out0"))
    return Call(
        "bw_planar_encode", "bw_planar_encode_u8", fields, [("table", table)],
        "const uint8_t", "uint32_t", "other", arguments=arguments,
    )  # fmt: skip


def lanes(graph: Graph, op: Op) -> Call:
    """A packed convolution with outputs as lanes; its second output is scratch."""
    s, arrays = op.attrs["shape"], op.attrs["arrays"]
    fields: Fields = [
        ("in_h", f"{s.in_h}"), ("in_w", f"{s.in_w}"),
        ("out_h", f"{s.out_h}"), ("out_w", f"{s.out_w}"),
        ("in_words", f"{-(-s.in_c // 32)}"), ("out_words", f"{-(-s.out_c // 32)}"),
        ("groups", f"{s.groups}"),
        *((name, f"{getattr(s, name)}") for name in (
            "k_h", "k_w", "stride_h", "stride_w", "dilation_h", "dilation_w",
            "pad_top", "pad_left")),
        ("chunk", f"{arrays.chunk}"),
        *([("blocks", f"{op.attrs['blocks']}")] if op.attrs["blocks"] > 1 else []),
        ("weights", "@weights"), ("start", "@start"),
    ]  # fmt: skip
    return Call(
        "bw_lane_conv", "bw_lane_conv_bits", fields,
        [("weights", arrays.weights), ("start", arrays.start)], *_WORDS, "binary", macs=s.macs,
        arguments=_WITH_SCRATCH,
    )  # fmt: skip


CALLS: dict[str, Callable[[Graph, Op], Call]] = {
    "planar_conv_bits": conv,
    "lane_conv_bits": lanes,
    "planar_pair_bits": pair,
    "planar_logic_bits": logic,
    "split_planes": split,
    "pick_planes": pick,
    "planar_bmaxpool2d_bits": maxpool,
    "unpack_planes": layout,
    "pack_planes": layout,
    "planar_encode_u8": encode,
}
