"""Bits that only move between channels: shuffles, slices, permutations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from convert.ir import Array, Graph, Op, Tensor
from convert.lower.rewrite import Context, Rewrite
from convert.words import pack, unpack

MOVES = ("GATHER", "RESHAPE", "TRANSPOSE")


def _apply_move(graph: Graph, op: Op, index: Array) -> Array | None:
    """What a moving operation does to an array of element indices; None when it is malformed."""
    second = graph.tensor(op.inputs[1]).data if len(op.inputs) > 1 and op.inputs[1] else None
    shape = graph.tensor(op.outputs[0]).shape
    if op.kind == "RESHAPE":
        return index.reshape(shape) if math.prod(shape) == index.size else None
    if second is None or second.ndim != 1:
        return None
    values = [int(v) for v in second]
    if op.kind == "TRANSPOSE":
        moved = np.transpose(index, values) if sorted(values) == [*range(index.ndim)] else index
    else:
        axis = int(op.attrs.get("axis", -1))
        if op.attrs.get("batch_dims", 0) != 0 or not -index.ndim <= axis < index.ndim or not values:
            return None
        if min(values) < 0 or max(values) >= index.shape[axis]:
            return None
        moved = np.take(index, values, axis=axis)
    return moved if moved.shape == shape else None


def move_bits(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """LceDequantize, movements, LceQuantize: bits move between channels, nothing else happens."""
    if op.kind != "LceQuantize":
        return None
    chain: list[Op] = []
    at = graph.producer(op.inputs[0] or "")
    while at is not None and at.kind in MOVES:
        chain.insert(0, at)
        at = graph.producer(at.inputs[0] or "")
    if at is None or at.kind != "LceDequantize":
        return None
    start, end = graph.tensor(at.outputs[0]), graph.tensor(op.inputs[0])
    if start.dtype == "int8":
        plus, minus = plus_minus(start)
        zero = end.quant.zero_point[0] if end.quant else 0
        if not minus < zero <= plus:
            return None  # saturated: some sign does not survive the way through int8
    index: Array | None = np.arange(start.elements).reshape(start.shape)
    for step in chain:
        index = None if index is None else _apply_move(graph, step, index)
    if index is None or index.ndim < 2 or index.shape[:-1] != start.shape[:-1]:
        return None
    flat = index.reshape(-1, index.shape[-1])
    source = flat[0]
    channels = start.shape[-1]
    pixels = np.arange(len(flat))[:, None]
    if (source >= channels).any() or not np.array_equal(flat, pixels * channels + source):
        return None  # something moves between pixels
    bits_in = graph.tensor(at.inputs[0])
    out = replace(graph.tensor(op.outputs[0]), shape=index.shape)
    lowered = Op(
        "gather_channels_bits", (chain or [op])[0].name, (bits_in.name,), op.outputs,
        {"source": source.astype(np.uint16)},
    )  # fmt: skip
    return Rewrite((lowered,), (out,))


def plus_minus(t: Tensor) -> tuple[int, int]:
    """The int8 values of +1 and -1: one unit, rounded half up, around the zero point, saturated."""
    assert t.quant is not None
    unit = np.floor(np.float64(np.float32(1) / np.float32(t.quant.scale[0])) + 0.5)
    step, zero = int(min(unit, 1024.0)), t.quant.zero_point[0]
    return min(127, zero + step), max(-128, zero - step)


def fold_gather(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A permutation of channels before a dense binary convolution permutes its weights instead."""
    if not op.kind.startswith("bconv2d") or op.attrs["groups"] != 1:
        return None
    move = graph.producer(op.inputs[0] or "")
    if move is None or move.kind != "gather_channels_bits":
        return None
    if graph.sole_consumer(move.outputs[0]) is not op:
        return None
    source = move.attrs["source"].astype(np.int64)
    channels = graph.tensor(move.inputs[0]).channels
    if channels != len(source) or not np.array_equal(np.sort(source), np.arange(channels)):
        return None
    weights = op.attrs["weights"]
    bits = unpack(weights, channels)
    moved = np.zeros_like(bits)
    moved[..., source] = bits
    attrs = {**op.attrs, "weights": pack(moved)}
    return Rewrite((replace(op, inputs=(move.inputs[0],), attrs=attrs),), (), (move,))
