"""Which kernel a binary convolution gets: shapes, predicted instructions, scratch.

The packed kernel's prediction is small: constants measured on the Cortex-M4, gcc 12.2 -O2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convert.ir import Graph, Op
from convert.planar import geometry
from convert.planar.cost import DEFAULT_SCRATCH, TABLE, Choice, choices
from convert.planar.geometry import ConvShape
from convert.planar.pack import MAX_INPUTS

# Board's core -> the cost table that fits it best.
CORES = {
    "cortex-m0": "m0plus",
    "cortex-m0plus": "m0plus",
    "cortex-m3": "m3",
    "cortex-m33": "m4",
    "cortex-m4": "m4",
    "cortex-m7": "m4",
    "cortex-m55": "m55",
}
# A packed convolution: a word of activations against a word of weights; what else an output takes;
# copying a word of the patch.
WORD, OUTPUT, PATCH = 10.5, 26.0, 9.0
MAX_TAPS = 255  # of a planar kernel or one by lanes
# The packed kernels on the Cortex-M0, which has eight registers for them, take three times as many.
SLOWER = {"m0plus": 3.2, "m3": 1.0, "m4": 1.0, "m55": 1.0}


def table_of(core: str) -> str:
    """The cost table of a core; the Cortex-M4's where there is none."""
    table = CORES.get(core, "m4")
    return table if table in TABLE else "m4"


def has_lanes(core: str) -> bool:
    """Whether a core is known to have two 16-bit lanes in a word, and nothing better."""
    return CORES.get(core) == "m4"


def saturates(core: str) -> bool:
    """Whether a core is known to add bytes side by side so that they saturate."""
    return CORES.get(core) in ("m4", "m55")


def countable(shape: ConvShape) -> bool:
    """Whether the counts of the planar kernels and of lanes, which are half-words, hold a sum."""
    return shape.inputs <= MAX_INPUTS and shape.taps <= MAX_TAPS


def packed_instructions(shape: ConvShape, core: str) -> float:
    """Predicted instructions of `bw_bconv2d_bits`."""
    words = shape.taps * -(-shape.in_c // 32)
    pixels = shape.out_h * shape.out_w * shape.groups
    each = pixels * (PATCH * words + shape.out_c * (WORD * words + OUTPUT))
    return each * SLOWER[table_of(core)]


def conv_shape(graph: Graph, op: Op) -> geometry.ConvShape:
    """The shape of a binary convolution as the planar kernels describe it."""
    return _shape(graph, op.inputs[0], op.outputs[0], op.attrs)


def pair_shapes(graph: Graph, op: Op) -> tuple[ConvShape, ConvShape | None]:
    """The shapes of both branches of a pair; None for a branch that is bits."""
    a, b = (
        None if op.attrs[name] is None else _shape(graph, source, op.outputs[0], op.attrs[name])
        for name, source in zip("ab", op.inputs, strict=True)
    )
    assert a is not None
    return a, b


def _shape(graph: Graph, source: str | None, made: str, a: Mapping[str, Any]) -> ConvShape:
    out = graph.tensor(made)
    _, h, w, _ = graph.tensor(source).shape
    names = ("k_h", "k_w", "stride_h", "stride_w", "dilation_h", "dilation_w")
    return geometry.ConvShape(
        h,
        w,
        a["channels_in"] // a["groups"],
        out.shape[1],
        out.shape[2],
        out.channels // a["groups"],
        groups=a["groups"],
        pad_top=a["pad_top"],
        pad_left=a["pad_left"],
        **{name: a[name] for name in names},
    )


def kernel_choice(
    shape: geometry.ConvShape, kernel: str, core: str, scratch: int | None
) -> Choice | None:
    """The cheapest form of a convolution kernel whose scratch fits; where none does, the one with
    the least scratch; None when the kernel does not take the shape.

    A chunk fills at least one word of the index stream, so that flash does not pay for RAM.
    """
    if not countable(shape):
        return None
    limit = DEFAULT_SCRATCH[table_of(core)] if scratch is None else scratch
    options = [one for one in choices(shape, table_of(core)) if one.kernel == kernel]
    wide = [
        one for one in options if one.chunks is None or one.chunks.chunk >= geometry.TRIPLES_A_WORD
    ]
    options = wide or options
    fitting = [one for one in options if one.scratch <= limit]
    if fitting:
        return fitting[0]
    return min(options, key=lambda one: one.scratch, default=None)
