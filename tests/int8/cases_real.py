"""Random single-operator models on float32 maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convert.geometry import out_size
from tests.int8.build import Model, T, const, one_op

Maker = Callable[[Any, int], Model]


def _shape(rng: Any, most: int = 7) -> tuple[int, ...]:
    return (1, *(int(v) for v in rng.integers(1, most, 3)))


def _pair(kind: str, options: str, fused: bool = True) -> Maker:
    def make(rng: Any, k: int) -> Model:
        full = _shape(rng)
        shape = [full, (full[3],), (), (1, 1, 1, full[3]), (1, full[1], full[2], 1)][k % 5]
        a = T(full, "float32")
        b = T(shape, "float32")
        if len(shape) < 4 or k % 2:
            b = const(rng.normal(0, 2, shape), "float32")
        values = {"fusedActivationFunction": int(rng.integers(0, 4))} if fused else {}
        operands = [b, a] if k % 3 == 0 else [a, b]
        return one_op(f"{operands} {values}", kind, list(operands), [T(full, "float32")],
                      (options, values))  # fmt: skip

    return make


def prelu(rng: Any, k: int) -> Model:
    shape = _shape(rng)
    slope = const(rng.normal(0, 1, (1, 1, shape[3])), "float32")
    return one_op(f"{shape}", "PRELU", [T(shape, "float32"), slope], [T(shape, "float32")])


def _unary(kind: str, options: Callable[[Any], Any] | None = None) -> Maker:
    def make(rng: Any, k: int) -> Model:
        a = T((1, 20, 20, 1), "float32")
        return one_op(f"{kind}", kind, [a], [a], options(rng) if options else None)

    return make


def softmax(rng: Any, k: int) -> Model:
    shape = [(1, 2), (1, 10), (1, 3, 5, 4), (1, 1000)][k % 4]
    a, beta = T(shape, "float32"), float(rng.choice([1.0, 0.3]))
    return one_op(f"{shape} {beta}", "SOFTMAX", [a], [a], ("SoftmaxOptions", {"beta": beta}))


def _pool(kind: str) -> Maker:
    def make(rng: Any, k: int) -> Model:
        shape, padding = _shape(rng, 9), int(rng.integers(0, 2))
        values: dict[str, Any] = {"padding": padding}
        values["fusedActivationFunction"] = int(rng.integers(0, 4))
        sides = []
        for n, name, axis in zip(shape[1:3], ("Height", "Width"), "HW", strict=True):
            side, stride = int(rng.integers(1, n + 1)), int(rng.integers(1, 4))
            values |= {f"filter{name}": side, f"stride{axis}": stride}
            sides.append(out_size(n, side, stride, 1, padding))
        out = T((1, *sides, shape[3]), "float32")
        return one_op(f"{values} {shape}", kind, [T(shape, "float32")], [out],
                      ("Pool2DOptions", values))  # fmt: skip

    return make


def _reduce(kind: str) -> Maker:
    def make(rng: Any, k: int) -> Model:
        rank = int(rng.integers(2, 5))
        shape = (1, *(int(v) for v in rng.integers(1, 9, rank - 1)))
        axes = [1, 2] if k % 2 == 0 and rank == 4 else None
        if axes is None:
            n = int(rng.integers(1, rank))
            axes = sorted(rng.choice(np.arange(1, rank), n, replace=False).tolist())
        keep = bool(rng.integers(0, 2))
        kept = [1 if i in axes else v for i, v in enumerate(shape) if keep or i not in axes]
        return one_op(f"{shape} {axes} {keep}", kind, [T(shape, "float32"), const(axes)],
                      [T(tuple(kept), "float32")],
                      ("ReducerOptions", {"keepDims": keep}))  # fmt: skip

    return make


def fully_connected(rng: Any, k: int) -> Model:
    depth, co = int(rng.integers(1, 70)), int(rng.integers(1, 20))
    w = const(rng.normal(0, 1, (co, depth)), "float32")
    bias = const(rng.normal(0, 1, co), "float32") if k % 3 else None
    values = {"fusedActivationFunction": int(rng.integers(0, 4))}
    return one_op(f"{depth} {co}", "FULLY_CONNECTED", [T((1, depth), "float32"), w, bias],
                  [T((1, co), "float32")], ("FullyConnectedOptions", values))  # fmt: skip


REAL: dict[str, Maker] = {
    "ADD": _pair("ADD", "AddOptions"),
    "SUB": _pair("SUB", "SubOptions"),
    "MUL": _pair("MUL", "MulOptions"),
    "MINIMUM": _pair("MINIMUM", "MaximumMinimumOptions", fused=False),
    "MAXIMUM": _pair("MAXIMUM", "MaximumMinimumOptions", fused=False),
    "PRELU": prelu,
    "RELU": _unary("RELU"),
    "RELU6": _unary("RELU6"),
    "RELU_N1_TO_1": _unary("RELU_N1_TO_1"),
    "LEAKY_RELU": _unary("LEAKY_RELU", lambda rng: ("LeakyReluOptions", {"alpha": 0.3})),
    "LOGISTIC": _unary("LOGISTIC"),
    "SOFTMAX": softmax,
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "MEAN": _reduce("MEAN"),
    "SUM": _reduce("SUM"),
    "REDUCE_MAX": _reduce("REDUCE_MAX"),
    "REDUCE_MIN": _reduce("REDUCE_MIN"),
    "FULLY_CONNECTED": fully_connected,
}
