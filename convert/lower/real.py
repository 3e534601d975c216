"""float32 operators that LCE leaves between binary layers: kept as float, and listed as such."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.builtin_rules import constant
from convert.ir import Graph, Op
from convert.lower.int8_elementwise import pair_geometry, pool_geometry, reduced_axes
from convert.lower.rewrite import Context, Pass, Rewrite

_MOST = float(np.finfo(np.float32).max)
# What a fused activation leaves of the numbers; TFLite clamps to finite ones without any.
RANGES = {0: (-_MOST, _MOST), 1: (0.0, _MOST), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
_UNARY = {
    "RELU": "relu_f32", "RELU6": "clamp_f32", "RELU_N1_TO_1": "clamp_f32",
    "LEAKY_RELU": "leaky_f32", "LOGISTIC": "logistic_f32",
}  # fmt: skip
_CLAMPS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}
_PAIRS = {
    "ADD": "add_f32", "SUB": "sub_f32", "MUL": "mul_f32", "MINIMUM": "minimum_f32",
    "MAXIMUM": "maximum_f32", "PRELU": "prelu_f32",
}  # fmt: skip
_REDUCTIONS = {
    "MEAN": "mean_f32", "SUM": "sum_f32", "REDUCE_MAX": "reduce_max_f32",
    "REDUCE_MIN": "reduce_min_f32",
}  # fmt: skip


def _float_op(graph: Graph, op: Op, *kinds: str) -> bool:
    return op.kind in kinds and graph.tensor(op.outputs[0]).dtype == "float32"


def _clamp(op: Op) -> dict[str, Any]:
    low, high = RANGES[int(op.attrs.get("activation", 0))]
    return {"low": np.float32(low), "high": np.float32(high)}


def pair_f32(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """Two float maps, or one and a constant."""
    if not _float_op(graph, op, *_PAIRS):
        return None
    fields = {**pair_geometry(graph, op), **_clamp(op)}
    inputs = tuple(n for n in op.inputs[:2] if n and graph.tensor(n).data is None)
    return Rewrite((Op(_PAIRS[op.kind], op.name, inputs, op.outputs, fields),))


def unary_f32(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """RELU family, LEAKY_RELU and LOGISTIC on float maps."""
    if not _float_op(graph, op, *_UNARY):
        return None
    fields: dict[str, Any] = {"count": graph.tensor(op.inputs[0]).elements}
    kind = _UNARY[op.kind]
    if kind == "clamp_f32":
        low, high = _CLAMPS[op.kind]
        fields |= {"low": np.float32(low), "high": np.float32(high)}
    elif kind == "leaky_f32":
        fields["slope"] = np.float32(op.attrs.get("alpha", 0.0))
    return Rewrite((Op(kind, op.name, op.inputs[:1], op.outputs, fields),))


def softmax_f32(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """SOFTMAX on float maps."""
    if not _float_op(graph, op, "SOFTMAX"):
        return None
    a = graph.tensor(op.inputs[0])
    fields = {
        "rows": a.elements // a.channels, "depth": a.channels,
        "beta": np.float32(op.attrs.get("beta", 1.0)),
    }  # fmt: skip
    return Rewrite((Op("softmax_f32", op.name, (a.name,), op.outputs, fields),))


def pool_f32(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """AVERAGE_POOL_2D and MAX_POOL_2D on float maps."""
    if not _float_op(graph, op, "AVERAGE_POOL_2D", "MAX_POOL_2D"):
        return None
    kind = "average_pool_f32" if op.kind == "AVERAGE_POOL_2D" else "max_pool_f32"
    fields = {**pool_geometry(graph, op), **_clamp(op)}
    return Rewrite((Op(kind, op.name, op.inputs[:1], op.outputs, fields),))


def reduce_f32(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """MEAN, SUM, REDUCE_MAX and REDUCE_MIN on float maps."""
    if not _float_op(graph, op, *_REDUCTIONS):
        return None
    dims, bits, count = reduced_axes(graph, op)
    fields = {"dims": dims, "reduce": bits, "count": np.float32(count)}
    return Rewrite((Op(_REDUCTIONS[op.kind], op.name, op.inputs[:1], op.outputs, fields),))


def dense_f32(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """FULLY_CONNECTED on float maps."""
    if not _float_op(graph, op, "FULLY_CONNECTED"):
        return None
    a, w = graph.tensor(op.inputs[0]), graph.tensor(op.inputs[1])
    assert w.data is not None
    depth = w.shape[1]
    fields: dict[str, Any] = {
        "rows": a.elements // depth, "in_c": depth, "out_c": w.shape[0], "weights": w.data,
        **_clamp(op),
    }  # fmt: skip
    bias = constant(graph, op, 2)
    if bias is not None:
        fields["bias"] = bias
    fields["macs"] = graph.tensor(op.outputs[0]).elements * depth
    return Rewrite((Op("dense_f32", op.name, (a.name,), op.outputs, fields),))


PASSES: tuple[Pass, ...] = (pair_f32, unary_f32, softmax_f32, pool_f32, reduce_f32, dense_f32)
KERNELS = frozenset(
    {
        *_PAIRS.values(), *_REDUCTIONS.values(), *_UNARY.values(), "softmax_f32",
        "average_pool_f32", "max_pool_f32", "dense_f32",
    }
)  # fmt: skip
