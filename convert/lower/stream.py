"""The first layers of a planar network run a few rows at a time.

The chain from the input encoder on, as far as every map has one reader, becomes one operation
"stream": a list of kernel calls on windows of rows, in the order that `convert.stream.schedule`
finds. Only the last map of the chain exists as a whole.

A window holds rows [low, high) of a map. In each of its planes they lie from bit `origin` on, which
is chosen so that the next rows begin at a word: kernels write whole words and read any bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from convert.ir import Graph, Op, Tensor
from convert.planar.geometry import ConvShape, maxpool_scratch, plane_words
from convert.stream.check import check_schedule
from convert.stream.schedule import Run, Schedule, Slide, Stage, schedule

POOL = "planar_bmaxpool2d_bits"


@dataclass(frozen=True)
class StreamCall:
    """One kernel call of a stream.

    Attributes:
        layer: index of the layer, in the stream, that it belongs to.
        kind: "encode", "split", "conv", "maxpool" or "slide".
        fields: descriptor fields that differ from the layer's own.
        read, write: (output number of the stream operation, byte offset); None is the picture.
        rows: (first, count) of the picture's rows, for "encode".
    """

    layer: int
    kind: str
    fields: Mapping[str, int]
    read: tuple[int, int] | None
    write: tuple[int, int]
    rows: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Link:
    """A layer of the chain: its operation, the phases made in front of it, and its output map.

    An encoder may write phases: its map then has a row for every `step` rows of the picture.
    """

    op: Op
    split: Op | None
    out: Tensor

    @property
    def width(self) -> int:
        return self.out.shape[2]

    @property
    def step(self) -> int:
        return int(self.op.attrs.get("stride_h", 1)) if self.is_encoder else 1

    @property
    def is_encoder(self) -> bool:
        return self.op.kind == "planar_encode_u8"

    @property
    def is_pool(self) -> bool:
        return self.op.kind == POOL


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


def find_chain(graph: Graph) -> tuple[Link, ...]:
    """Encoder, and binary convolutions and poolings that follow it, each the only reader of the one
    before."""
    first = next((op for op in graph.ops if op.kind == "planar_encode_u8"), None)
    if first is None:
        return ()
    links = [Link(first, None, graph.tensor(first.outputs[0]))]
    while True:
        split = None
        reader = graph.sole_consumer(links[-1].out.name)
        if reader is not None and reader.kind == "split_planes":
            split, reader = reader, graph.sole_consumer(reader.outputs[0])
        if reader is not None and reader.kind == POOL and split is None and links[-1].step == 1:
            links.append(Link(reader, None, graph.tensor(reader.outputs[0])))
            continue
        if reader is None or reader.kind != "planar_conv_bits":
            return tuple(links)
        shape: ConvShape = reader.attrs["shape"]
        phased = links[-1].step > 1
        if shape.dilation_h != 1 or (phased and shape.stride_h != links[-1].step):
            return tuple(links)
        links.append(Link(reader, split, graph.tensor(reader.outputs[0])))


def whole_words(width: int, height: int) -> int:
    """Rows in a batch so that it fills whole words; the map's rows where it is smaller."""
    return min(height, 32 // math.gcd(width, 32))


def stages_of(links: tuple[Link, ...]) -> tuple[Stage, ...]:
    """The chain as the scheduler sees it."""
    stages = []
    for before, link in zip((None, *links), links, strict=False):
        out_h, batch = link.out.shape[1], whole_words(link.width, link.out.shape[1])
        if before is None:
            stages.append(Stage(out_h, out_h, 1, 1, 0, batch))
            continue
        if link.is_pool:
            a = link.op.attrs
            in_h = before.out.shape[1]
            stages.append(Stage(in_h, out_h, a["k_h"], a["stride_h"], a["pad_top"], batch))
            continue
        s: ConvShape = link.op.attrs["shape"]
        if before.step == 1:
            stages.append(Stage(s.in_h, out_h, s.k_h, s.stride_h, s.pad_top, batch))
        else:  # in rows of phases, of which tap ky reads row y + floor((ky - pad) / step)
            low, high = (tap // before.step for tap in (-s.pad_top, s.k_h - 1 - s.pad_top))
            stages.append(Stage(before.out.shape[1], out_h, high - low + 1, 1, -low, batch))
    return tuple(stages)


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

    def conv(self, run: Run) -> None:
        link, before = self.links[run.stage], self.windows[run.stage - 1]
        s: ConvShape = link.op.attrs["shape"]
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
        fields = {
            "in_h": in_h, "in_w": in_w, "in_stride": in_stride, "in_origin": origin,
            "out_h": run.rows, "out_stride": stride,
            "pad_top": s.pad_top - run.first * s.stride_h + run.in_low * step,
        }  # fmt: skip
        self.calls.append(StreamCall(run.stage, "conv", fields, read, write))

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
            if step.stage == 0:
                self.encode(step)
            elif self.links[step.stage].is_pool:
                self.pool(step)
            else:
                self.conv(step)
            self.windows[step.stage].high = step.first + step.rows


def stream(graph: Graph, length: int, fed: bool = False) -> Graph:
    """The graph with the first `length` layers of its chain, encoder included, as one operation.

    Args:
        graph: planar (`to_planar`).
        length: 2 or more, at most len(find_chain(graph)).
        fed: the picture's rows come while the network runs; it is never in memory as a whole.

    Raises:
        ValueError: there is no such chain.
    """
    links = find_chain(graph)[:length]
    if length < 2 or len(links) != length:
        raise ValueError(f"no chain of {length} layers begins at the encoder")
    plan = schedule(stages_of(links))
    check_schedule(plan)
    last = links[-1].out
    name = f"{last.name}.stream"
    tensors, windows = [], []
    for k, link in enumerate(links):
        planes, width = link.out.channels, link.width
        if k + 1 < length:
            stride = -(-(31 + plan.capacity[k] * width) // 32)
            tensors.append(Tensor(f"{name}.window{k}", (4 * stride * planes,), "uint8"))
            windows.append(_Window(k + 1, planes, width, stride))
        else:
            windows.append(_Window(0, planes, width, plane_words(last.shape[1], width)))
    shapes = [
        (link.op.attrs["shape"], link.op.attrs["chunks"]) for link in links[1:] if not link.is_pool
    ]
    picture = graph.tensor(links[0].op.inputs[0])
    builder = _Builder(links, windows, picture.shape[1], phases=length + 1)
    builder.follow(plan)
    taken = max([builder.scratch_bytes, *(chunks.scratch(shape) for shape, chunks in shapes)])
    tensors.append(Tensor(f"{name}.scratch", (taken,), "uint8"))
    tensors.append(Tensor(f"{name}.phases", (max(4, builder.phase_bytes),), "uint8"))
    image = links[0].op.inputs[0] or ""
    attrs: dict[str, Any] = {
        "links": links,
        "calls": tuple(builder.calls),
        "schedule": plan,
        "image": image,
        "fed": fed,
        "inner": Inner(graph),
    }
    reads = () if fed else (image,)
    made = Op("stream", name, reads, (last.name, *(t.name for t in tensors)), attrs)
    gone = {id(op) for link in links for op in (link.op, link.split)}
    ops = []
    for op in graph.ops:
        if op is links[-1].op:
            ops.append(made)
        elif id(op) not in gone:
            ops.append(op)
    ports = tuple(replace(p, fed=fed and p.tensor == image) for p in graph.inputs)
    return replace(graph, inputs=ports).with_ops(ops, tensors)
