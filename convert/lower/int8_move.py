"""Operators that only rearrange: all become nested copies of runs of bytes.

A loop is (count, step in the source, step in the target, index or None), in elements. Loops that
continue each other are merged, and the innermost contiguous ones become the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.builtin_rules import constant
from convert.ir import ITEM_BYTES, Array, Graph, Op, Tensor
from convert.lower.int8_conv import zero_of
from convert.lower.rewrite import Context, Rewrite
from convert.resize import nearest_axis
from convert.rules import Refusal

LOOPS = 5


@dataclass(frozen=True)
class Loop:
    count: int
    source: int
    target: int
    index: Array | None = None


@dataclass(frozen=True)
class Copy:
    """One call of the copy kernel, or of the fill kernel when `source` is None.

    Attributes:
        source: "in0", "in1", …, or an array's name with "@"; None fills.
        target: "out0", "out1", …
        fields: of the descriptor, arrays included.
    """

    source: str | None
    target: str
    fields: dict[str, Any]


def strides(shape: tuple[int, ...]) -> list[int]:
    return [math.prod(shape[k + 1 :]) for k in range(len(shape))]


def simplified(loops: list[Loop]) -> tuple[list[Loop], int]:
    """Merged loops and the run, in elements."""
    out: list[Loop] = []
    for loop in loops:
        if loop.count == 1 and loop.index is None:
            continue
        last = out[-1] if out else None
        if (
            last is not None
            and last.index is None
            and loop.index is None
            and last.source == loop.source * loop.count
            and last.target == loop.target * loop.count
            and last.count * loop.count <= 65535
        ):
            out[-1] = Loop(last.count * loop.count, loop.source, loop.target)
        else:
            out.append(loop)
    run = 1
    while out and out[-1].index is None and out[-1].source == out[-1].target == run:
        run *= out.pop().count
    return out, run


def copies(
    loops: list[Loop], item: int, source: str, target: str, start: tuple[int, int] = (0, 0)
) -> list[Copy]:
    """The calls for nested loops; more than five loops unroll the outermost.

    Args:
        loops: outermost first.
        item: bytes an element.
        source, target: places of `Copy`.
        start: first element in source and target.
    """
    merged, run = simplified(loops)
    if len(merged) > LOOPS:
        head, rest = merged[0], [*merged[1:], Loop(run, 1, 1)]
        out = []
        for i in range(head.count):
            at = int(head.index[i]) if head.index is not None else i
            begin = (start[0] + at * head.source, start[1] + i * head.target)
            out += copies(rest, item, source, target, begin)
        return out
    full = [Loop(1, 0, 0)] * (LOOPS - len(merged)) + merged
    fields: dict[str, Any] = {
        "count": tuple(loop.count for loop in full),
        "from": tuple(loop.source * item for loop in full),
        "to": tuple(loop.target * item for loop in full),
        "index": tuple(
            None if loop.index is None else loop.index.astype(np.uint16) for loop in full
        ),
        "from_start": start[0] * item,
        "to_start": start[1] * item,
        "run": run * item,
    }
    return [Copy(source, target, fields)]


def _pad(graph: Graph, op: Op) -> list[Copy]:
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    pads = constant(graph, op, 1)
    assert pads is not None
    before = [int(v) for v in pads.reshape(-1, 2)[:, 0]]
    item, given = ITEM_BYTES[a.dtype], constant(graph, op, 2)
    value = given.reshape(-1)[0] if given is not None else zero_of(out)
    word = np.array(value, a.dtype).tobytes().ljust(4, b"\0")
    fill = {"count": out.elements, "unit": item, "value": np.frombuffer(word, np.uint32)[0]}
    loops = [
        Loop(n, s, t) for n, s, t in zip(a.shape, strides(a.shape), strides(out.shape), strict=True)
    ]
    start = sum(b * t for b, t in zip(before, strides(out.shape), strict=True))
    return [Copy(None, "out0", fill), *copies(loops, item, "in0", "out0", (0, start))]


def _transpose(graph: Graph, op: Op) -> list[Copy]:
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    order = constant(graph, op, 1)
    assert order is not None
    from_steps, to_steps = strides(a.shape), strides(out.shape)
    loops = [
        Loop(out.shape[k], from_steps[int(axis)], to_steps[k])
        for k, axis in enumerate(order.reshape(-1))
    ]
    return copies(loops, ITEM_BYTES[a.dtype], "in0", "out0")


def _concatenate(graph: Graph, op: Op) -> list[Copy]:
    out = graph.tensor(op.outputs[0])
    axis = int(op.attrs["axis"]) % len(out.shape)
    to_steps, item = strides(out.shape), ITEM_BYTES[out.dtype]
    done, free, calls = 0, 0, []
    for k, name in enumerate(op.inputs):
        a = graph.tensor(name)
        loops = [Loop(n, s, t) for n, s, t in zip(a.shape, strides(a.shape), to_steps, strict=True)]
        place = f"in{free}" if a.data is None else f"@part{k}"
        calls += copies(loops, item, place, "out0", (0, done * to_steps[axis]))
        done += a.shape[axis]
        free += a.data is None
    return calls


def _split(graph: Graph, op: Op) -> list[Copy]:
    a, where = graph.tensor(op.inputs[1]), constant(graph, op, 0)
    assert where is not None
    axis = int(where.reshape(-1)[0]) % len(a.shape)
    done, calls = 0, []
    for k, name in enumerate(op.outputs):
        out = graph.tensor(name)
        loops = [
            Loop(n, s, t)
            for n, s, t in zip(out.shape, strides(a.shape), strides(out.shape), strict=True)
        ]
        start = (done * strides(a.shape)[axis], 0)
        calls += copies(loops, ITEM_BYTES[a.dtype], "in0", f"out{k}", start)
        done += out.shape[axis]
    return calls


def slice_axes(shape: tuple[int, ...], op: Op, begin: Array, end: Array, step: Array) -> list[Any]:
    """(first, count, step) of each axis, with masks and clamping as in strided_slice_logic.h."""
    out = []
    for k, size in enumerate(shape):
        if k >= len(begin):
            out.append((0, size, 1))
            continue
        stride = int(step[k])
        bit = 1 << k
        single = bool(int(op.attrs.get("shrink_axis_mask", 0)) & bit)
        first: int | None = int(begin[k])
        last: int | None = int(end[k])
        if int(op.attrs.get("begin_mask", 0)) & bit:
            first = None
        if int(op.attrs.get("end_mask", 0)) & bit:
            last = None
        if single:
            at = (first or 0) % size
            out.append((at, 1, 1))
            continue
        places = range(size)[slice(first, last, stride)]
        out.append((places.start, len(places), stride))
    return out


def _strided_slice(graph: Graph, op: Op) -> list[Copy]:
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    bounds = [constant(graph, op, k) for k in (1, 2, 3)]
    begin, end, step = (np.zeros(0) if b is None else b.reshape(-1) for b in bounds)
    axes = slice_axes(a.shape, op, begin, end, step)
    to_steps = strides(tuple(count for _, count, _ in axes))
    from_steps = strides(a.shape)
    assert math.prod(count for _, count, _ in axes) == out.elements
    loops = [Loop(axes[k][1], axes[k][2] * from_steps[k], to_steps[k]) for k in range(len(axes))]
    start = sum(axes[k][0] * from_steps[k] for k in range(len(axes)))
    return copies(loops, ITEM_BYTES[a.dtype], "in0", "out0", (start, 0))


def _gather(graph: Graph, op: Op) -> list[Copy]:
    a, index = graph.tensor(op.inputs[0]), constant(graph, op, 1)
    assert index is not None
    axis = int(op.attrs.get("axis", 0)) % len(a.shape)
    outer, inner = math.prod(a.shape[:axis]), math.prod(a.shape[axis + 1 :])
    n = index.size
    loops = [
        Loop(outer, inner * a.shape[axis], inner * n),
        Loop(n, inner, inner, index.reshape(-1)),
        Loop(inner, 1, 1),
    ]
    return copies(loops, ITEM_BYTES[a.dtype], "in0", "out0")


def _tile(graph: Graph, op: Op) -> list[Copy]:
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    times = constant(graph, op, 1)
    assert times is not None
    loops = []
    for n, t, s, d in zip(
        a.shape, times.reshape(-1), strides(a.shape), strides(out.shape), strict=True
    ):
        loops += [Loop(int(t), 0, n * d), Loop(n, s, d)]
    return copies(loops, ITEM_BYTES[a.dtype], "in0", "out0")


def _nearest(graph: Graph, op: Op) -> list[Copy]:
    a, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    align, half = bool(op.attrs["align_corners"]), bool(op.attrs["half_pixel_centers"])
    from_steps, to_steps = strides(a.shape), strides(out.shape)
    loops = [
        Loop(out.shape[k], from_steps[k], to_steps[k],
             nearest_axis(a.shape[k], out.shape[k], align, half))
        for k in (1, 2)
    ]  # fmt: skip
    loops.append(Loop(a.channels, 1, 1))
    return copies(loops, ITEM_BYTES[a.dtype], "in0", "out0")


def _block_loops(small: Tensor, block: int, deep_is_source: bool) -> list[Loop]:
    """Loops over [h][block][w][block][c] between a deep map and a wide one (`small`)."""
    height, width, c = small.shape[1] // block, small.shape[2] // block, small.channels
    deep = [width * block * block * c, block * c, block * block * c, c, 1]
    wide = [block * width * block * c, width * block * c, block * c, c, 1]
    counts = [height, block, width, block, c]
    source, target = (deep, wide) if deep_is_source else (wide, deep)
    return [Loop(n, s, t) for n, s, t in zip(counts, source, target, strict=True)]


def _depth_to_space(graph: Graph, op: Op) -> list[Copy]:
    out = graph.tensor(op.outputs[0])
    loops = _block_loops(out, int(op.attrs["block_size"]), deep_is_source=True)
    return copies(loops, ITEM_BYTES[out.dtype], "in0", "out0")


def _space_to_depth(graph: Graph, op: Op) -> list[Copy]:
    a = graph.tensor(op.inputs[0])
    loops = _block_loops(a, int(op.attrs["block_size"]), deep_is_source=False)
    return copies(loops, ITEM_BYTES[a.dtype], "in0", "out0")


MOVES: dict[str, Callable[[Graph, Op], list[Copy]]] = {
    "PAD": _pad,
    "PADV2": _pad,
    "TRANSPOSE": _transpose,
    "CONCATENATION": _concatenate,
    "SPLIT": _split,
    "STRIDED_SLICE": _strided_slice,
    "GATHER": _gather,
    "TILE": _tile,
    "RESIZE_NEAREST_NEIGHBOR": _nearest,
    "DEPTH_TO_SPACE": _depth_to_space,
    "SPACE_TO_DEPTH": _space_to_depth,
}


def _reach(fields: dict[str, Any], side: str) -> tuple[int, int]:
    """First and last-but-one byte that a copy touches on a side, "from" or "to"."""
    low = high = int(fields[f"{side}_start"])
    for k, (count, step) in enumerate(zip(fields["count"], fields[side], strict=True)):
        index = fields["index"][k] if side == "from" else None
        ends = (0, count - 1) if index is None else (int(index.min()), int(index.max()))
        low += min(ends[0] * step, ends[1] * step)
        high += max(ends[0] * step, ends[1] * step)
    return low, high + int(fields["run"])


def misfit(graph: Graph, op: Op, made: list[Copy]) -> str:
    """What is wrong with copies that read or write outside a map, or do not fill one; or ""."""
    filled = dict.fromkeys(op.outputs, 0)
    computed = [n for n in op.inputs if n is not None and graph.tensor(n).data is None]
    for copy in made:
        out = graph.tensor(op.outputs[int(copy.target.lstrip("out"))])
        if copy.source is None:
            if copy.fields["count"] * copy.fields["unit"] == out.bytes:
                filled[out.name] = out.bytes
            continue
        if copy.source.startswith("in"):
            a = graph.tensor(computed[int(copy.source.lstrip("in"))])
        else:
            a = graph.tensor(op.inputs[int(copy.source.lstrip("@part"))])
        for t, side in ((a, "from"), (out, "to")):
            low, high = _reach(copy.fields, side)
            if low < 0 or high > t.bytes:
                return f"bytes {low} to {high} of {t.text()}"
        if filled[out.name] < out.bytes:
            filled[out.name] += math.prod(copy.fields["count"]) * int(copy.fields["run"])
    short = [name for name, n in filled.items() if n != graph.tensor(name).bytes]
    return f"{filled[short[0]]} bytes for {graph.tensor(short[0]).text()}" if short else ""


def move(graph: Graph, op: Op, context: Context) -> Rewrite | Refusal | None:
    """Whatever only rearranges becomes copies."""
    if op.kind not in MOVES or graph.tensor(op.outputs[0]).dtype not in ("int8", "float32"):
        return None
    try:
        made = MOVES[op.kind](graph, op)
        fault = misfit(graph, op, made)
    except (AssertionError, IndexError, ValueError, ZeroDivisionError, OverflowError) as error:
        fault = str(error) or "parameters that contradict each other"
    if fault:
        rule = f"{op.kind}: parameters and the shapes of input and output agree"
        return Refusal(op.name, rule, fault, "convert again: the file is damaged")
    attrs: dict[str, Any] = {"copies": tuple(made), "moves": op.kind.lower()}
    if op.kind == "CONCATENATION":
        for k, name in enumerate(op.inputs):
            data = graph.tensor(name).data
            if data is not None:
                attrs[f"part{k}"] = data
    inputs = tuple(n for n in op.inputs if n is not None and graph.tensor(n).data is None)
    return Rewrite((Op("move", op.name, inputs, op.outputs, attrs),))
