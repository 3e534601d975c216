"""Chains of planar layers that can run a few rows at a time.

A chain begins at the input encoder or at a table convolution with the encoder in it, either of
which makes rows of the picture's rows as they are asked for, or at a map that is there as a
whole. It goes on as far as every map between has one reader: binary convolutions, two branches
that read the same map and meet in front of a sign, and max poolings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from convert.ir import Graph, Op, Tensor
from convert.planar.geometry import ConvShape
from convert.stream.schedule import Stage

ENCODER, LEVEL, MAP = "planar_encode_u8", "planar_level_conv_u8", "map"
CONV, PAIR, POOL = "planar_conv_bits", "planar_pair_bits", "planar_bmaxpool2d_bits"
LAYERS = (CONV, PAIR, POOL)
PHASES = ("split_planes", ENCODER, LEVEL)  # what may write phases


@dataclass(frozen=True)
class Link:
    """A layer of the chain: its operation, the phases made in front of it, and its output map.

    The first link may be of kind MAP, which is no operation. Rows of a first link may be rows of
    phases: one for every `step` rows of the unsplit map.
    """

    op: Op
    split: Op | None
    out: Tensor

    @property
    def width(self) -> int:
        return self.out.shape[2]

    @property
    def step(self) -> int:
        firsts = (ENCODER, LEVEL, MAP)
        return int(self.op.attrs.get("stride_h", 1)) if self.op.kind in firsts else 1

    @property
    def shapes(self) -> dict[str, ConvShape]:
        """Shapes of its convolutions by what their fields begin with."""
        if self.op.kind == CONV:
            return {"": self.op.attrs["shape"]}
        if self.op.kind == PAIR:
            return {f"{name}.": self.op.attrs[name]["shape"] for name in "ab"}
        return {}


def _follows(graph: Graph, before: Link, op: Op, split: Op | None) -> bool:
    """Whether a layer can read windows of the map before it."""
    if op.kind == POOL:
        return split is None and before.step == 1
    if op.kind == PAIR and (op.inputs[0] != op.inputs[1] or op.attrs["b"]["shape"] is None):
        return False
    shapes = Link(op, split, before.out).shapes.values()
    return all(
        s.dilation_h == 1 and (before.step == 1 or s.stride_h == before.step) for s in shapes
    )


def _on(graph: Graph, first: Link, reader: Op | None) -> tuple[Link, ...]:
    """The chain from its first link on; `reader` reads that."""
    links = [first]
    while True:
        split = None
        if reader is not None and reader.kind == "split_planes":
            split, reader = reader, graph.sole_consumer(reader.outputs[0])
        if reader is None or reader.kind not in LAYERS:
            return tuple(links)
        if not _follows(graph, links[-1], reader, split):
            return tuple(links)
        links.append(Link(reader, split, graph.tensor(reader.outputs[0])))
        reader = graph.sole_consumer(links[-1].out.name)


def _in_order(op: Op) -> bool:
    """Whether what makes the first rows reads each of the picture's rows once: a table convolution
    whose windows neither meet nor leave gaps."""
    if op.kind != LEVEL:
        return True
    s: ConvShape = op.attrs["shape"]
    return s.stride_h == (s.k_h - 1) * s.dilation_h + 1


def find_chain(graph: Graph, fed: bool = False) -> tuple[Link, ...]:
    """The chain that begins at the input encoder or a table convolution; else empty.

    Args:
        fed: the picture's rows come one after the other, and none twice; nothing else reads it.
    """
    first = next((op for op in graph.ops if op.kind in (ENCODER, LEVEL)), None)
    if first is None:
        return ()
    if fed and not (_in_order(first) and graph.sole_consumer(first.inputs[0] or "") is first):
        return ()
    out = graph.tensor(first.outputs[0])
    return _on(graph, Link(first, None, out), graph.sole_consumer(out.name))


def chain_at(graph: Graph, name: str) -> tuple[Link, ...]:
    """The chain whose first layer is the one of this name, reading a map that is there; its phases
    are there, where it has a stride."""
    op = next(op for op in graph.ops if op.name == name and op.kind in LAYERS)
    source = op.inputs[0] or ""
    maker = graph.producer(source)
    phases = maker is not None and maker.kind in PHASES
    attrs = {"stride_h": maker.attrs.get("stride_h", 1)} if maker and phases else {}
    first = Link(Op(MAP, source, (), (source,), attrs), None, graph.tensor(source))
    return _on(graph, first, op)


def starts(graph: Graph) -> Iterator[str]:
    """Names of the layers at which a chain may begin at a map."""
    for op in graph.ops:
        if op.kind in (CONV, PAIR) and len(chain_at(graph, op.name)) > 2:
            yield op.name


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
        in_h = before.out.shape[1]
        if link.op.kind == POOL:
            a = link.op.attrs
            stages.append(Stage(in_h, out_h, a["k_h"], a["stride_h"], a["pad_top"], batch))
            continue
        shapes = link.shapes.values()
        step = before.step  # in rows of phases, tap ky reads row y + floor((ky - pad) / step)
        low = min(-s.pad_top // step for s in shapes)
        high = max((s.k_h - 1 - s.pad_top) // step for s in shapes)
        stride = 1 if step > 1 else next(iter(shapes)).stride_h
        stages.append(Stage(in_h, out_h, high - low + 1, stride, -low, batch))
    return tuple(stages)
