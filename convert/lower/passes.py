"""Passes from flatbuffer operators to kernel calls.

A pass looks at one operation and returns the operations that replace it with the tensors they
need, or None. Passes run in order, each over the whole graph until nothing changes. What no pass
lowers is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from convert import geometry
from convert.ir import Array, Graph, Op, Tensor, short_name, verify
from convert.lower import encoder, int8, real
from convert.lower.bits import type_bits
from convert.lower.rewrite import Context, Pass, Rewrite
from convert.pixels import REMEDY
from convert.supported import Refusal, unsupported
from convert.words import pack, unpack


def encode_input(graph: Graph, op: Op, context: Context) -> Rewrite | Refusal | None:
    """An element-wise chain from the input to a sign becomes a table over all byte values."""
    if op.kind != "LceQuantize":
        return None
    chain = encoder.find_chain(graph, op)
    if chain is None:
        return None
    source = graph.tensor((chain[0] if chain else op).inputs[0])
    port = next(p for p in graph.inputs if p.tensor in (source.name, encoder.bytes_of(source)))
    covered = tuple(o.name for o in chain)
    if source.dtype == "float32" and context.scaling is None:
        rule = "a float input is fed from bytes, and the metadata tells what a byte stands for"
        return Refusal(port.name, rule, "no input_scale", REMEDY, (op.name, *covered))
    try:
        found = encoder.evaluate(graph, chain, source, context.scaling)
    except encoder.AmbiguousSignError as error:
        return replace(encoder.ambiguous_refusal(error), covers=(op.name, *covered))
    if found is None:
        return None
    bits, origin = found
    table, first, span = encoder.make_table(bits, origin, source.shape[-1])
    image = replace(source, name=encoder.bytes_of(source), dtype="uint8", quant=None)
    lowered = Op(
        "encode_u8",
        chain[-1].name if chain else op.name,
        (image.name,),
        op.outputs,
        {"table": table, "first_word": first, "span": span, "signed": source.dtype == "int8",
         "encodes": source.name},
    )  # fmt: skip
    return Rewrite((lowered,), (image,))


def drop_reshape(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A reshape of numbers moves nothing: an alias."""
    if op.kind != "RESHAPE":
        return None
    a, b = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    if a.dtype not in ("float32", "int8") or a.elements != b.elements:
        return None
    return Rewrite((Op("alias", op.name, (a.name,), op.outputs),))


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
        plus, minus = _plus_minus(start)
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


def _fold(op: Op, graph: Graph, taps: int) -> dict[str, object]:
    """Constants of the float and int8 output transforms, as LCE folds them: in double, then rounded
    to float32 once (core/bconv2d/output_transform.h; see bw_bconv2d_ref.c for the derivation)."""
    out = graph.tensor(op.outputs[0])
    mul = np.asarray(graph.tensor(op.inputs[2]).data, np.float64)
    bias = np.asarray(graph.tensor(op.inputs[3]).data, np.float64)
    scale, zero = (1.0, 0.0)
    if out.dtype == "int8" and out.quant is not None:
        scale, zero = float(np.float32(out.quant.scale[0])), float(out.quant.zero_point[0])
    low, high = {0: (-taps, taps), 1: (0, taps), 2: (-1, 1), 3: (0, 6)}[int(op.attrs["activation"])]
    low, high = max(low, -taps), min(high, taps)
    return {
        "multiplier": (-mul / scale).astype(np.float32),
        "bias": ((bias + taps * mul) / scale + zero).astype(np.float32),
        "clamp_min": taps - high,
        "clamp_max": taps - low,
    }


