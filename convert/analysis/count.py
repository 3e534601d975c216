"""Binary operations, weight bits and activation bits of a flatbuffer, layer by layer.

BOPs are multiply-accumulates times bits of the weight times bits of the input, the usual measure:
1 for binary by binary, 64 for int8 (also where the bytes it reads are bits), 1,024 for float32.
Weight bits are the kernels' alone; biases, multipliers and thresholds are `offset_bits`. Activation
bits are what a layer leaves in memory as the network is compiled for any core: a sign behind a
binary convolution makes its output one bit a value. Layouts that are chosen for a core make some
maps fall away: a first layer by tables needs no encoded picture, and a convolution may take in the
pooling behind it.

An encoder that the compiler turns into a table of 256 words has no products: it counts as a table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convert.analysis.systolic import Array, cycles
from convert.ir import ITEM_BYTES, Graph, Op, Tensor, short_name
from convert.lower import Context, lower
from convert.lower.bits import type_bits
from convert.pixels import scaling_of
from convert.supported import check
from convert.tflite_reader import read

MACS = ("LceBconv2d", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
KINDS = {"float32": "float", "int8": "int8", "bits": "binary"}
WIDTH = {"binary": 1, "int8": 8, "float": 32}
DEFAULT = Array()


@dataclass(frozen=True)
class LayerCost:
    """A layer with weights.

    Attributes:
        name, op: as in the flatbuffer.
        kind: "binary", "int8" or "float"; "table" for an encoder that compiles into one.
        out_shape: without the batch.
        macs, bops, weight_bits, offset_bits, activation_bits: see above.
        cycles: on the array.
    """

    name: str
    op: str
    kind: str
    out_shape: tuple[int, ...]
    macs: int
    bops: int
    weight_bits: int
    offset_bits: int
    activation_bits: int
    cycles: int


@dataclass(frozen=True)
class Analysis:
    """A network.

    Attributes:
        layers: those with weights, in order of execution.
        input_bits: of a picture.
        activation_bits: of all values that the network makes, see above; `peak_activation_bits`
            of the largest.
        compiles: the figures of activations are those of the compiler's operations; otherwise of
            the flatbuffer's own tensors.
        array: for the cycles.
    """

    layers: tuple[LayerCost, ...]
    input_bits: int
    activation_bits: int
    peak_activation_bits: int
    compiles: bool
    array: Array

    def total(self, name: str) -> int:
        """Sum of a LayerCost's field over the layers."""
        return sum(int(getattr(layer, name)) for layer in self.layers)

    def as_dict(self) -> dict[str, Any]:
        """Plain data: the form of `kit analyse --json`."""
        sums = ("macs", "bops", "weight_bits", "offset_bits", "cycles")
        return {
            **{name: self.total(name) for name in sums},
            "input_bits": self.input_bits,
            "activation_bits": self.activation_bits,
            "peak_activation_bits": self.peak_activation_bits,
            "compiles": self.compiles,
            "array": self.array.as_dict(),
            "cycles_model": "weight-stationary systolic array, reconstructed",
            "layers": [{**layer.__dict__, "out_shape": list(layer.out_shape)}
                       for layer in self.layers],
        }  # fmt: skip


def analyse(source: Any, array: Array = DEFAULT, *, real: bool = False) -> Analysis:
    """Count a flatbuffer.

    Args:
        source: path or content.
        array: for the cycles.
        real: count int8 layers as the float32 ones that they were quantized from; activation bits
            then are not the network's.

    Raises:
        ModelError: missing or damaged.
    """
    graph = read(source)
    lowered = _lowered(graph)
    typed = type_bits(graph)
    made = {} if lowered is None else {short_name(op): op for op in lowered.ops}
    layers = []
    for op in typed.ops:
        if op.kind in MACS:
            namesake = made.get(short_name(op))
            table = lowered is not None and _is_table(typed, op, namesake)
            stored = _stored(typed.tensor(op.outputs[0]), lowered, namesake)
            layers.append(_layer(typed, op, stored, table, array, real))
    sizes = _sizes(typed if lowered is None else lowered)
    inputs = sum(_input_bits(typed, port.tensor) for port in typed.inputs)
    return Analysis(
        tuple(layers), inputs, sum(sizes), max(sizes, default=0), lowered is not None, array
    )


def _lowered(graph: Graph) -> Graph | None:
    """The graph of kernel calls; None where it does not compile."""
    if check(graph):
        return None
    lowered, refusals = lower(graph, Context(scaling_of(graph.metadata)))
    return None if refusals else lowered


