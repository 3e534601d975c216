"""C calls of the table convolution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convert.emit.call import Call, Fields
from convert.ir import Array, Graph, Op
from convert.lower.levels import LANES, Tables
from convert.planar.geometry import ConvShape, plane_words


def taps(s: ConvShape, in_c: int) -> Array:
    """Where each tap lies and its channel's part of `level`: uint32 [k_h, k_w, in_c, 2]."""
    ky, kx, c = np.ogrid[: s.k_h, : s.k_w, :in_c]
    places = (ky * s.dilation_h * s.in_w + kx * s.dilation_w) * in_c + c
    return np.stack(np.broadcast_arrays(places, 256 * c), axis=-1).astype(np.uint32)


def level_conv(graph: Graph, op: Op) -> Call:
    """To packed words, or straight to planes, split or not."""
    planar = op.kind.startswith("planar_")
    s: ConvShape = op.attrs["shape"]
    t: Tables = op.attrs["tables"]
    fields: Fields = [
        ("in_h", f"{s.in_h}"), ("in_w", f"{s.in_w}"), ("in_c", f"{len(t.level)}"),
        ("out_h", f"{s.out_h}"), ("out_w", f"{s.out_w}"), ("out_c", f"{s.out_c}"),
        *((name, f"{getattr(s, name)}") for name in (
            "k_h", "k_w", "stride_h", "stride_w", "dilation_h", "dilation_w",
            "pad_top", "pad_left")),
        ("levels", f"{t.levels}"), ("pairs", f"{t.pairs}"), ("wide", f"{LANES.index(t.lanes)}"),
        ("saturates", f"{int(t.saturates)}"),
        ("level", "@level"), ("taps", "@taps"), ("tables", "@tables"),
    ]  # fmt: skip
    arrays: list[tuple[str, Array]] = [
        ("level", t.level), ("taps", taps(s, len(t.level))), ("tables", t.words)
    ]  # fmt: skip
    if planar:
        out = graph.tensor(op.outputs[0])
        h, w = op.attrs.get("stride_h", 1), op.attrs.get("stride_w", 1)
        fields += [("phases_h", f"{h}"), ("phases_w", f"{w}")]
        fields += [("out_stride", f"{plane_words(out.shape[1], out.shape[2])}")]
    return Call(
        "bw_level_conv", f"bw_{op.kind}", fields, arrays, "const uint8_t", "uint32_t", "binary",
        macs=s.macs,
    )  # fmt: skip


CALLS: dict[str, Callable[[Graph, Op], Call]] = {
    "level_conv_u8": level_conv,
    "planar_level_conv_u8": level_conv,
}
