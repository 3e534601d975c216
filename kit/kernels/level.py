"""Table convolutions as benchmark cases: the compiler's own choice, and a plain definition."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from convert.emit.kernels import CALLS
from convert.ir import Array, Graph, Op, Port, Tensor
from convert.level_choice import operation
from convert.lower.encoder import make_table
from convert.lower.levels import replaced
from convert.planar.geometry import ConvShape
from kit.kernels import binary
from kit.kernels.case import Case
from kit.kernels.data import Bits, Rows, crc, pack, random_words


def _graph(shape: ConvShape, in_c: int, weights: Bits, thresholds: Array) -> Graph:
    """A picture, a thermometer with even steps for each channel, and a convolution."""
    s, planes = shape, shape.in_c // in_c
    made = binary.graph_of(shape, weights, thresholds)
    steps = np.tile(np.arange(1, planes + 1) * 256 / (planes + 1), in_c)
    bits = (np.arange(256)[:, None] < steps).astype(np.uint32)
    table, first, span = make_table(bits, np.repeat(np.arange(in_c), planes), in_c)
    attrs = {"table": table, "first_word": first, "span": span}
    encoder = Op("encode_u8", "encoder", ("image",), ("x",), attrs)
    tensors = {**made.tensors, "image": Tensor("image", (1, s.in_h, s.in_w, in_c), "uint8")}
    return replace(
        made, ops=(encoder, *made.ops), tensors=MappingProxyType(tensors),
        inputs=(Port("image", "image"),),
    )  # fmt: skip


def case(name: str, shape: ConvShape, in_c: int, core: str, index: int) -> Case:
    """A first layer whose output is packed.

    Args:
        name: for people.
        shape: of the convolution; shape.in_c planes over all channels.
        in_c: channels of the picture, whose bytes fill whole words.
        core: cortex-m4, …
        index: of the case; seeds weights and, on the board, the input.
    """
    weights, thresholds = binary.random_layer(shape, index)
    graph = _graph(shape, in_c, weights, thresholds)
    encoder = graph.ops[0]
    op = operation(graph, encoder, core)
    assert op is not None, name
    made = replaced(graph, encoder, op)
    given = Rows(1, 8 * shape.in_h * shape.in_w * in_c)
    picture = random_words(index, given.words).astype("<u4").view(np.uint8)
    planes = shape.in_c // in_c
    steps = np.arange(1, planes + 1) * 256 / (planes + 1)
    bits = (picture[:, None] < steps).astype(np.uint8).reshape(shape.in_h, shape.in_w, -1)
    counts = binary.convolve(shape, bits, weights)
    out = (counts > thresholds).astype(np.uint8).reshape(-1, counts.shape[2])
    call = CALLS[op.kind](made, op)
    return Case(
        name=name, kernel=call.function.removeprefix("bw_"), kind="binary", c_in=shape.in_c,
        c_out=shape.out_c, h=shape.in_h, w=shape.in_w, k=shape.k_h, groups=1, macs=shape.macs,
        call=call, seed=index, given=given, out_words=Rows(len(out), shape.out_c).words,
        scratch_bytes=0, expected=crc(pack(out)), peer={},
    )  # fmt: skip
