"""The input encoder: whatever maps one 8-bit sample to bits becomes a table of 256 entries.

A thermometer, bit planes or a plain sign are chains of element-wise operations between the model's
input and an LceQuantize, in which every output channel depends on one input channel. The chain is
evaluated here on all 256 bytes with the arithmetic of the interpreter: float32, one rounding an
operation. Where contracting a multiplication with an addition would change a sign, the result would
depend on the interpreter's kernel, and the model is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert.ir import Array, Graph, Op, Tensor
from convert.pixels import BYTES, Scaling
from convert.supported import Refusal

BYTES_SUFFIX = ".bytes"


def bytes_of(source: Tensor) -> str:
    """The name of an input that has become raw bytes."""
    return source.name + BYTES_SUFFIX


@dataclass(frozen=True)
class AmbiguousSignError(Exception):
    """The sign of some byte depends on how the interpreter rounds."""

    op: Op
    channel: int
    byte: int


@dataclass
class _Values:
    """What a chain makes of every byte: [256, C] as rounded, as contracted, and channel sources."""

    plain: Array
    contracted: Array
    source: Array  # [C] input channel


def _activate(x: Array, code: int) -> Array:
    low, high = {0: (-np.inf, np.inf), 1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}[code]
    return np.clip(x, np.float32(low), np.float32(high)).astype(np.float32)


def _constant(graph: Graph, op: Op) -> tuple[Array, bool] | None:
    """The constant operand of a binary operation, and whether it comes first."""
    for k in (0, 1):
        name = op.inputs[k]
        data = graph.tensor(name).data if name else None
        if data is not None and data.dtype == np.float32:
            return data, k == 0
    return None


def _depthwise(graph: Graph, op: Op, v: _Values) -> _Values | None:
    w = graph.tensor(op.inputs[1])
    if w.data is None or w.shape[:3] != (1, 1, 1) or w.dtype != "float32":
        return None
    if op.attrs["stride_h"] != 1 or op.attrs["stride_w"] != 1:
        return None
    out = w.shape[3]
    repeat = out // len(v.source)
    weights = w.data.reshape(out)
    bias = np.zeros(out, np.float32)
    if len(op.inputs) > 2 and op.inputs[2] is not None:
        data = graph.tensor(op.inputs[2]).data
        if data is None:
            return None
        bias = data.reshape(out)
    x, z = np.repeat(v.plain, repeat, 1), np.repeat(v.contracted, repeat, 1)
    plain = ((x * weights).astype(np.float32) + bias).astype(np.float32)
    exact = z.astype(np.float64) * weights.astype(np.float64) + bias.astype(np.float64)
    code = int(op.attrs.get("activation", 0))
    return _Values(
        _activate(plain, code),
        _activate(exact.astype(np.float32), code),
        np.repeat(v.source, repeat),
    )


def _binary(graph: Graph, op: Op, v: _Values) -> _Values | None:
    found = _constant(graph, op)
    if found is None:
        return None
    data, first = found
    if data.ndim and (data.size not in (1, len(v.source)) or data.size != data.shape[-1]):
        return None
    c = data.reshape(-1)
    code = int(op.attrs.get("activation", 0))

    def apply(x: Array) -> Array:
        if op.kind == "ADD":
            y = x + c
        elif op.kind == "MUL":
            y = x * c
        else:
            y = c - x if first else x - c
        return _activate(y.astype(np.float32), code)

    return _Values(apply(v.plain), apply(v.contracted), v.source)


_STEPS = {"DEPTHWISE_CONV_2D": _depthwise, "ADD": _binary, "SUB": _binary, "MUL": _binary}


def find_chain(graph: Graph, sign: Op) -> list[Op] | None:
    """Operations from the model's input to this LceQuantize, or None when it is no encoder.

    An int8 input that something else reads too stays int8; a float input cannot be anything but
    bytes, so that whatever else reads it is refused later.
    """
    inputs = {port.tensor.removesuffix(BYTES_SUFFIX) for port in graph.inputs}
    chain: list[Op] = []
    at = sign.inputs[0]
    while at is not None and at not in inputs:
        op = graph.producer(at)
        if op is None or op.kind not in _STEPS:
            return None
        chain.insert(0, op)
        free = [n for n in op.inputs[:2] if n and graph.tensor(n).data is None]
        if op.kind == "DEPTHWISE_CONV_2D":
            free = [op.inputs[0]] if op.inputs[0] else []
        if len(free) != 1:
            return None
        at = free[0]
    if at is None or graph.tensor(at).data is not None:
        return None
    if graph.tensor(at).dtype == "int8":
        readers = graph.consumers(at)
        return chain if all(reader.kind == "LceQuantize" for reader in readers) else None
    return chain


def evaluate(
    graph: Graph, chain: list[Op], source: Tensor, scaling: Scaling | None
) -> tuple[Array, Array] | None:
    """Bits [256, C_out] (1 = negative) and the source channel of each; None when a step is foreign.

    Raises:
        AmbiguousSignError: see the module's docstring.
    """
    if source.dtype == "float32":
        if scaling is None:
            return None
        reals = scaling.floats()
    else:  # int8: the byte is XORed with 0x80 on its way, so that 0..255 maps to -128..127
        if source.quant is None or chain:
            return None
        reals = (BYTES - 128 - source.quant.zero_point[0]).astype(np.float32)
    channels = source.shape[-1]
    column = np.repeat(reals[:, None], channels, 1)
    v = _Values(column, column, np.arange(channels))
    for op in chain:
        following = _STEPS[op.kind](graph, op, v)
        if following is None:
            return None
        v = following
        differ = np.argwhere((v.plain < 0) != (v.contracted < 0))
        if len(differ):
            raise AmbiguousSignError(op, int(differ[0][1]), int(differ[0][0]))
    return (v.plain < 0).astype(np.uint32), v.source


def make_table(bits: Array, source: Array, in_c: int) -> tuple[Array, Array, int]:
    """Words for bw_encode: table uint32 [in_c, 256, span], first_word uint16 [in_c], span."""
    out_c = bits.shape[1]
    words_of = [np.unique(np.flatnonzero(source == c) // 32) for c in range(in_c)]
    span = max((int(w[-1] - w[0]) + 1 for w in words_of if len(w)), default=1)
    last = -(-out_c // 32) - span
    first = np.array([min(int(w[0]), last) if len(w) else 0 for w in words_of], np.uint16)
    table = np.zeros((in_c, 256, span), np.uint32)
    for j in range(out_c):
        c = int(source[j])
        table[c, :, j // 32 - int(first[c])] |= bits[:, j] << np.uint32(j % 32)
    return table, first, span


def ambiguous_refusal(error: AmbiguousSignError) -> Refusal:
    return Refusal(
        error.op.name,
        "input encoder: no threshold may lie within a rounding error of a pixel value",
        f"byte {error.byte}, output channel {error.channel}",
        "move the threshold, or feed raw pixel values (weights of exactly 1, no rescaling)",
    )
