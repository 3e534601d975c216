"""int8 operators that work element by element, pool, reduce or normalise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convert import geometry
from convert.builtin_rules import constant
from convert.ir import Array, Graph, Op, Quant, Tensor
from convert.lower.int8_conv import int8_op, zero_of
from convert.lower.int8_tables import ALL, TABLES, softmax_exponentials
from convert.lower.rewrite import Context, Rewrite
from convert.quantize import (
    activation_range,
    float_scale,
    quantize_multiplier,
    rescale,
    round_away,
)
from convert.resize import bilinear_axis

PAIRS = {
    "ADD": "add_i8", "SUB": "sub_i8", "MUL": "mul_i8", "MINIMUM": "minimum_i8",
    "MAXIMUM": "maximum_i8", "PRELU": "prelu_i8",
}  # fmt: skip


def table_op(op: Op, a: Tensor, values: Array) -> Op:
    """`values` for -128..127; the kernel's table is in the order of the bytes 0..255."""
    fields = {"count": a.elements, "table": np.roll(values, 128).astype(np.int8)}
    return Op("table_i8", op.name, (a.name,), op.outputs, fields)


def table(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A function of one int8 map becomes a table."""
    if op.kind not in TABLES or not int8_op(graph, op, *TABLES):
        return None
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    if a.dtype != "int8":
        return None
    assert a.quant is not None
    assert out.quant is not None
    return Rewrite((table_op(op, a, TABLES[op.kind](op, a.quant, out.quant)),))


def picture_table(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """QUANTIZE of a float input that is fed from bytes: a table over all byte values."""
    if not int8_op(graph, op, "QUANTIZE") or context.scaling is None:
        return None
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    is_input = any(port.tensor == a.name for port in graph.inputs)
    if not is_input or a.dtype != "float32" or graph.sole_consumer(a.name) is not op:
        return None
    scaled = context.scaling.floats() / float_scale(out.quant)
    q = np.clip(round_away(scaled) + np.float32(zero_of(out)), -128, 127)
    image = replace(a, name=f"{a.name}.bytes", dtype="uint8", quant=None)
    fields = {"count": a.elements, "table": q.astype(np.int8), "encodes": a.name}
    return Rewrite((Op("table_u8_i8", op.name, (image.name,), op.outputs, fields),), (image,))


def steps(shape: tuple[int, ...], rank: int = 4) -> tuple[int, ...]:
    """Elements a step along each of `rank` dimensions; 0 along a dimension of 1, which repeats."""
    full = (1,) * (rank - len(shape)) + shape
    out, step = [0] * rank, 1
    for k in range(rank - 1, -1, -1):
        out[k] = step if full[k] > 1 else 0
        step *= full[k]
    return tuple(out)


def merged(shapes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Equal-rank shapes with neighbouring dimensions merged where every operand allows it, so that
    the innermost loop is as long as it can be. The first shape is the output's."""
    rank = 4
    full = [(1,) * (rank - len(s)) + s for s in shapes]
    columns = [tuple(s[k] for s in full) for k in range(rank)]
    out: list[tuple[int, ...]] = []
    for column in columns:
        kinds = tuple(v == column[0] for v in column)
        if out and tuple(v == out[-1][0] for v in out[-1]) == kinds and out[-1][0] > 1:
            product = tuple(a * b for a, b in zip(out[-1], column, strict=True))
            if column[0] > 1 and product[0] <= 65535:
                out[-1] = product
                continue
        out.append(column)
    out = [column for column in out if column[0] > 1] or [(1,) * len(shapes)]
    return [tuple(column[k] for column in out) for k in range(len(shapes))]


def pair_geometry(graph: Graph, op: Op) -> dict[str, Any]:
    """dims, steps and constant operands of a descriptor of two maps."""
    names = (op.outputs[0], op.inputs[0], op.inputs[1])
    shapes = merged([graph.tensor(n).shape for n in names])
    fields: dict[str, Any] = {
        "dims": (1,) * (4 - len(shapes[0])) + shapes[0],
        "step_a": steps(shapes[1]),
        "step_b": steps(shapes[2]),
    }
    for k, key in ((0, "operand_a"), (1, "operand_b")):
        data = constant(graph, op, k)
        if data is not None:
            fields[key] = data
    return fields


def _scales(op: Op, a: Quant, b: Quant, out: Quant) -> dict[str, tuple[int, int]]:
    """Factors of both operands and of the result, as the reference's Prepare computes them."""
    s_a, s_b, s_out = float_scale(a), float_scale(b), float_scale(out)
    if op.kind in ("ADD", "SUB"):
        twice = 2.0 * float(max(s_a, s_b))
        return {
            "a": quantize_multiplier(float(s_a) / twice),
            "b": quantize_multiplier(float(s_b) / twice),
            "out": quantize_multiplier(twice / ((1 << 20) * float(s_out))),
        }
    if op.kind == "MUL":
        return {"out": quantize_multiplier(float(s_a * s_b / s_out))}
    if op.kind == "PRELU":
        return {
            "out": quantize_multiplier(float(s_a / s_out)),
            "b": quantize_multiplier(float(s_a * s_b / s_out)),
        }
    return {}


def pair(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """Two int8 maps, or one and a constant."""
    if not int8_op(graph, op, *PAIRS):
        return None
    a, b = graph.tensor(op.inputs[0]), graph.tensor(op.inputs[1])
    out = graph.tensor(op.outputs[0])
    assert a.quant is not None
    assert b.quant is not None
    assert out.quant is not None
    low, high = activation_range(int(op.attrs.get("activation", 0)), out.quant)
    fields = pair_geometry(graph, op)
    fields |= {
        "zero_a": zero_of(a), "zero_b": zero_of(b), "zero_out": zero_of(out),
        "act_min": low, "act_max": high,
    }  # fmt: skip
    for key, (multiplier, shift) in _scales(op, a.quant, b.quant, out.quant).items():
        fields |= {f"multiplier_{key}": multiplier, f"shift_{key}": shift}
    inputs = tuple(t.name for t in (a, b) if t.data is None)
    return Rewrite((Op(PAIRS[op.kind], op.name, inputs, op.outputs, fields),))


def evaluate_pair(kind: str, f: dict[str, Any], qa: Array, qb: Array) -> Array:
    """What the kernel of this kind computes, for arrays."""
    xa, xb = qa.astype(np.int64) - f["zero_a"], qb.astype(np.int64) - f["zero_b"]
    out = (f.get("multiplier_out", 0), f.get("shift_out", 0))
    if kind in ("minimum_i8", "maximum_i8"):
        return np.minimum(qa, qb) if kind == "minimum_i8" else np.maximum(qa, qb)
    if kind in ("add_i8", "sub_i8"):
        sa = rescale(xa << 20, f["multiplier_a"], f["shift_a"])
        sb = rescale(xb << 20, f["multiplier_b"], f["shift_b"])
        y = rescale(sa + sb if kind == "add_i8" else sa - sb, *out)
    elif kind == "mul_i8":
        y = rescale(xa * xb, *out)
    else:
        y = np.where(xa >= 0, rescale(xa, *out), rescale(xa * xb, f["multiplier_b"], f["shift_b"]))
    return np.clip(y + f["zero_out"], f["act_min"], f["act_max"])


def scalar_pair(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A map and one constant number: a table."""
    if op.kind not in PAIRS.values():
        return None
    key = next((k for k in ("operand_a", "operand_b") if k in op.attrs), None)
    if key is None or op.attrs[key].size != 1:
        return None
    number = np.full(256, int(op.attrs[key].reshape(-1)[0]))
    pair_of = (number, ALL) if key == "operand_a" else (ALL, number)
    values = evaluate_pair(op.kind, dict(op.attrs), *pair_of)
    return Rewrite((table_op(op, graph.tensor(op.inputs[0]), values),))


def pool(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """AVERAGE_POOL_2D and MAX_POOL_2D on int8 maps."""
    if not int8_op(graph, op, "AVERAGE_POOL_2D", "MAX_POOL_2D"):
        return None
    out = graph.tensor(op.outputs[0])
    low, high = activation_range(int(op.attrs.get("activation", 0)), out.quant)
    fields = {**pool_geometry(graph, op), "act_min": low, "act_max": high}
    kind = "average_pool_i8" if op.kind == "AVERAGE_POOL_2D" else "max_pool_i8"
    return Rewrite((Op(kind, op.name, op.inputs[:1], op.outputs, fields),))


def pool_geometry(graph: Graph, op: Op) -> dict[str, Any]:
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    fields: dict[str, Any] = {
        "in_h": a.shape[1], "in_w": a.shape[2], "channels": a.channels,
        "out_h": out.shape[1], "out_w": out.shape[2],
        "k_h": op.attrs["filter_h"], "k_w": op.attrs["filter_w"],
        "stride_h": op.attrs["stride_h"], "stride_w": op.attrs["stride_w"],
    }  # fmt: skip
    for k, name, side in ((1, "h", "top"), (2, "w", "left")):
        fields[f"pad_{side}"] = geometry.pad_before(
            a.shape[k], out.shape[k], int(op.attrs[f"filter_{name}"]),
            int(op.attrs[f"stride_{name}"]), 1, int(op.attrs["padding"]),
        )  # fmt: skip
    return fields


def reduced_axes(graph: Graph, op: Op) -> tuple[tuple[int, ...], int, int]:
    """(dims of four, bits of reduced axes, elements reduced into one)."""
    shape = graph.tensor(op.inputs[0]).shape
    axes = constant(graph, op, 1)
    assert axes is not None
    extra = 4 - len(shape)
    gone = {int(v) % len(shape) for v in axes.flat}
    bits = sum(1 << (extra + k) for k in gone)
    return (1,) * extra + shape, bits, int(np.prod([shape[k] for k in gone], dtype=np.int64))


def reduce(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """MEAN, SUM, REDUCE_MAX and REDUCE_MIN on int8 maps.

    MEAN divides the multiplier by the count: shifted left as far as 64 bits allow, then divided
    toward zero (QuantizedMeanOrSum in reduce.h).
    """
    if not int8_op(graph, op, "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
        return None
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    dims, bits, count = reduced_axes(graph, op)
    fields: dict[str, Any] = {"dims": dims, "reduce": bits}
    s_in, s_out = float_scale(a.quant), float_scale(out.quant)
    if op.kind == "MEAN":
        m, shift = quantize_multiplier(float(s_in) / float(s_out))
        by = min(count.bit_length() - 1, 32, 31 + shift)
        fields |= {"in_zero": zero_of(a), "out_zero": zero_of(out)}
        fields |= {"multiplier": (m << by) // count, "shift": shift - by}
    elif op.kind == "SUM":
        scale = s_in / s_out
        bias = np.float32(-zero_of(a)) * scale * np.float32(count)
        fields |= {"out_zero": zero_of(out), "scale": scale, "bias": bias}
    return Rewrite((Op(f"{op.kind.lower()}_i8", op.name, (a.name,), op.outputs, fields),))


def softmax(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """SOFTMAX on int8 maps."""
    if not int8_op(graph, op, "SOFTMAX"):
        return None
    a = graph.tensor(op.inputs[0])
    exponentials = softmax_exponentials(float(op.attrs.get("beta", 1.0)), float_scale(a.quant))
    fields = {
        "rows": a.elements // a.channels, "depth": a.channels,
        "terms": len(exponentials), "exp": exponentials,
    }  # fmt: skip
    return Rewrite((Op("softmax_i8", op.name, (a.name,), op.outputs, fields),))


def bilinear(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """RESIZE_BILINEAR on int8 maps."""
    if not int8_op(graph, op, "RESIZE_BILINEAR"):
        return None
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    align, half = bool(op.attrs["align_corners"]), bool(op.attrs["half_pixel_centers"])
    fields: dict[str, Any] = {
        "in_w": a.shape[2], "channels": a.channels, "out_h": out.shape[1], "out_w": out.shape[2],
    }  # fmt: skip
    for k, axis in ((1, "y"), (2, "x")):
        low, high, weight = bilinear_axis(a.shape[k], out.shape[k], align, half)
        fields |= {f"{axis}0": low.astype(np.uint16), f"{axis}1": high.astype(np.uint16)}
        fields[f"w{axis}"] = weight.astype(np.int32)
    return Rewrite((Op("bilinear_i8", op.name, (a.name,), op.outputs, fields),))


def affine(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """QUANTIZE from float32 and DEQUANTIZE to it."""
    if op.kind not in ("QUANTIZE", "DEQUANTIZE"):
        return None
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    quantizing = op.kind == "QUANTIZE"
    if (a.dtype, out.dtype) != (("float32", "int8") if quantizing else ("int8", "float32")):
        return None
    side = out if quantizing else a
    kind = "quantize_f32_i8" if quantizing else "dequantize_i8_f32"
    fields = {"count": a.elements, "scale": float_scale(side.quant), "zero": zero_of(side)}
    return Rewrite((Op(kind, op.name, (a.name,), op.outputs, fields),))


def fold_tables(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A table behind a table becomes one."""
    if op.kind != "table_i8":
        return None
    before = graph.producer(op.inputs[0] or "")
    if before is None or before.kind not in ("table_i8", "table_u8_i8"):
        return None
    if graph.sole_consumer(before.outputs[0]) is not op:
        return None
    composed = op.attrs["table"][before.attrs["table"].view(np.uint8)]
    attrs = {**before.attrs, "table": composed}
    return Rewrite((Op(before.kind, op.name, before.inputs, op.outputs, attrs),), (), (before,))
