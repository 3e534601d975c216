"""Bit planes, each through a binary convolution, summed with the weights of their bits.

That is how Vorabbi et al. (arXiv 2305.02885) read a byte: eight binary depth-wise convolutions,
"re-weighted by plane index" and fused. Plane j of a byte x holds b_j = +1 where bit j is set and -1
elsewhere; with weights w_j = ±1 of one tap, let m be the byte whose bit j is set where w_j = -1:

    sum_j 2^j w_j b_j = 2 (x XOR m) - 255.

So eight convolutions are one sum of bytes, A = sum over the taps of (x XOR m), an integer; what
follows it up to the sign (batch norm) is evaluated for every value that A can take and becomes one
threshold. Exact: all partial sums of the interpreter are whole multiples of one power of two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert import geometry
from convert.ir import Array, Graph, Op
from convert.lower.rewrite import Context, Rewrite
from convert.rules import pads_zeros
from convert.words import unpack

MAX_TAPS = 64
MAX_CHANNELS = 4
PLANES = 8
_FLOAT = np.float32


@dataclass(frozen=True)
class _Plane:
    """One binary convolution of a bit plane.

    Attributes:
        op: LceBconv2d.
        image: the bytes' tensor.
        channel, bit: of the byte that it reads.
        inverted: the plane is +1 where the bit is not set.
    """

    op: Op
    image: str
    channel: int
    bit: int
    inverted: bool


def _plane(graph: Graph, op: Op) -> _Plane | None:
    """An LceBconv2d with float output on one bit of one sample, or None."""
    out, weights = graph.tensor(op.outputs[0]), graph.tensor(op.inputs[1]).data
    encoder = graph.producer(op.inputs[0] or "")
    if out.dtype != "float32" or weights is None or encoder is None:
        return None
    if encoder.kind != "encode_u8" or int(op.attrs["channels_in"]) != 1:
        return None
    if any(int(op.attrs[k]) != 1 for k in ("dilation_h", "dilation_w")):
        return None
    if pads_zeros(graph, op):
        return None
    if int(op.attrs["activation"]) != 0 or weights.shape[1] * weights.shape[2] > MAX_TAPS:
        return None
    table = encoder.attrs["table"][:, :, 0]  # [in_c, 256], 1 = negative
    used = np.flatnonzero(table.any(1))
    if len(used) != 1:
        return None
    negative = table[used[0]]
    for bit in range(PLANES):
        is_set = (np.arange(256) >> bit & 1).astype(np.uint32)
        for inverted in (False, True):
            if np.array_equal(negative, is_set if inverted else 1 - is_set):
                return _Plane(op, encoder.inputs[0] or "", int(used[0]), bit, inverted)
    return None


def _leaves(graph: Graph, name: str) -> list[Op] | None:
    """Operations whose float outputs are added up to `name`; None for a fused activation."""
    op = graph.producer(name)
    if op is None:
        return None
    if op.kind != "ADD":
        return [op]
    found: list[Op] = []
    for part in op.inputs[:2]:
        if part is None or graph.tensor(part).data is not None or op.attrs.get("activation", 0):
            return None
        below = _leaves(graph, part)
        if below is None:
            return None
        found += below
    return found


@dataclass(frozen=True)
class _Sum:
    """The eight planes of one channel: masks uint8 [D, taps], scale [D] of the integer sum."""

    first: Op
    image: str
    channel: int
    masks: Array
    scale: Array
    padding: int  # the byte that stands outside of the map


def _sum(graph: Graph, name: str) -> _Sum | None:
    """All eight planes of one channel, weighted by powers of two; None for anything else."""
    leaves = _leaves(graph, name)
    if leaves is None or len(leaves) != PLANES:
        return None
    planes = [_plane(graph, op) if op.kind == "LceBconv2d" else None for op in leaves]
    known = [p for p in planes if p is not None]
    if {p.bit for p in known} != set(range(PLANES)) or len(
        {(p.image, p.channel) for p in known}
    ) > 1:
        return None
    first = known[0].op
    shape = graph.tensor(first.inputs[1]).shape
    masks, scales, padding = np.zeros((shape[0], shape[1] * shape[2]), np.uint8), [], 0
    for p in known:
        w, same = graph.tensor(p.op.inputs[1]), (*_GEOMETRY,)
        if w.shape != shape or any(p.op.attrs[k] != first.attrs[k] for k in same):
            return None
        multiplier, bias = (graph.tensor(n).data for n in p.op.inputs[2:4])
        if multiplier is None or bias is None or bias.any():
            return None
        bits = unpack(w.data.view(np.uint32), 1).reshape(masks.shape)  # type: ignore[union-attr]
        masks |= (bits ^ np.uint8(p.inverted)) << np.uint8(p.bit)
        padding |= (not p.inverted) << p.bit
        scales.append(multiplier / _FLOAT(2.0**p.bit))
    scale = scales[0]
    exact = np.abs(np.frexp(scale)[0]) == 0.5  # powers of two: no sum of them is ever rounded
    small = np.abs(np.log2(np.abs(scale), where=exact, out=np.full(scale.shape, 99.0))) < 60
    if not exact.all() or not small.all() or any(not np.array_equal(s, scale) for s in scales):
        return None
    return _Sum(first, known[0].image, known[0].channel, masks, scale, padding)


_GEOMETRY = ("padding", "pad_values", "stride_h", "stride_w")


def _after(graph: Graph, name: str) -> tuple[str, list[Op]] | None:
    """Where constants are multiplied and added a channel: what they are applied to, and how."""
    steps: list[Op] = []
    op = graph.producer(name)
    while op is not None and op.kind in ("ADD", "SUB", "MUL"):
        constant = [n for n in op.inputs[:2] if n and graph.tensor(n).data is not None]
        if len(constant) != 1:
            break
        shape, channels = graph.tensor(constant[0]).shape, graph.tensor(op.outputs[0]).channels
        if op.attrs.get("activation", 0) or graph.tensor(constant[0]).elements not in (1, channels):
            return None
        if shape and shape[-1] not in (1, channels):
            return None
        steps.insert(0, op)
        name = next(n for n in op.inputs[:2] if n and n != constant[0])
        op = graph.producer(name)
    return name, steps


def _apply(graph: Graph, op: Op, x: Array) -> Array:
    """One of those steps on [values, C], as the interpreter rounds."""
    first = graph.tensor(op.inputs[0]).data is not None
    data = graph.tensor(op.inputs[0 if first else 1]).data
    assert data is not None
    c = data.reshape(-1)
    if op.kind == "MUL":
        return (x * c).astype(_FLOAT)
    if op.kind == "ADD":
        return (x + c).astype(_FLOAT)
    return ((c - x) if first else (x - c)).astype(_FLOAT)


def _thresholds(negative: Array) -> tuple[Array, Array] | None:
    """negative [A = 0 …, C] -> thresholds and flips: bit = (flip ? last - A : A) > threshold."""
    last = len(negative) - 1
    thresholds, flips = [], []
    for column in negative.T:
        falling = bool(column[0]) and not bool(column[-1])
        line = column[::-1] if falling else column
        at = int(line.argmax()) if line.any() else last + 1
        if not line[at:].all():
            return None
        thresholds.append(at - 1)
        flips.append(falling)
    return np.array(thresholds, np.int32), np.array(flips, bool)


def bit_planes(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """The sign of sums of bit planes' convolutions becomes one kernel on the bytes."""
    if op.kind != "LceQuantize":
        return None
    found = _after(graph, op.inputs[0] or "")
    if found is None:
        return None
    root, steps = found
    joined = graph.producer(root)
    rank = len(graph.tensor(root).shape)
    names: list[str] = [root]
    if joined is not None and joined.kind == "CONCATENATION":
        if int(joined.attrs.get("axis", 0)) not in (-1, rank - 1) or joined.attrs["activation"]:
            return None
        names = [n or "" for n in joined.inputs]
    sums = [_sum(graph, name) for name in names]
    parts = [s for s in sums if s is not None]
    if len(parts) < len(names) or len({(p.image, p.masks.shape[1], p.padding) for p in parts}) > 1:
        return None
    first = parts[0].first
    image, out = graph.tensor(parts[0].image), graph.tensor(op.outputs[0])
    shape = graph.tensor(first.inputs[1]).shape
    same = all(
        graph.tensor(p.first.inputs[1]).shape[1:3] == shape[1:3]
        and all(p.first.attrs[k] == first.attrs[k] for k in _GEOMETRY)
        for p in parts
    )
    if not same or image.channels > MAX_CHANNELS:
        return None
    taps = shape[1] * shape[2]
    masks, scale = (
        np.concatenate([p.masks for p in parts]),
        np.concatenate([p.scale for p in parts]),
    )
    sums_of_bytes = np.arange(255 * taps + 1)
    values = ((2 * sums_of_bytes - 255 * taps)[:, None] * scale.astype(np.float64)).astype(_FLOAT)
    with np.errstate(all="ignore"):
        for step in steps:
            values = _apply(graph, step, values)
    decided = _thresholds(values < 0)
    if decided is None:
        return None
    thresholds, flips = decided
    masks = np.where(flips[:, None], ~masks, masks)
    pads = {
        name: geometry.pad_before(size, made, kernel, int(first.attrs[stride]), 1,
                                  int(first.attrs["padding"]))
        for name, size, made, kernel, stride in (
            ("pad_top", image.shape[1], out.shape[1], shape[1], "stride_h"),
            ("pad_left", image.shape[2], out.shape[2], shape[2], "stride_w"),
        )
    }  # fmt: skip
    row = -(-taps // 4) * 4
    padded = np.zeros((len(masks), row), np.uint8)
    padded[:, :taps] = masks
    attrs: dict[str, object] = {
        "in_h": image.shape[1], "in_w": image.shape[2], "in_c": image.channels,
        "out_h": out.shape[1], "out_w": out.shape[2], "out_c": len(masks),
        "k_h": shape[1], "k_w": shape[2],
        "stride_h": int(first.attrs["stride_h"]), "stride_w": int(first.attrs["stride_w"]),
        **pads, "outside": parts[0].padding,
        "channel": np.concatenate([np.full(len(p.masks), p.channel, np.uint8) for p in parts]),
        "masks": np.ascontiguousarray(padded).view("<u4").reshape(len(masks), row // 4),
        "thresholds": thresholds,
        "macs": out.shape[1] * out.shape[2] * len(masks) * taps * PLANES,
    }  # fmt: skip
    return Rewrite((Op("bit_planes_u8", op.name, (image.name,), op.outputs, attrs),))
