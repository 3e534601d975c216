"""What a network costs on a core, in instructions: the measure by which layouts are chosen.

The planar kernels and those between layouts have a model of their own (`convert.planar.cost`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from convert import level_cost
from convert.ir import Graph, Op, Tensor
from convert.layout import PLANAR
from convert.lower.levels import KIND as LEVEL_CONV
from convert.planar import cost, geometry
from convert.planar import pair as pairs
from convert.planar.geometry import ConvShape
from convert.select import (
    conv_shape,
    countable,
    kernel_choice,
    packed_instructions,
    pair_shapes,
    table_of,
)

DECISION = 20  # instructions of the comparison of an output of a packed pair
# The packed encoder, measured: a pixel and a sample where a pixel is one word; else a pixel, a
# sample and a word of a sample.
ENCODE = {
    "m4": (8, 6, 30, 10, 16),
    "m3": (8, 6, 30, 10, 16),
    "m55": (8, 5, 29, 16, 16),
    "m0plus": (10, 11, 57, 19, 17),
}


@dataclass(frozen=True)
class Model:
    """Costs on one core; `scratch` as in `convert.lower.planar.to_planar`."""

    core: str
    scratch: int | None = None

    def instructions(self, kernel: str, terms: cost.Terms) -> int:
        return round(cost.instructions(kernel, terms, table_of(self.core)))

    def run(self, graph: Graph, op: Op, layout: str) -> int | None:
        """Instructions of a lowered operation in a layout; None where it has no kernel."""
        planar = layout == PLANAR
        if op.kind == "bconv2d_bits":
            return self.convolution(graph, op, planar)
        if op.kind == "encode_u8":
            return self.encode(graph, op, planar)
        if op.kind == LEVEL_CONV:
            return self.tables(op, planar) - (self.unsplit(graph, op) if planar else 0)
        if op.kind == "gather_channels_bits":
            out = graph.tensor(op.outputs[0])
            return out.channels if planar else 8 * out.elements
        if op.kind == "bmaxpool2d_bits":
            return self.maxpool(graph, op, planar)
        if op.kind == "bconv2d_pair_bits":
            return self.pair(graph, op, planar)
        if op.kind == "logic_bits":
            out = graph.tensor(op.outputs[0])
            pixels = out.shape[1] * out.shape[2]
            per_plane = 30 + 12 * geometry.plane_words(out.shape[1], out.shape[2])
            return out.channels * per_plane if planar else 16 * out.words * pixels
        return None if planar else 0

    def convolution(self, graph: Graph, op: Op, planar: bool) -> int | None:
        shape = conv_shape(graph, op)
        choice = None
        if not op.attrs["zero_padding"]:
            kernel = "conv" if planar else "lanes"
            choice = kernel_choice(shape, kernel, self.core, self.scratch)
        if not planar:
            plain = packed_instructions(shape, self.core)
            return round(min(plain, choice.instructions if choice else plain))
        if choice is None:
            return None
        before = graph.producer(op.inputs[0] or "")
        return round(choice.instructions) + self.split(shape, before)

    def pair(self, graph: Graph, op: Op, planar: bool) -> int | None:
        """Two branches and a comparison."""
        shapes = pair_shapes(graph, op)
        branches = [op.attrs[name] for name in "ab" if op.attrs[name] is not None]
        if not planar:
            decided = DECISION * shapes[0].out_h * shapes[0].out_w * branches[0]["weights"].shape[0]
            counted = sum(packed_instructions(s, self.core) for s in shapes if s is not None)
            return round(counted + decided)
        fits = all(s is None or countable(s) for s in shapes)
        if not fits or any(branch["zero_padding"] for branch in branches):
            return None
        choice = pairs.choose(shapes, table_of(self.core), self.scratch)
        splits = [
            self.split(shape, graph.producer(name or ""))
            for shape, name in zip(shapes, op.inputs, strict=True)
            if shape is not None
        ]
        return round(choice.instructions) + sum(splits)

    def split(self, shape: ConvShape, before: Op | None) -> int:
        """Parting a map into phases; an encoder writes them without."""
        if shape.stride_h == shape.stride_w == 1 or (before and before.kind == "encode_u8"):
            return 0
        strides = (shape.stride_h, shape.stride_w)
        planes = shape.in_c * shape.groups
        terms = cost.split_terms(shape.in_h, shape.in_w, planes, strides, strides)
        return self.instructions("split", terms)

    def maxpool(self, graph: Graph, op: Op, planar: bool) -> int | None:
        t, out, a = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0]), op.attrs
        if not planar:
            return out.shape[1] * out.shape[2] * t.words * (12 * a["k_h"] * a["k_w"] + 40)
        if a["k_h"] != a["k_w"] or a["stride_h"] != a["stride_w"]:
            return None
        terms = cost.maxpool_terms(
            t.shape[1],
            t.shape[2],
            t.channels,
            a["k_h"],
            a["stride_h"],
            (out.shape[1], out.shape[2]),
        )
        return self.instructions("maxpool", terms)

    def encode(self, graph: Graph, op: Op, planar: bool) -> int | None:
        image, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
        _, h, w, in_c = image.shape
        if not planar:
            pixel, sample, wide, wide_sample, word = ENCODE[table_of(self.core)]
            if out.words == 1:
                return h * w * (pixel + sample * in_c)
            span = op.attrs["table"].shape[2]
            return h * w * (wide + 3 * out.words + in_c * (wide_sample + word * span))
        planes, rest = divmod(out.channels, in_c)
        if rest or planes > 32 or not own_planes(op, in_c, planes):
            return None
        terms = cost.encode_terms(h, w, in_c, planes, 1, table_of(self.core))
        return self.instructions("encode", terms)

    def tables(self, op: Op, planar: bool = False) -> int:
        """A table convolution, to packed words or planes."""
        shape, core = op.attrs["shape"], table_of(self.core)
        more = level_cost.turning(shape, core) if planar else 0
        return round(level_cost.instructions(shape, op.attrs["tables"], core) + more)

    def unsplit(self, graph: Graph, op: Op) -> int:
        """What a table convolution to planes saves the one behind it, whose phases it writes: at
        most what planes cost it, so that they never seem cheaper than words where words are read.
        """
        reader = graph.sole_consumer(op.outputs[0])
        if reader is None or reader.kind != "bconv2d_bits":
            return 0
        turning = level_cost.turning(op.attrs["shape"], table_of(self.core))
        return min(self.split(conv_shape(graph, reader), None), round(turning))

    def convert(self, tensor: Tensor, layout: str) -> int:
        """Instructions to turn a map from one layout to the other."""
        pixels = tensor.shape[1] * tensor.shape[2]
        if layout == PLANAR:
            return self.instructions("from_packed", cost.unpack_terms(pixels, tensor.channels))
        return self.instructions("to_packed", cost.pack_terms(pixels, tensor.channels))

    def emitted(self, op: Op) -> int:
        """Instructions of a planar convolution, or of a stream, as it will be emitted."""
        if op.kind in ("planar_conv_bits", "planar_pair_bits"):
            return self.counted(op)
        if op.kind == "lane_conv_bits":
            shape, chunk = op.attrs["shape"], op.attrs["arrays"].chunk
            terms = cost.lane_terms(shape, chunk, op.attrs["blocks"], table_of(self.core))
            return self.instructions("lanes", terms)
        if op.kind.removeprefix("planar_") == LEVEL_CONV:
            return self.tables(op, op.kind != LEVEL_CONV)
        if op.kind == "split_planes":
            return 0  # the same with and without streams, but for rows that are parted twice
        return self.streamed(op) if op.kind == "stream" else 0

    def counted(self, op: Op, out_h: int | None = None) -> int:
        """Instructions of a planar convolution or pair, or of `out_h` rows of it."""
        single = op.kind == "planar_conv_bits"
        parts = [op.attrs] if single else [op.attrs[name] for name in "ab"]
        chunks = [part["chunks"] for part in parts]
        shapes = [part["shape"] for part in parts]
        if out_h is not None:
            shapes = [s and replace(s, out_h=out_h) for s in shapes]
        if single:
            terms = cost.conv_terms(shapes[0], chunks[0], table_of(self.core))
            return self.instructions("conv", terms)
        first, second = shapes
        return round(pairs.instructions((first, second), tuple(chunks), table_of(self.core)))

    def streamed(self, op: Op) -> int:
        """Instructions of a stream: its convolutions on windows, and rows that slide."""
        total = 0
        for call in op.attrs["calls"]:
            link = op.attrs["links"][call.layer]
            if call.kind == "slide":
                total += call.fields["planes"] * (12 * (call.fields["bits"] // 32 + 1) + 20)
            elif call.kind == "level":
                part = call.fields["out_h"] / link.op.attrs["shape"].out_h
                total += round(part * self.tables(link.op, True))
            elif call.kind in ("conv", "pair"):
                rows = call.fields["out_h" if call.kind == "conv" else "a.out_h"]
                total += self.counted(link.op, rows)
        return total


def own_planes(op: Op, in_c: int, planes: int) -> bool:
    """Whether sample c makes channels c * planes ... (c + 1) * planes - 1 and no others."""
    table, first = op.attrs["table"], op.attrs["first_word"]
    for c in range(in_c):
        used = 0
        for word in range(table.shape[2]):
            bits = 0
            for value in table[c, :, word]:
                bits |= int(value)
            used |= bits << (32 * (word + int(first[c])))
        if used & ~(((1 << planes) - 1) << (c * planes)):
            return False
    return True


def predicted(graph: Graph, core: str) -> int:
    """Instructions of the binary convolutions of an arranged graph."""
    model = Model(core)
    return sum(model.emitted(op) for op in graph.ops)
