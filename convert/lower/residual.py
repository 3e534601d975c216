"""A residual int8 addition behind a convolution becomes part of its output transform.

The sum stands where the addition stood: the convolution then reads its input later, and the map
that it made is never there. That saves a map or leaves memory as it is, unless the input would be
kept for it over other operations and is larger than that map.
"""

from __future__ import annotations

from typing import Any

from convert.ir import Graph, Op
from convert.lower.rewrite import Context, Rewrite

SUMS = {"bconv2d_i8": "bconv2d_add_i8", "conv2d_i8": "conv2d_add_i8"}
_SIDES = ("zero", "multiplier", "shift")
_COMMON = ("zero_out", "multiplier_out", "shift_out", "act_min", "act_max")


def _adds(graph: Graph, op: Op) -> bool:
    """An addition of two different int8 maps of equal shape, of the usual scales."""
    if op.kind != "add_i8" or len(op.inputs) != 2 or op.inputs[0] == op.inputs[1]:
        return False
    out = graph.tensor(op.outputs[0])
    alike = all(graph.tensor(name).shape == out.shape for name in op.inputs)
    return alike and op.attrs["shift_out"] < 0


def _ends_in_sum(graph: Graph, maker: Op, op: Op) -> bool:
    """Whether a convolution may take the addition behind it. One pixel needs no scratch and has a
    kernel of its own, without a sum."""
    if maker.kind not in SUMS or graph.sole_consumer(maker.outputs[0]) is not op:
        return False
    if maker.kind == "conv2d_i8" and len(maker.outputs) == 1:
        return False
    first, last = graph.ops.index(maker), graph.ops.index(op)
    source = graph.tensor(maker.inputs[0])
    kept = graph.is_output(source.name) or any(
        source.name in later.inputs for later in graph.ops[last:]
    )
    between = any(other.kind != "alias" for other in graph.ops[first + 1 : last])
    return kept or not between or source.bytes <= graph.tensor(maker.outputs[0]).bytes


def residual(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """An addition of two int8 maps of equal shape, one of which a convolution makes for it alone;
    where both are, the later. The convolution is operand a: a sum does not care for order."""
    if not _adds(graph, op):
        return None
    fitting: list[tuple[Op, str, str | None]] = []
    for side, name, other in zip("ab", op.inputs, op.inputs[::-1], strict=True):
        maker = graph.producer(name or "")
        if maker is not None and _ends_in_sum(graph, maker, op):
            fitting.append((maker, side, other))
    if not fitting:
        return None
    maker, side, other = max(fitting, key=lambda one: graph.ops.index(one[0]))
    beside = "b" if side == "a" else "a"
    add: dict[str, Any] = {key: op.attrs[key] for key in _COMMON}
    for field in _SIDES:
        add[f"{field}_a"] = op.attrs[f"{field}_{side}"]
        add[f"{field}_b"] = op.attrs[f"{field}_{beside}"]
    # Packed filters have no kernel with a sum.
    kept = {name: value for name, value in maker.attrs.items() if name != "packed"}
    made = Op(
        SUMS[maker.kind], maker.name, (maker.inputs[0], other),
        (*op.outputs, *maker.outputs[1:]), {**kept, "add": add},
    )  # fmt: skip
    return Rewrite((made,), (), (maker,))
