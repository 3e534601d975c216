"""C calls of the planar kernels."""

from __future__ import annotations

from collections.abc import Callable

from convert.emit.call import Call, Fields
from convert.ir import Array, Graph, Op
from convert.planar.geometry import plane_words

_WORDS = ("const uint32_t", "uint32_t")


def conv(graph: Graph, op: Op) -> Call:
    """A planar convolution; its second output is scratch."""
    s, chunks = op.attrs["shape"], op.attrs["chunks"]
    fields: Fields = [
        ("in_h", f"{s.phase_h}"), ("in_w", f"{s.phase_w}"),
        ("out_h", f"{s.out_h}"), ("out_w", f"{s.out_w}"),
        ("in_stride", f"{plane_words(s.phase_h, s.phase_w)}"),
        ("out_stride", f"{plane_words(s.out_h, s.out_w)}"),
        ("in_c", f"{s.in_c}"), ("out_c", f"{s.out_c}"), ("groups", f"{s.groups}"),
        *((name, f"{getattr(s, name)}") for name in (
            "k_h", "k_w", "stride_h", "stride_w", "dilation_h", "dilation_w",
            "pad_top", "pad_left")),
        ("triples", f"{chunks.triples}"), ("chunk", f"{chunks.chunk}"),
        ("index", "@index"), ("bias", "@bias"),
    ]  # fmt: skip
    arrays: list[tuple[str, Array]] = [("index", op.attrs["index"]), ("bias", op.attrs["bias"])]
    if op.attrs["source"] is not None:
        fields.append(("source", "@source"))
        arrays.append(("source", op.attrs["source"]))
    return Call(
        "bw_planar_conv", "bw_planar_conv_bits", fields, arrays, *_WORDS, "binary", macs=s.macs,
        arguments=(("const uint32_t", "in0"), ("uint32_t", "out0"), ("void", "out1")),
    )  # fmt: skip


CALLS: dict[str, Callable[[Graph, Op], Call]] = {"planar_conv_bits": conv}
