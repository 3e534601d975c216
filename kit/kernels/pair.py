"""Two branches and the sign of their sum as benchmark cases; see `kit.kernels.binary`."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from convert.emit.kernels import CALLS
from convert.ir import Array, Graph, Op, Port, Tensor
from convert.lower.planar import to_planar
from convert.planar.geometry import ConvShape
from kit.kernels.binary import convolve, graph_of, random_layer, rows_of, to_map
from kit.kernels.case import Case
from kit.kernels.data import crc, pack

KINDS = ("planar_pair_bits", "bconv2d_pair_bits")


def random_decision(shapes: tuple[ConvShape, ConvShape], seed: int) -> tuple[Array, Array]:
    """Factors int16 [outputs, 2] and limits int32 [outputs] that both counts matter for."""
    rng = np.random.default_rng([seed, 0xA1])
    outputs = shapes[0].out_c * shapes[0].groups
    factors = np.stack([rng.integers(1, 300, outputs), rng.integers(-300, 300, outputs)], 1)
    middle = factors @ np.array([shapes[0].inputs, shapes[1].inputs]) / 2
    limits = middle + rng.normal(0, 1, outputs) * 5 * factors[:, 0]
    return factors.astype(np.int16), limits.astype(np.int32)


def table_of(shapes: tuple[ConvShape, ConvShape], factors: Array, limits: Array) -> Array:
    """The same decision as thresholds: int16 [outputs, inputs of b + 1]."""
    counts = np.arange(shapes[1].inputs + 1)
    p, q = factors[:, :1].astype(np.int64), factors[:, 1:].astype(np.int64)
    at = (limits[:, None] - q * counts) // p
    return np.clip(at, -1, shapes[0].inputs).astype(np.int16)


def case(
    name: str, shapes: tuple[ConvShape, ConvShape], layout: str, core: str, index: int,
    *, table: bool = False,
) -> Case:  # fmt: skip
    """Both branches read one map, whose channels are those of both.

    Args:
        shapes: of the branches, of stride 1.
        layout: packed or planar.
        table: decide by a table instead of factors.
    """
    layers = [random_layer(shape, 2 * index + k) for k, shape in enumerate(shapes)]
    whole = graph_of(shapes[0], *layers[0])
    factors, limits = random_decision(shapes, index)
    attrs: dict[str, Any] = {
        key: {n: v for n, v in graph_of(shape, *layer).ops[0].attrs.items() if n != "thresholds"}
        for key, shape, layer in zip("ab", shapes, layers, strict=True)
    }
    attrs |= {"states": shapes[1].inputs + 1, "decision": {"factors": factors, "limits": limits}}
    if table:
        attrs["decision"] = {"table": table_of(shapes, factors, limits)}
    op = Op("bconv2d_pair_bits", "pair", ("x", "x"), ("y",), attrs)
    tensors: dict[str, Tensor] = dict(whole.tensors)
    graph = Graph("case", (op,), MappingProxyType(tensors), (Port("x", "x"),), (Port("y", "y"),))
    made = to_planar(graph, {"pair": layout}, core)
    op = next(op for op in made.ops if op.kind in KINDS)
    source, target = made.tensor(op.inputs[0]), made.tensor(op.outputs[0])
    given, answered = rows_of(source), rows_of(target)
    bits = to_map(source, given.random(index), shapes[0])
    counts = [
        convolve(shape, bits, weights) for shape, (weights, _) in zip(shapes, layers, strict=True)
    ]
    sums = sum(f.astype(np.int64) * c for f, c in zip(factors.T, counts, strict=True))
    out = (sums > limits).astype(np.uint8).reshape(-1, len(limits))
    call = CALLS[op.kind](made, op)
    call = replace(
        call, arguments=tuple((t, "in0" if at == "in1" else at) for t, at in call.pointers)
    )
    s = shapes[0]
    return Case(
        name=name, kernel=call.function.removeprefix("bw_"), kind="binary",
        c_in=s.groups * s.in_c, c_out=s.groups * s.out_c, h=s.in_h, w=s.in_w, k=s.k_h,
        groups=s.groups, macs=sum(shape.macs for shape in shapes), call=call, seed=index,
        given=given, out_words=answered.words,
        scratch_bytes=made.tensor(op.outputs[1]).bytes if len(op.outputs) > 1 else 0,
        expected=crc(pack(out.T if target.dtype == "planes" else out)), peer={},
    )  # fmt: skip
