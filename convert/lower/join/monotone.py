"""Whether a cone rises or falls with each of its leaves.

Each step here is monotone in each of its inputs, rounding included: rounding never exchanges two
numbers. What this module says therefore holds for the computed values, not only for real ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from convert.ir import Array, Op
from convert.lower.join.cone import CONVOLUTIONS, Cone

# By leaf: +1 where a value rises with the leaf's state, -1 where it falls, 0 where neither; [C].
Slopes = Mapping[str, Array]


class NotMonotoneError(Exception):
    """A step that may rise and fall again."""


def _both(a: Slopes, b: Slopes) -> Slopes:
    out = dict(a)
    for leaf, slope in b.items():
        mine = out.get(leaf, np.zeros_like(slope))
        if (mine * slope < 0).any():
            raise NotMonotoneError(leaf)
        out[leaf] = np.where(mine == 0, slope, mine)
    return out


def _times(a: Slopes, sign: Array | int) -> Slopes:
    return {leaf: slope * sign for leaf, slope in a.items()}


def _constant(op: Op) -> Array | None:
    """The constant operand of a step as whole or real numbers around zero, [1 or C]."""
    for key in ("operand_a", "operand_b"):
        if key in op.attrs:
            zero = op.attrs.get(f"zero_{key[-1]}", 0)
            return np.asarray(op.attrs[key].reshape(-1).astype(np.float64) - zero)
    return None


def _scaled(op: Op, slopes: list[Slopes]) -> Slopes:
    """A multiplication, or a PReLU, by a constant."""
    constant = _constant(op)
    if constant is None or (op.kind.startswith("prelu") and (constant < 0).any()):
        raise NotMonotoneError(op.kind)
    if op.kind.startswith("prelu"):
        return slopes[0]
    return _times(slopes[0], np.sign(constant).astype(np.int64))


def _table(op: Op, slopes: list[Slopes]) -> Slopes:
    steps = np.diff(np.roll(op.attrs["table"], -128).astype(np.int64))
    if (steps >= 0).all():
        return slopes[0]
    if (steps <= 0).all():
        return _times(slopes[0], -1)
    raise NotMonotoneError(op.kind)


def _step(op: Op, slopes: list[Slopes]) -> Slopes:
    kind = op.kind.rsplit("_", 1)[0]
    if kind in ("mul", "prelu"):
        return _scaled(op, slopes)
    if kind == "table":
        return _table(op, slopes)
    if op.kind == "leaky_f32" and op.attrs["slope"] < 0:
        raise NotMonotoneError(op.kind)
    if kind == "sub" and len(slopes) == 2:
        return _both(slopes[0], _times(slopes[1], -1))
    if kind == "sub" and "operand_a" in op.attrs:
        return _times(slopes[0], -1)
    return _both(slopes[0], slopes[1]) if len(slopes) == 2 else slopes[0]


def slopes_of(cone: Cone, channels: int) -> Slopes:
    """How the number whose sign is taken depends on each leaf: on the count of products that are
    -1, or on the bit.

    Raises:
        NotMonotoneError: some step may rise and fall again.
    """
    known: dict[str, Slopes] = {}
    for op in cone.leaves:
        name = op.outputs[0]
        sign = np.full(channels, -1)
        if op.kind in CONVOLUTIONS:
            sign = np.sign(np.broadcast_to(op.attrs["multiplier"], (channels,))).astype(np.int64)
        known[name] = {name: sign}
    for op in cone.steps:
        inputs = [known[name] for name in op.inputs if name is not None]
        known[op.outputs[0]] = _step(op, inputs)
    return known[cone.end]