def bconv2d(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """LceBconv2d becomes the kernel for its output type."""
    if op.kind != "LceBconv2d":
        return None
    a, w, out = (graph.tensor(n) for n in (op.inputs[0], op.inputs[1], op.outputs[0]))
    assert w.data is not None
    cin = int(op.attrs["channels_in"])
    groups = -(-cin // 32) // w.shape[3]
    kh, kw = w.shape[1], w.shape[2]
    taps = kh * kw * cin // groups
    h, ww = a.shape[1], a.shape[2]
    sides = (("pad_top", h, out.shape[1], kh, "h"), ("pad_left", ww, out.shape[2], kw, "w"))
    pads = {
        name: geometry.pad_before(
            size,
            made,
            kernel,
            op.attrs[f"stride_{axis}"],
            op.attrs[f"dilation_{axis}"],
            op.attrs["padding"],
        )
        for name, size, made, kernel, axis in sides
    }
    attrs: dict[str, object] = {
        "channels_in": cin, "groups": groups, "k_h": kh, "k_w": kw,
        **{k: op.attrs[k] for k in ("stride_h", "stride_w", "dilation_h", "dilation_w")},
        **pads,
        "zero_padding": int(op.attrs["padding"] == geometry.SAME and op.attrs["pad_values"] != 1),
        "weights": w.data.view(np.uint32),
    }  # fmt: skip
    if out.dtype == "bits":
        kind = "bconv2d_bits"
        attrs["thresholds"] = np.asarray(graph.tensor(op.inputs[4]).data, np.int32)
    else:
        kind = "bconv2d_f32" if out.dtype == "float32" else "bconv2d_i8"
        attrs |= _fold(op, graph, taps)
    return Rewrite((Op(kind, op.name, (a.name,), op.outputs, attrs),))


def bmaxpool2d(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """LceBMaxPool2d becomes a pooling of bits."""
    if op.kind != "LceBMaxPool2d":
        return None
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    kh, kw = op.attrs["filter_h"], op.attrs["filter_w"]
    maker = graph.producer(a.name)
    name = op.name if maker is None else f"{op.name.split(' ')[0]} pool after {short_name(maker)}"
    attrs = {
        "k_h": kh, "k_w": kw, "stride_h": op.attrs["stride_h"], "stride_w": op.attrs["stride_w"],
        "pad_top": geometry.pad_before(
            a.shape[1], out.shape[1], kh, op.attrs["stride_h"], 1, op.attrs["padding"]),
        "pad_left": geometry.pad_before(
            a.shape[2], out.shape[2], kw, op.attrs["stride_w"], 1, op.attrs["padding"]),
    }  # fmt: skip
    return Rewrite((Op("bmaxpool2d_bits", name, (a.name,), op.outputs, attrs),))


def quantize(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """LceQuantize that stands alone."""
    if op.kind != "LceQuantize":
        return None
    a = graph.tensor(op.inputs[0])
    if any(port.tensor == a.name for port in graph.inputs) and a.dtype == "float32":
        return None  # a float input is fed as bytes: only an encoder reads it
    zero = a.quant.zero_point[0] if a.dtype == "int8" and a.quant else 0
    kind = "quantize_f32" if a.dtype == "float32" else "quantize_i8"
    return Rewrite((Op(kind, op.name, (a.name,), op.outputs, {"zero_point": zero}),))


def _plus_minus(t: Tensor) -> tuple[int, int]:
    """The int8 values of +1 and -1: one unit, rounded half up, around the zero point, saturated."""
    assert t.quant is not None
    unit = np.floor(np.float64(np.float32(1) / np.float32(t.quant.scale[0])) + 0.5)
    step, zero = int(min(unit, 1024.0)), t.quant.zero_point[0]
    return min(127, zero + step), max(-128, zero - step)


def dequantize(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """LceDequantize that stands alone: ±1 as float32, or as int8 one unit around the zero point."""
    if op.kind != "LceDequantize":
        return None
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    attrs = {"plus": 0, "minus": 0}
    if out.dtype == "int8" and out.quant is not None:
        attrs["plus"], attrs["minus"] = _plus_minus(out)
    elif out.dtype != "float32":
        return None
    kind = "dequantize_f32" if out.dtype == "float32" else "dequantize_i8"
    return Rewrite((Op(kind, op.name, (a.name,), op.outputs, attrs),))


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


PASSES: tuple[Pass, ...] = (
    encode_input, move_bits, bconv2d, bmaxpool2d, quantize, dequantize, drop_reshape, fold_gather,
    *int8.PASSES, *real.PASSES,
)  # fmt: skip

KERNELS = frozenset(
    {
        "encode_u8", "gather_channels_bits", "bconv2d_bits", "bconv2d_f32", "bconv2d_i8",
        "bmaxpool2d_bits", "quantize_f32", "quantize_i8", "dequantize_f32", "dequantize_i8",
        "alias", *int8.KERNELS, *real.KERNELS,
    }
)  # fmt: skip


def _apply(graph: Graph, op: Op, rewrite: Rewrite) -> Graph:
    gone = {id(o) for o in rewrite.removed}
    ops: list[Op] = []
    for other in graph.ops:
        if other is op:
            ops += rewrite.ops
        elif id(other) not in gone:
            ops.append(other)
    inputs = graph.inputs
    for new in rewrite.ops:
        old = new.attrs.get("encodes")
        if old:
            inputs = tuple(
                replace(p, tensor=new.inputs[0] or "") if p.tensor == old else p for p in inputs
            )
    return replace(graph, inputs=inputs).with_ops(ops, rewrite.tensors)


def run_pass(graph: Graph, one: Pass, context: Context) -> tuple[Graph, list[Refusal]]:
    """Apply a pass until it finds nothing more."""
    refused: dict[str, Refusal] = {}
    changed = True
    while changed:
        changed = False
        for op in graph.ops:
            result = one(graph, op, context)
            if isinstance(result, Refusal):
                refused[op.name] = result
            elif result is not None:
                graph = _apply(graph, op, result)
                changed = True
                break
    return graph, list(refused.values())


def drop_dead(graph: Graph) -> Graph:
    """Without the operations whose results nobody reads: all are free of side effects."""
    needed = {port.tensor for port in graph.outputs}
    kept: list[Op] = []
    for op in reversed(graph.ops):
        if any(name in needed for name in op.outputs):
            kept.append(op)
            needed |= {name for name in op.inputs if name is not None}
    return graph if len(kept) == len(graph.ops) else graph.with_ops(reversed(kept))


def lower(
    graph: Graph, context: Context, watch: Callable[[str, Graph], None] | None = None
) -> tuple[Graph, list[Refusal]]:
    """Run all passes.

    Args:
        watch: called with a pass's name and the graph after it.

    Returns:
        The lowered graph and every refusal; without refusals the graph holds kernel calls only.

    Raises:
        ValueError: a pass made an unsound graph (a bug).
    """
    refusals: list[Refusal] = []
    graph = type_bits(graph)
    if watch is not None:
        watch("type_bits", graph)
    for one in PASSES:
        graph, refused = run_pass(graph, one, context)
        graph = drop_dead(graph)
        refusals += refused
        if watch is not None:
            watch(one.__name__, graph)
    named = {name for r in refusals for name in (r.layer, *r.covers)}
    for op in graph.ops:
        if op.kind not in KERNELS and op.name not in named:
            refusals.append(unsupported(graph, op))
    if not refusals:
        verify(graph)
    return graph, refusals
