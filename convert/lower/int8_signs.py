"""int8 convolutions that read bits: an absolute difference of bytes in the place of each product.

Where every reader of a dequantized map is such a convolution, the map holds 0 for +1 and 254 for
-1. With filters as u = w + 127, |u - 0| = 127 + w and |u - 254| = 127 - w, four of which a core
with two 16-bit lanes adds in one instruction.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convert.ir import Array, Graph, Op
from convert.lower.rewrite import Context, Rewrite
from convert.select import has_lanes

SIGNS = {"conv2d_i8": "conv2d_i8_signs", "conv2d_add_i8": "conv2d_add_i8_signs"}
PLUS, MINUS = 0, -2  # the bytes 0 and 254
STEP = 8  # channels that the kernel reads at once


def _fits(op: Op, name: str) -> bool:
    """Whether a convolution that reads the map `name` has a kernel that takes its signs."""
    if op.kind not in SIGNS or name in op.inputs[1:]:
        return False
    a = op.attrs
    plain = a["narrow"] and a["dilation_w"] == 1 and a["in_c"] % STEP == 0
    return bool(plain) and int(a["weights"].min()) >= -127


def maps_of_signs(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A dequantized map of ±1 around its zero point, read by such convolutions alone."""
    if op.kind != "dequantize_i8" or "signs" in op.attrs or not has_lanes(context.core):
        return None
    name, values = op.outputs[0], (op.attrs["plus"], op.attrs["minus"])
    readers = [other for other in graph.ops if name in other.inputs]
    if graph.is_output(name) or not all(_fits(other, name) for other in readers):
        return None
    if any(values != (r.attrs["in_zero"] + 1, r.attrs["in_zero"] - 1) for r in readers):
        return None
    signs = {**op.attrs, "plus": PLUS, "minus": MINUS, "signs": True}
    return Rewrite((replace(op, attrs=signs),))


def laid_out(weights: Array) -> Array:
    """Filters int8 [out_c, K] as bytes u: of four filters each [K / 4][4][4], then the others
    [K]."""
    u = (weights.astype(np.int16) + 127).astype(np.uint8)
    fours = len(u) // 4 * 4
    first = u[:fours].reshape(fours // 4, 4, u.shape[1] // 4, 4).transpose(0, 2, 1, 3)
    return np.concatenate([first.reshape(-1), u[fours:].reshape(-1)]).view(np.int8)


def convolutions_of_signs(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """The readers of such a map."""
    maker = graph.producer(op.inputs[0] or "") if op.kind in SIGNS else None
    if maker is None or "signs" not in maker.attrs:
        return None
    attrs: dict[str, Any] = dict(op.attrs)
    taps = attrs["weights"].astype(np.int64).sum(1)
    channels = attrs["channels"].copy()
    folded = attrs["in_zero"] * np.pad(taps, (0, -len(taps) % 4)).reshape(-1, 4)
    channels[:, 0] += folded.astype(channels.dtype)
    attrs |= {"weights": laid_out(attrs["weights"]), "channels": channels}
    return Rewrite((Op(SIGNS[op.kind], op.name, op.inputs, op.outputs[:1], attrs),))
