"""From packed maps to planar ones, where the layout pass wants them.

Kernels of the planar family read and write "planes": one bitmap a channel, 32 pixels a word. What
an operation needs in the layout that it was not made in is converted once, in front of its first
reader. A gather of channels costs nothing between planar convolutions: it becomes their list of
source planes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from convert.ir import Array, Graph, Op, Tensor
from convert.layout import PLANAR
from convert.lower.join.logic import WHICH
from convert.lower.levels import KIND as LEVEL_CONV
from convert.planar import geometry
from convert.planar import pair as pairs
from convert.planar.lanes import pack as pack_lanes
from convert.planar.pack import pack, pack_counts
from convert.select import conv_shape, kernel_choice, packed_instructions, pair_shapes, table_of
from convert.words import unpack

# Kernels of bytes that write planes, and phases of them.
MAKERS = ("planar_encode_u8", f"planar_{LEVEL_CONV}")
# Bytes of scratch of a convolution: for all alike, by operation's name, or the default.
Scratch = int | Mapping[str, int] | None


@dataclass(frozen=True)
class View:
    """Planes of a tensor; `source` lists the plane of each channel, None for all in order."""

    planes: str
    source: Array | None = None


@dataclass
class _Rewriter:
    """The graph being rewritten: new operations, new tensors, and where each map lies."""

    graph: Graph
    core: str
    scratch_bytes: Scratch
    ops: list[Op] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    packed: set[str] = field(default_factory=set)
    views: dict[str, View] = field(default_factory=dict)
    phases: dict[tuple[str, int, int], str] = field(default_factory=dict)

    def budget(self, op: Op) -> int | None:
        """Bytes of scratch that a convolution may take."""
        if isinstance(self.scratch_bytes, Mapping):
            return self.scratch_bytes.get(op.name)
        return self.scratch_bytes

    def add(self, op: Op, *tensors: Tensor) -> None:
        self.ops.append(op)
        self.tensors += tensors

    def planes_of(self, name: str) -> Tensor:
        """The tensor that holds a map's planes, added to the graph."""
        t = replace(self.graph.tensors[name], name=f"{name}.planes", dtype="planes")
        self.views[name] = View(t.name)
        self.tensors.append(t)
        return t

    def scratch(self, op: Op, size: int) -> Tensor:
        """Working memory of one operation."""
        t = Tensor(f"{op.outputs[0]}.scratch", (size,), "uint8")
        self.tensors.append(t)
        return t

    def need_packed(self, name: str) -> None:
        """Makes the packed form of a map exist."""
        if name in self.packed or self.graph.tensors[name].dtype != "bits":
            return
        view = self.views.get(name)
        if view is not None:
            chosen = None if view.source is None else view.source.astype(np.uint16)
            attrs = {"source": chosen}
            self.add(Op("pack_planes", f"{name} packed", (view.planes,), (name,), attrs))
        self.packed.add(name)

    def pick(self, name: str, view: View) -> View:
        """The chosen planes one after the other, for a reader that does not choose."""
        planes = self.planes_of(name)
        attrs = {"source": np.asarray(view.source, np.uint16)}
        self.add(Op("pick_planes", f"{name} in order", (view.planes,), (planes.name,), attrs))
        return self.views[name]

    def need_planes(self, name: str) -> View:
        """Makes the planes of a map exist."""
        if name not in self.views:
            planes = self.planes_of(name)
            self.add(Op("unpack_planes", f"{name} planar", (name,), (planes.name,)))
        return self.views[name]

    def need_phases(self, view: View, map_: Tensor, stride_h: int, stride_w: int) -> str:
        """The phase planes of a map for a stride."""
        key = (view.planes, stride_h, stride_w)
        if key not in self.phases:
            _, h, w, _ = map_.shape
            channels = self.channels(view.planes)
            shape = (1, -(-h // stride_h), -(-w // stride_w), channels * stride_h * stride_w)
            name = f"{view.planes}.by{stride_h}x{stride_w}"
            attrs = {"stride_h": stride_h, "stride_w": stride_w, "in_h": h, "in_w": w}
            self.add(
                Op("split_planes", f"{map_.name} phases", (view.planes,), (name,), attrs),
                Tensor(name, shape, "planes"),
            )
            self.phases[key] = name
        return self.phases[key]

    def channels(self, planes: str) -> int:
        return next(t.channels for t in self.tensors if t.name == planes)

    def gather(self, op: Op) -> None:
        """A gather of channels moves no bit: planar readers take other planes."""
        base = self.need_planes(op.inputs[0] or "")
        source = op.attrs["source"]
        if base.source is not None:
            source = base.source[source.astype(np.int64)]
        self.views[op.outputs[0]] = View(base.planes, source)

    def conv(self, op: Op) -> None:
        """A binary convolution with bit output."""
        map_ = self.graph.tensor(op.inputs[0])
        view, shape = self.need_planes(map_.name), conv_shape(self.graph, op)
        read = view.planes
        if shape.stride_h > 1 or shape.stride_w > 1:
            read = self.need_phases(view, map_, shape.stride_h, shape.stride_w)
        choice = kernel_choice(shape, "conv", self.core, self.budget(op))
        assert choice is not None, op.name
        assert choice.chunks is not None, op.name
        chunks = choice.chunks
        weights = unpack(op.attrs["weights"], shape.in_c).astype(bool)
        streams = pack(weights, op.attrs["thresholds"], shape.groups, chunks)
        out = self.planes_of(op.outputs[0])
        attrs: dict[str, Any] = {
            "shape": shape,
            "chunks": chunks,
            "index": streams.index,
            "bias": streams.bias,
            "source": None if view.source is None else view.source.astype(np.uint16),
        }
        scratch = self.scratch(op, chunks.scratch(shape))
        self.add(Op("planar_conv_bits", op.name, (read,), (out.name, scratch.name), attrs))

    def pair(self, op: Op) -> None:
        """Two branches and a comparison."""
        shapes = pair_shapes(self.graph, op)
        choice = pairs.choose(shapes, table_of(self.core), self.budget(op))
        branches = []
        reads: list[str] = []
        for name, shape, chunks in zip("ab", shapes, choice.chunks, strict=True):
            map_ = self.graph.tensor(op.inputs[len(reads)])
            view, read = self.need_planes(map_.name), None
            source = None if view.source is None else view.source.astype(np.uint16)
            branch: dict[str, Any] = {"shape": shape, "chunks": chunks, "source": source}
            if shape is not None and chunks is not None:
                attrs = op.attrs[name]
                weights = unpack(attrs["weights"], shape.in_c).astype(bool)
                branch["index"] = pack_counts(weights, shape.groups, chunks)
                if shape.stride_h > 1 or shape.stride_w > 1:
                    read = self.need_phases(view, map_, shape.stride_h, shape.stride_w)
            branches.append(branch)
            reads.append(read or view.planes)
        out = self.planes_of(op.outputs[0])
        scratch = self.scratch(op, choice.scratch)
        attrs = {**op.attrs, "a": branches[0], "b": branches[1]}
        self.add(Op("planar_pair_bits", op.name, tuple(reads), (out.name, scratch.name), attrs))

    def logic(self, op: Op) -> None:
        """An element-wise function of two maps."""
        views = [self.need_planes(name or "") for name in op.inputs]
        out = self.planes_of(op.outputs[0])
        masks = [unpack(op.attrs[name], out.channels) for name in WHICH]
        attrs: dict[str, Any] = {"terms": sum(m << k for k, m in enumerate(masks))}
        for name, view in zip("ab", views, strict=True):
            source = None if view.source is None else view.source.astype(np.uint16)
            attrs[f"source_{name}"] = source
        reads = tuple(view.planes for view in views)
        self.add(Op("planar_logic_bits", op.name, reads, (out.name,), attrs))

    def lanes(self, op: Op) -> bool:
        """A packed convolution whose lanes are outputs, where that is cheaper; whether it was."""
        shape = conv_shape(self.graph, op)
        choice = kernel_choice(shape, "lanes", self.core, self.budget(op))
        plain = packed_instructions(shape, self.core)
        if op.attrs["zero_padding"] or choice is None or choice.instructions >= plain:
            return False
        assert choice.chunk is not None
        weights = unpack(op.attrs["weights"], shape.in_c).astype(bool)
        arrays = pack_lanes(weights, op.attrs["thresholds"], shape.groups, choice.chunk)
        attrs: dict[str, Any] = {"shape": shape, "arrays": arrays, "blocks": choice.blocks}
        scratch = self.scratch(op, choice.scratch)
        outputs = (op.outputs[0], scratch.name)
        self.add(replace(op, kind="lane_conv_bits", outputs=outputs, attrs=attrs))
        return True

    def maxpool(self, op: Op) -> None:
        """Max pooling of bits."""
        view = self.need_planes(op.inputs[0] or "")
        if view.source is not None:
            view = self.pick(op.inputs[0] or "", view)
        t, out = self.graph.tensor(op.inputs[0]), self.planes_of(op.outputs[0])
        a = op.attrs
        size = geometry.maxpool_scratch(t.shape[1:3], out.shape[1:3], a)
        scratch = self.scratch(op, max(4, size))
        outputs = (out.name, scratch.name)
        self.add(Op("planar_bmaxpool2d_bits", op.name, (view.planes,), outputs, a))

    def from_bytes(self, op: Op) -> None:
        """An encoder or a table convolution: the kernel writes planes itself."""
        out = self.planes_of(op.outputs[0])
        self.add(replace(op, kind=f"planar_{op.kind}", outputs=(out.name,)))


def to_planar(
    graph: Graph, assignment: Mapping[str, str], core: str, scratch: Scratch = None
) -> Graph:
    """The graph with the assigned operations on planar kernels.

    Args:
        graph: lowered; all maps packed.
        assignment: layout by operation's name.
        core: of convert.costs.CORES.
        scratch: wanted most bytes of scratch of a convolution, or of each by name.
    """
    r = _Rewriter(graph, core, scratch)
    actions = {
        "gather_channels_bits": r.gather,
        "bconv2d_bits": r.conv,
        "bmaxpool2d_bits": r.maxpool,
        "bconv2d_pair_bits": r.pair,
        "logic_bits": r.logic,
        "encode_u8": r.from_bytes,
        LEVEL_CONV: r.from_bytes,
    }
    for op in graph.ops:
        if assignment.get(op.name) == PLANAR and op.kind in actions:
            actions[op.kind](op)
            continue
        for name in op.inputs:
            if name is not None:
                r.need_packed(name)
        if op.kind != "bconv2d_bits" or not r.lanes(op):
            r.add(op)
        r.packed.update(op.outputs)
    for port in graph.outputs:
        r.need_packed(port.tensor)
    return made_phases(graph.with_ops(r.ops, r.tensors))


def made_phases(graph: Graph) -> Graph:
    """What makes planes of bytes writes the phases itself where the planes are only split."""
    for op in graph.ops:
        split = graph.sole_consumer(op.outputs[0]) if op.kind in MAKERS else None
        if split is not None and split.kind == "split_planes":
            strides = {name: split.attrs[name] for name in ("stride_h", "stride_w")}
            attrs = {**op.attrs, **strides}
            made = replace(op, outputs=split.outputs, attrs=attrs)
            ops = [made if one is op else one for one in graph.ops if one is not split]
            return made_phases(graph.with_ops(ops))
    return graph
