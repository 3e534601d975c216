"""A residual int8 addition behind a binary convolution becomes part of its output transform."""

from __future__ import annotations

from typing import Any

from convert.ir import Graph, Op
from convert.lower.rewrite import Context, Rewrite

_SIDES = ("zero", "multiplier", "shift")
_COMMON = ("zero_out", "multiplier_out", "shift_out", "act_min", "act_max")


def residual(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """An addition of two int8 maps of equal shape, one of which a binary convolution makes for it
    alone. The convolution is operand a: a sum does not care for order."""
    if op.kind != "add_i8" or len(op.inputs) != 2 or op.inputs[0] == op.inputs[1]:
        return None
    out = graph.tensor(op.outputs[0])
    if any(graph.tensor(name).shape != out.shape for name in op.inputs):
        return None
    for side, (name, other) in zip("ab", (op.inputs, op.inputs[::-1]), strict=True):
        maker = graph.producer(name or "")
        if maker is None or maker.kind != "bconv2d_i8" or graph.sole_consumer(name or "") is not op:
            continue
        beside = "b" if side == "a" else "a"
        add: dict[str, Any] = {key: op.attrs[key] for key in _COMMON}
        for field in _SIDES:
            add[f"{field}_a"] = op.attrs[f"{field}_{side}"]
            add[f"{field}_b"] = op.attrs[f"{field}_{beside}"]
        attrs = {**maker.attrs, "add": add}
        inputs = (maker.inputs[0], other)
        made = Op("bconv2d_add_i8", maker.name, inputs, op.outputs, attrs)
        return Rewrite((made,), (), (maker,))
    return None