def _stored(out: Tensor, lowered: Graph | None, namesake: Op | None) -> int:
    """Bits that a layer leaves in memory; none where the compiler joined it to the next."""
    if lowered is None:
        return bits(out)
    return 0 if namesake is None else bits(lowered.tensor(namesake.outputs[0]))


def _is_table(graph: Graph, op: Op, namesake: Op | None) -> bool:
    """A convolution with real weights of which the compiled network knows nothing but a table."""
    real = graph.tensor(op.inputs[1]).dtype == "float32"
    return real and (namesake is None or namesake.kind.startswith("encode"))


def bits(tensor: Tensor) -> int:
    """Bits of a value, without the padding of words."""
    return tensor.elements * (1 if tensor.dtype in ("bits", "planes") else 8 * _bytes(tensor))


def _bytes(tensor: Tensor) -> int:
    return ITEM_BYTES[tensor.dtype]


def _input_bits(graph: Graph, name: str) -> int:
    """A float input is filled from bytes where the metadata says so."""
    tensor = graph.tensor(name)
    bytes_given = scaling_of(graph.metadata) is not None and tensor.dtype == "float32"
    return 8 * tensor.elements if bytes_given else bits(tensor)


def _sizes(graph: Graph) -> list[int]:
    """Bits of every value that an operation makes; an alias makes none."""
    return [
        bits(graph.tensor(name))
        for op in graph.ops
        if op.kind != "alias"
        for name in op.outputs[:1]
    ]


def geometry(graph: Graph, op: Op) -> Mapping[str, int]:
    """inputs, filters, groups and outputs of a layer with weights, as `systolic.cycles` takes them.

    Weights are [out, h, w, in / groups] (binary: words of 32), depthwise [1, h, w, out], dense
    [out, in], transposed [out, h, w, in].
    """
    weights, out = graph.tensor(op.inputs[1]), graph.tensor(op.outputs[0])
    shape = weights.shape
    if op.kind == "FULLY_CONNECTED":
        positions = out.elements // shape[0]
        return {"inputs": shape[1], "filters": shape[0], "groups": 1, "outputs": positions}
    positions = math.prod(out.shape[-3:-1])
    if op.kind == "DEPTHWISE_CONV_2D":
        channels = max(1, graph.tensor(op.inputs[0]).channels)
        many = {"filters": shape[3] // channels, "groups": channels}
        return {"inputs": shape[1] * shape[2], **many, "outputs": positions}
    if op.kind == "TRANSPOSE_CONV":
        # each input pixel meets every weight once
        source = graph.tensor(op.inputs[2])
        size = math.prod(source.shape[-3:-1])
        many = {"filters": shape[0] * shape[1] * shape[2], "groups": 1}
        return {"inputs": shape[3], **many, "outputs": size}
    if op.kind == "LceBconv2d":
        channels = int(op.attrs["channels_in"])
        groups = -(-channels // 32) // shape[3]
        each = channels // groups
    else:
        each = shape[3]
        groups = graph.tensor(op.inputs[0]).channels // each
    return {
        "inputs": shape[1] * shape[2] * each,
        "filters": shape[0] // groups,
        "groups": groups,
        "outputs": positions,
    }


def _layer(graph: Graph, op: Op, stored: int, table: bool, array: Array, real: bool) -> LayerCost:
    form = geometry(graph, op)
    kind = KINDS.get(graph.tensor(op.inputs[1]).dtype, "float")
    if op.kind == "LceBconv2d":
        kind = "binary"
    elif real:
        kind = "float"
    each = form["inputs"] * form["filters"] * form["groups"]
    macs = each * form["outputs"]
    width = WIDTH[kind]
    out = graph.tensor(op.outputs[0])
    offsets = sum(
        bits(graph.tensor(name))
        for name in op.inputs[2:]
        if name is not None and graph.tensor(name).data is not None
    )
    return LayerCost(
        name=short_name(op),
        op=op.kind,
        kind="table" if table else kind,
        out_shape=tuple(out.shape[1:]) if len(out.shape) in (2, 4) else tuple(out.shape),
        macs=0 if table else macs,
        bops=0 if table else macs * width * width,
        weight_bits=0 if table else each * width,
        offset_bits=offsets,
        activation_bits=stored,
        cycles=0 if table else cycles(array, kind, **form),
    )
