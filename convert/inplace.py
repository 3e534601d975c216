"""Kernels that may write their output where an input of the same size lies.

They read an element (or a row of elements) before they write the same one, and never come back.
"""

from __future__ import annotations

from convert.ir import Graph, Op
from convert.lower.int8_signs import SIGNS
from convert.lower.residual import SUMS

# a convolution with a sum, of signs or not
_SUMS = frozenset({*SUMS.values(), SIGNS["conv2d_add_i8"]})
_PAIRS = ("add", "sub", "mul", "minimum", "maximum", "prelu")
IN_PLACE = frozenset(
    {
        *(f"{name}_{kind}" for name in _PAIRS for kind in ("i8", "f32")),
        *(f"{name}_f32" for name in ("relu", "clamp", "leaky", "logistic")),
        "table_i8", "table_u8_i8", "logic_bits", *_SUMS,
    }
)  # fmt: skip


def overwritable(graph: Graph, op: Op) -> tuple[str, ...]:
    """Inputs onto which an operation may write its output, if nobody reads them later."""
    if op.kind not in IN_PLACE:
        return ()
    out = graph.tensors[op.outputs[0]]
    # a convolution reads its own map again and again; it may only lie on the residual one
    read = op.inputs
    if op.kind in _SUMS:
        read = tuple(name for name in op.inputs[1:] if name != op.inputs[0])
    inputs = (graph.tensors[name] for name in read if name is not None)
    return tuple(
        t.name for t in inputs
        if t.data is None and t.shape == out.shape and t.bytes == out.bytes
    )  # fmt: skip
