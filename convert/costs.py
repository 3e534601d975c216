"""What a kernel costs on a core, in instructions: the measure by which layouts are chosen."""

from __future__ import annotations

from dataclasses import dataclass

from convert.ir import Graph, Op, Tensor
from convert.layout import PLANAR


@dataclass(frozen=True)
class Model:
    """Costs on one core.

    Attributes:
        packed_word: one word of activations against one word of weights, and its share of the
            loops around it.
        packed_output: the rest of an output of a packed convolution.
        triple: three inputs of 32 lanes in a planar convolution.
        table: a table of a triple, its fetch included.
        block: 32 lanes of an output, beside its triples.
        tap: one tap of a block of lanes, prepared.
    """

    packed_word: float
    packed_output: float
    triple: float
    table: float
    block: float
    tap: float

    def run(self, graph: Graph, op: Op, layout: str) -> int | None:
        """Instructions of an operation in a layout; None where it has no kernel."""
        planar = layout == PLANAR
        if op.kind == "bconv2d_bits":
            return self.planar_conv(graph, op) if planar else self.packed_conv(graph, op)
        if op.kind == "encode_u8":
            return self.encode(graph, op, planar)
        if op.kind == "gather_channels_bits":
            out = graph.tensor(op.outputs[0])
            return 0 if planar else 8 * out.elements
        if op.kind == "bmaxpool2d_bits":
            out = graph.tensor(op.outputs[0])
            taps = op.attrs["k_h"] * op.attrs["k_w"]
            return out.elements // 2 if planar else 12 * taps * out.elements // 32 + 40
        return None if planar else 0

    def packed_conv(self, graph: Graph, op: Op) -> int:
        a, out = op.attrs, graph.tensor(op.outputs[0])
        words = a["k_h"] * a["k_w"] * -(-a["channels_in"] // a["groups"] // 32)
        return round(out.elements * (words * self.packed_word + self.packed_output))

    def planar_conv(self, graph: Graph, op: Op) -> int | None:
        a, out = op.attrs, graph.tensor(op.outputs[0])
        taps = a["k_h"] * a["k_w"]
        inputs = taps * a["channels_in"] // a["groups"]
        if a["zero_padding"] or taps > 255 or inputs > 32767:
            return None
        blocks = -(-out.shape[1] * out.shape[2] // 32)
        triples = -(-inputs // 3)
        chunks = -(-triples // 48)
        per_block = (
            taps * self.tap
            + a["groups"] * triples * self.table
            + out.channels * (triples * self.triple + self.block * chunks)
        )
        split = 0.6 * graph.tensor(op.inputs[0]).elements if a["stride_h"] > 1 else 0
        return round(blocks * per_block + split)

    def encode(self, graph: Graph, op: Op, planar: bool) -> int | None:
        image, out = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
        pixels = out.elements // out.channels
        if not planar:
            return pixels * (20 * image.channels + 10)
        planes, rest = divmod(out.channels, image.channels)
        if rest or planes > 32 or not own_planes(op, image.channels, planes):
            return None
        return pixels * image.channels * -(-planes // 8) * 8

    def convert(self, tensor: Tensor, layout: str) -> int:
        """Instructions to turn a map from one layout to the other."""
        return round(1.1 * tensor.elements) + 100


def own_planes(op: Op, in_c: int, planes: int) -> bool:
    """Whether sample c makes channels c * planes ... (c + 1) * planes - 1 and no others."""
    table, first = op.attrs["table"], op.attrs["first_word"]
    for c in range(in_c):
        mask = 0
        for word in range(table.shape[2]):
            used = int((table[c, :, word]).max(initial=0)) if table.size else 0
            for value in table[c, :, word]:
                used |= int(value)
            mask |= used << (32 * (word + int(first[c])))
        if mask & ~(((1 << planes) - 1) << (c * planes)):
            return False
    return True


# Measured with `kit kernels` on the emulated cores, gcc 12.2 -O2.
MODELS = {
    "cortex-m4": Model(9.5, 25.0, 9.0, 45.0, 40.0, 60.0),
}


def costs_for(core: str) -> Model:
    """The model of a core; cores without one of their own take the Cortex-M4's."""
    return MODELS.get(core, MODELS["cortex-m4"])


def stream_cost(core: str, whole: Graph, streamed: Graph, scratch: int | None) -> int:
    """Instructions that saving RAM costs: more chunks, more calls, rows that slide."""
    model = costs_for(core)
    extra = 0.0
    for op in whole.ops:
        if op.kind == "planar_conv_bits":
            shape, chunks = op.attrs["shape"], op.attrs["chunks"]
            blocks = -(-shape.out_h * shape.out_w // 32)
            extra += blocks * shape.groups * shape.out_c * model.block * len(chunks.sizes)
    for op in streamed.ops:
        if op.kind == "stream":
            for call in op.attrs["calls"]:
                if call.kind == "slide":
                    words = call.fields["planes"] * (call.fields["bits"] // 32 + 1)
                    extra += 12 * words + 60
                else:
                    extra += 300
    return round(extra)
