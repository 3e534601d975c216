"""Consecutive layers of a planar network run a few rows at a time.

A chain (`convert.lower.chain`) becomes one operation "stream": a list of kernel calls on windows of
rows, in the order that `convert.stream.schedule` finds. Only the last map of the chain exists as a
whole, and the first one where the chain begins at a map.

A window holds rows [low, high) of a map. In each of its planes they lie from bit `origin` on, which
is chosen so that the next rows begin at a word: kernels write whole words and read any bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from convert.ir import Graph, Op, Tensor
from convert.lower.chain import LEVEL, MAP, POOL, Link, chain_at, find_chain, stages_of
from convert.planar.geometry import maxpool_scratch, plane_words
from convert.stream.check import check_schedule
from convert.stream.check_calls import check_calls
from convert.stream.schedule import Run, Schedule, Slide, schedule

SOURCE = -1  # the map that a chain begins at


@dataclass(frozen=True)
class StreamCall:
    """One kernel call of a stream.

    Attributes:
        layer: index of the layer, in the stream, that it belongs to.
        kind: "encode", "level", "split", "conv", "pair", "maxpool" or "slide".
        fields: descriptor fields that differ from the layer's own.
        read, write: (output number of the stream operation, or SOURCE, and byte offset); None is
            the picture.
        rows: (first, count) of the picture's rows, for "encode" and "level".
    """

    layer: int
    kind: str
    fields: Mapping[str, int]
    read: tuple[int, int] | None
    write: tuple[int, int]
    rows: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Inner:
    """The graph that a stream was made from; it describes the layers inside."""

    graph: Graph

    def __repr__(self) -> str:
        return "<graph>"


@dataclass
class _Window:
    """Where the rows of a map lie now."""

    output: int
    planes: int
    width: int
    stride: int
    low: int = 0
    high: int = 0
    origin: int = 0

    def bit(self, row: int) -> int:
        return self.origin + (row - self.low) * self.width


@dataclass
class _Builder:
    """Turns a schedule into calls; the windows move along."""

    links: tuple[Link, ...]
    windows: list[_Window]
    picture_h: int
    phases: int
    calls: list[StreamCall] = field(default_factory=list)
    phase_bytes: int = 0
    scratch_bytes: int = 4

    def slide(self, stage: int, low: int) -> None:
        """Keeps rows from `low` on, where the next rows can follow at a word."""
        w = self.windows[stage]
        kept = w.high - low
        origin = -kept * w.width % 32
        begin = w.bit(low)
        if kept and begin != origin:
            fields = {
                "planes": w.planes,
                "stride": w.stride,
                "from": begin,
                "to": origin,
                "bits": kept * w.width,
            }
            place = (w.output, 0)
            self.calls.append(StreamCall(stage, "slide", fields, place, place))
        w.low, w.origin = low, origin

    def target(self, stage: int, first: int) -> tuple[tuple[int, int], int]:
        """Where new rows go: ((output, byte offset), words between planes)."""
        w = self.windows[stage]
        if w.bit(first) % 32:
            self.slide(stage, w.low)
        return (w.output, w.bit(first) // 8), w.stride

    def encode(self, run: Run) -> None:
        write, stride = self.target(0, run.first)
        step = self.links[0].step
        first = run.first * step
        rows = min(self.picture_h - first, run.rows * step)
        fields = {"h": rows, "out_stride": stride}
        self.calls.append(StreamCall(0, "encode", fields, None, write, (first, rows)))

    def level(self, run: Run) -> None:
        """Rows of a table convolution, which pads the picture as a whole."""
        s = self.links[0].op.attrs["shape"]
        write, stride = self.target(0, run.first)
        step = self.links[0].step
        first = run.first * step
        rows = min(s.out_h - first, run.rows * step)
        begin = first * s.stride_h - s.pad_top
        end = begin + (rows - 1) * s.stride_h + (s.k_h - 1) * s.dilation_h + 1
        low, high = max(0, begin), min(self.picture_h, end)
        fields = {"in_h": high - low, "pad_top": low - begin, "out_h": rows, "out_stride": stride}
        self.calls.append(StreamCall(0, "level", fields, None, write, (low, high - low)))

    def conv(self, run: Run) -> None:
        """A convolution, or two branches that read the same rows."""
        link, before = self.links[run.stage], self.windows[run.stage - 1]
        shapes = link.shapes
        s = next(iter(shapes.values()))
        rows = run.in_high - run.in_low
        write, stride = self.target(run.stage, run.first)
        step = self.links[run.stage - 1].step
        read, in_h, in_w, in_stride, origin = (
            (before.output, 0), rows, before.width, before.stride, before.origin
        )  # fmt: skip
        if link.split is not None:
            in_h, in_w = -(-rows // s.stride_h), -(-s.in_w // s.stride_w)
            in_stride = plane_words(in_h, in_w)
            fields = {
                "in_h": rows, "in_w": s.in_w, "in_stride": before.stride, "in_origin": origin,
                "out_stride": in_stride,
            }  # fmt: skip
            self.calls.append(StreamCall(run.stage, "split", fields, read, (self.phases, 0)))
            planes = before.planes * s.stride_h * s.stride_w
            self.phase_bytes = max(self.phase_bytes, 4 * planes * in_stride)
            read, origin = (self.phases, 0), 0
        fields = {}
        for name, shape in shapes.items():
            branch = {
                "in_h": in_h, "in_w": in_w, "in_stride": in_stride, "in_origin": origin,
                "out_h": run.rows, "out_stride": stride,
                "pad_top": shape.pad_top - run.first * s.stride_h + run.in_low * step,
            }  # fmt: skip
            fields |= {f"{name}{field}": value for field, value in branch.items()}
        kind = "pair" if len(shapes) > 1 else "conv"
        self.calls.append(StreamCall(run.stage, kind, fields, read, write))

    def pool(self, run: Run) -> None:
        link, before = self.links[run.stage], self.windows[run.stage - 1]
        a = link.op.attrs
        write, stride = self.target(run.stage, run.first)
        rows = run.in_high - run.in_low
        fields = {
            "in_h": rows, "in_stride": before.stride, "in_origin": before.origin,
            "out_h": run.rows, "out_stride": stride,
            "pad_top": a["pad_top"] - run.first * a["stride_h"] + run.in_low,
        }  # fmt: skip
        sizes = (rows, before.width), (run.rows, link.width)
        taken = maxpool_scratch(*sizes, {**a, "pad_top": fields["pad_top"]})
        self.scratch_bytes = max(self.scratch_bytes, taken)
        read = (before.output, 0)
        self.calls.append(StreamCall(run.stage, "maxpool", fields, read, write))

    def follow(self, plan: Schedule) -> None:
        for step in plan.steps:
            if isinstance(step, Slide):
                self.slide(step.stage, step.low)
                continue
            if step.stage == 0 and self.links[0].op.kind == LEVEL:
                self.level(step)
            elif step.stage == 0:
                self.encode(step)
            elif self.links[step.stage].op.kind == POOL:
                self.pool(step)
            else:
                self.conv(step)
            self.windows[step.stage].high = step.first + step.rows


def stream(graph: Graph, length: int, fed: bool = False, at: str | None = None) -> Graph:
    """The graph with the first `length` links of a chain as one operation.

    Args:
        graph: planar (`to_planar`).
        length: encoder or first map included: 2 or more, at most the chain's links.
        fed: the picture's rows come while the network runs; it is never in memory as a whole.
        at: name of the chain's first layer, which reads a map; None for the chain that begins at
            the picture.

    Raises:
        ValueError: there is no such chain.
    """
    whole = find_chain(graph, fed) if at is None else chain_at(graph, at)
    links = whole[:length]
    if length < 2 or len(links) != length:
        raise ValueError(f"no chain of {length} layers begins at {at or 'the picture'}")
    plan = schedule(stages_of(links), given=at is not None)
    check_schedule(plan)
    tensors, windows = _windows(links, plan)
    last = links[-1].out
    name = f"{last.name}.stream"
    reads = (links[0].op.inputs if at is None else links[0].op.outputs)[:1]
    rows = graph.tensor(reads[0]).shape[1]
    builder = _Builder(links, windows, rows, phases=len(tensors) + 2)
    builder.follow(plan)
    check_calls(links, builder.calls, {w.output: 32 * w.stride for w in windows})
    layers = [link.op for link in links[1:] if link.op.kind != POOL]
    taken = max([builder.scratch_bytes, *(graph.tensor(op.outputs[1]).bytes for op in layers)])
    tensors.append(Tensor(f"{name}.scratch", (taken,), "uint8"))
    tensors.append(Tensor(f"{name}.phases", (max(4, builder.phase_bytes),), "uint8"))
    attrs: dict[str, Any] = {
        "links": links,
        "calls": tuple(builder.calls),
        "schedule": plan,
        "fed": fed,
        "inner": Inner(graph),
    }
    made = Op("stream", name, () if fed else reads, (last.name, *(t.name for t in tensors)), attrs)
    gone = {id(op) for link in links for op in (link.op, link.split)}
    ops = []
    for op in graph.ops:
        if op is links[-1].op:
            ops.append(made)
        elif id(op) not in gone:
            ops.append(op)
    ports = graph.inputs
    if fed:
        ports = tuple(replace(p, fed=p.fed or p.tensor == reads[0]) for p in ports)
    return replace(graph, inputs=ports).with_ops(ops, tensors)


def _windows(links: tuple[Link, ...], plan: Schedule) -> tuple[list[Tensor], list[_Window]]:
    """Memory of each link's rows, and how they lie there at first."""
    last = links[-1].out
    tensors: list[Tensor] = []
    windows: list[_Window] = []
    for k, link in enumerate(links):
        planes, width, height = link.out.channels, link.width, link.out.shape[1]
        if k + 1 == len(links):
            windows.append(_Window(0, planes, width, plane_words(height, width)))
        elif link.op.kind == MAP:
            stride = plane_words(height, width)
            windows.append(_Window(SOURCE, planes, width, stride, high=height))
        else:
            stride = -(-(31 + plan.capacity[k] * width) // 32)
            size = (4 * stride * planes,)
            tensors.append(Tensor(f"{last.name}.stream.window{k}", size, "uint8"))
            windows.append(_Window(len(tensors), planes, width, stride))
    return tensors, windows
