"""The operations between maps of bits and a sign, where each element comes from its own alone.

A cone begins at a `quantize_*` and reaches back through element-wise kernels to its leaves: binary
convolutions with real output, whose value is a function of one whole number, and `dequantize_*`,
whose value is one of two. It is evaluated here with the arithmetic of the kernels: float32 with one
rounding an operation, or int8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convert.ir import Array, Graph, Op
from convert.lower.int8_elementwise import evaluate_pair
from convert.quantize import round_away

CONVOLUTIONS = ("bconv2d_f32", "bconv2d_i8")
BITS = ("dequantize_f32", "dequantize_i8")
_PAIRS_F32: dict[str, Callable[[Array, Array], Array]] = {
    "add_f32": np.add,
    "sub_f32": np.subtract,
    "mul_f32": np.multiply,
    "minimum_f32": lambda a, b: np.where(a < b, a, b),
    "maximum_f32": lambda a, b: np.where(a > b, a, b),
    "prelu_f32": lambda a, b: np.where(a >= 0, a, a * b),
}
_PAIRS_I8 = ("add_i8", "sub_i8", "mul_i8", "minimum_i8", "maximum_i8", "prelu_i8")
_UNARY_F32 = ("relu_f32", "clamp_f32", "leaky_f32")
STEPS = (*_PAIRS_F32, *_PAIRS_I8, *_UNARY_F32, "dequantize_i8_f32", "table_i8", "alias")


@dataclass(frozen=True)
class Cone:
    """What lies between leaves and a sign.

    Attributes:
        sign: the `quantize_*`.
        steps: in order of execution.
        leaves: producers of what the steps read, in order of execution.
        closed: no step and no convolution is read by anything outside.
    """

    sign: Op
    steps: tuple[Op, ...]
    leaves: tuple[Op, ...]
    closed: bool

    @property
    def end(self) -> str:
        return self.sign.inputs[0] or ""


@dataclass
class _Search:
    """Operations reached from a sign, by the name of what they make."""

    graph: Graph
    shape: tuple[int, ...]
    makers: Mapping[str, Op]
    found: dict[str, Op] = field(default_factory=dict)

    def reach(self, name: str) -> bool:
        op = self.makers.get(name)
        if op is None or self.graph.tensor(name).shape != self.shape:
            return False
        if name in self.found:
            return True
        self.found[name] = op
        if op.kind in CONVOLUTIONS or op.kind in BITS:
            return True
        if op.kind not in STEPS or not _along_channels(op, self.shape[-1]):
            return False
        return all(self.reach(n) for n in op.inputs if n is not None)


def _along_channels(op: Op, channels: int) -> bool:
    """Whether a constant operand is one number, or one a channel."""
    for operand in (op.attrs.get("operand_a"), op.attrs.get("operand_b")):
        if operand is not None and operand.size not in (1, channels):
            return False
        if operand is not None and operand.size > 1 and operand.shape[-1] != channels:
            return False
    return True


def find_cone(graph: Graph, sign: Op) -> Cone | None:
    """The cone of a sign; None where something in it is no element-wise kernel."""
    makers = {name: op for op in graph.ops for name in op.outputs}
    search = _Search(graph, graph.tensor(sign.inputs[0]).shape, makers)
    if sign.kind not in ("quantize_f32", "quantize_i8") or not search.reach(sign.inputs[0] or ""):
        return None
    inside = {id(op) for op in search.found.values()}
    ordered = [op for op in graph.ops if id(op) in inside]
    leaves = tuple(op for op in ordered if op.kind not in STEPS)
    numbers = [op.outputs[0] for op in ordered if op.kind not in BITS]
    closed = not any(graph.is_output(name) for name in numbers) and all(
        reader is sign or id(reader) in inside
        for name in numbers
        for reader in graph.consumers(name)
    )
    return Cone(sign, tuple(op for op in ordered if op.kind in STEPS), leaves, closed)


def leaf_value(op: Op, states: Array) -> Array:
    """What a leaf makes: of counts of products that are -1, or of bits; [..., C] -> [..., C]."""
    a = op.attrs
    if op.kind == "dequantize_f32":
        return np.where(states > 0, np.float32(-1), np.float32(1))
    if op.kind == "dequantize_i8":
        return np.where(states > 0, a["minus"], a["plus"])
    t = np.clip(2 * states, a["clamp_min"], a["clamp_max"]).astype(np.float32)
    y = ((t * a["multiplier"]).astype(np.float32) + a["bias"]).astype(np.float32)
    return y if op.kind == "bconv2d_f32" else np.clip(round_away(y), -128, 127).astype(np.int64)


def _operands(op: Op, known: Mapping[str, Array]) -> list[Array]:
    names = [name for name in op.inputs if name is not None]
    out = []
    for key in ("operand_a", "operand_b"):
        constant = op.attrs.get(key)
        out.append(known[names.pop(0)] if constant is None else constant.reshape(-1))
    return out


def step_value(op: Op, known: Mapping[str, Array]) -> Array:
    """What a step makes of its inputs, as its kernel does."""
    a: Mapping[str, Any] = op.attrs
    if op.kind in _PAIRS_F32:
        y = _PAIRS_F32[op.kind](*_operands(op, known)).astype(np.float32)
        return (
            np.clip(y, a["low"], a["high"]) if op.kind in ("add_f32", "sub_f32", "mul_f32") else y
        )
    if op.kind in _PAIRS_I8:
        qa, qb = _operands(op, known)
        return np.asarray(evaluate_pair(op.kind, dict(a), qa, qb))
    x = known[op.inputs[0] or ""]
    if op.kind == "table_i8":
        return a["table"][x.astype(np.int64) & 255].astype(np.int64)
    if op.kind == "relu_f32":
        return np.where(x < 0, np.float32(0), x)
    if op.kind == "clamp_f32":
        return np.clip(x, a["low"], a["high"])
    if op.kind == "leaky_f32":
        return np.where(x > 0, x, (x * a["slope"]).astype(np.float32))
    if op.kind == "dequantize_i8_f32":
        return ((x - a["zero"]).astype(np.float32) * a["scale"]).astype(np.float32)
    assert op.kind == "alias", op.kind
    return x


def values(cone: Cone, states: Mapping[str, Array]) -> dict[str, Array]:
    """Everything in a cone, by tensor.

    Args:
        states: for each leaf's output its counts or bits, [..., C], of shapes that broadcast.
    """
    known = {op.outputs[0]: leaf_value(op, states[op.outputs[0]]) for op in cone.leaves}
    with np.errstate(all="ignore"):
        for op in cone.steps:
            known[op.outputs[0]] = step_value(op, known)
    return known


def bits(cone: Cone, states: Mapping[str, Array]) -> Array:
    """The sign's bits, as `values`."""
    return np.asarray(values(cone, states)[cone.end] < cone.sign.attrs["zero_point"])
