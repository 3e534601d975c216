"""The sign of one binary convolution, or of a sum of two branches, as integer comparisons.

A convolution's real output is a function of its count of products that are -1, so that the sign
behind it, or behind the element-wise sum of two branches, is a function of one or two whole
numbers. Where it rises and falls steadily with each (`monotone`), a threshold on the first count
for each value of the second says all of it. The thresholds are found by bisection with the
interpreter's own arithmetic; whole factors that give the same thresholds replace them where there
are such (`convert.affine`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from convert.affine import separate
from convert.ir import Array, Graph, Op
from convert.lower.join.cone import BITS, CONVOLUTIONS, Cone, bits, find_cone, values
from convert.lower.join.monotone import NotMonotoneError, slopes_of
from convert.lower.rewrite import Context, Rewrite
from convert.words import pack, unpack

MOST = 32767  # counts are half-words
_REAL = ("multiplier", "bias", "clamp_min", "clamp_max")


def most_states(op: Op) -> int:
    """The largest count of a convolution; 1 for bits."""
    if op.kind in BITS:
        return 1
    a = op.attrs
    return int(a["k_h"] * a["k_w"] * a["channels_in"] // a["groups"])


def flipped(attrs: Mapping[str, Any], channels: Array) -> dict[str, Any]:
    """A convolution whose marked output channels count what the others leave out."""
    group = int(attrs["channels_in"]) // int(attrs["groups"])
    weights = unpack(attrs["weights"], group)
    weights[channels] ^= 1
    return {**attrs, "weights": pack(weights)}


def thresholds(cone: Cone, a: Op, b: Op | None, down: Array, b_states: int) -> Array:
    """For each state of b the threshold on the count of a: the bit is count > threshold.

    Args:
        down: channels [C] whose bit falls with a's count; their count is taken as most - count.

    Returns:
        int64 [b_states, C], -1 (always) ... most_states(a) (never).
    """
    most = most_states(a)
    second = np.arange(b_states, dtype=np.int64)[:, None]
    low = np.zeros((b_states, len(down)), np.int64)  # the least count with the bit is in low..high
    high = np.full_like(low, most + 1)
    while (low < high).any():
        middle = np.minimum((low + high) // 2, most)
        states = {a.outputs[0]: np.where(down, most - middle, middle)}
        if b is not None:
            states[b.outputs[0]] = np.broadcast_to(second, middle.shape)
        found = bits(cone, states)
        open_ = low < high
        high = np.where(open_ & found, middle, high)
        low = np.where(open_ & ~found, middle + 1, low)
    return low - 1


def _finite(cone: Cone, channels: int) -> bool:
    """Whether no number can be infinite or none: each is between its values at the ends."""
    for corner in range(1 << len(cone.leaves)):
        ends = {
            op.outputs[0]: np.full((1, channels), most_states(op) * (corner >> k & 1))
            for k, op in enumerate(cone.leaves)
        }
        if not all(np.isfinite(v).all() for v in values(cone, ends).values()):
            return False
    return True


def _plain(op: Op) -> dict[str, Any]:
    """A convolution's attributes without its real output."""
    return {name: value for name, value in op.attrs.items() if name not in _REAL}


def _pair(cone: Cone, a: Op, b: Op, at: Array, down: Array) -> Op:
    """One operation for both branches and the comparison."""
    lines = [separate(column, most_states(a)) for column in at.T]
    decision: dict[str, Any] = {"table": np.ascontiguousarray(at.T).astype(np.int16)}
    if all(line is not None for line in lines):
        decision = {
            "factors": np.array([(v.q, v.p) for v in lines if v], np.int16),
            "limits": np.array([v.t for v in lines if v], np.int32),
        }
    attrs = {
        "a": flipped(_plain(a), down),
        "b": _plain(b) if b.kind in CONVOLUTIONS else None,
        "states": most_states(b) + 1,
        "decision": decision,
    }
    return Op("bconv2d_pair_bits", a.name, (a.inputs[0], b.inputs[0]), cone.sign.outputs, attrs)


def decide(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A sign of one or two binary convolutions, or of one and bits."""
    cone = find_cone(graph, op)
    if cone is None or not cone.closed or not 1 <= len(cone.leaves) <= 2:
        return None
    a, *more = sorted(cone.leaves, key=lambda leaf: (leaf.kind in BITS, -most_states(leaf)))
    channels = graph.tensor(cone.end).channels
    if a.kind in BITS or most_states(a) > MOST or not _finite(cone, channels):
        return None
    try:
        slopes = slopes_of(cone, channels)
    except NotMonotoneError:
        return None
    # The number falls where the bit, which says that it is negative, rises.
    down = slopes[a.outputs[0]] > 0
    b = more[0] if more else None
    at = thresholds(cone, a, b, down, most_states(b) + 1 if b else 1)
    if b is not None:
        made = _pair(cone, a, b, at, down)
    else:
        attrs = {**flipped(_plain(a), down), "thresholds": at[0].astype(np.int32)}
        made = replace(a, kind="bconv2d_bits", outputs=op.outputs, attrs=attrs)
    gone = tuple(leaf for leaf in cone.leaves if leaf.kind in CONVOLUTIONS)
    return Rewrite((made,), (), (*cone.steps, *gone))
