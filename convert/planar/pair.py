"""Sizes and predicted instructions of `bw_planar_pair_bits`: two convolutions and a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from convert.planar import cost, cost_mve
from convert.planar.geometry import (
    TABLE_BYTES,
    TAP_BYTES,
    Chunks,
    ConvShape,
    chunkings,
    parts,
    plane_words,
)

COUNT_BYTES = 128
# Bytes of scratch where RAM is not limited: counts of two branches wait, not of one.
DEFAULT_SCRATCH = {"m0plus": 10496, "m3": 24576, "m4": 24576, "m55": 49152}
# Instructions of a comparison of all lanes that are taken at once: blocks -> instructions.
DECISION = {
    "m0plus": {1: 210.0},
    "m3": {1: 180.0},
    "m4": {1: 195.0},
    "m55": {4: 225.0, 2: 50.0, 1: 40.0},
}

Shapes = tuple[ConvShape, ConvShape | None]
Both = tuple[Chunks, Chunks | None]


@dataclass(frozen=True)
class Choice:
    """Divisions of both branches, the scratch they take, predicted instructions.

    Both divisions have the same blocks and the same part, which is of the outputs of all groups.
    """

    chunks: Both
    scratch: int
    instructions: float


def scratch(shapes: Shapes, chunks: Both) -> int:
    """Bytes of scratch: bw_planar_pair_scratch."""
    outputs = shapes[0].out_c * shapes[0].groups
    return chunks[0].blocks * (
        sum(TAP_BYTES * s.taps * s.segments for s in shapes if s is not None)
        + COUNT_BYTES * (chunks[0].part or outputs)
        + TABLE_BYTES * max(c.chunk for c in chunks if c is not None)
    )


def instructions(shapes: Shapes, chunks: Both, core: str) -> float:
    """Predicted instructions of one call."""
    words = plane_words(shapes[0].out_h, shapes[0].out_w)
    widths = cost_mve.steps(words, chunks[0].blocks) if core in cost.MVE else {1: words}
    outputs = shapes[0].out_c * shapes[0].groups
    total = sum(n * outputs * DECISION[core][w] for w, n in widths.items() if n)
    for shape, division in zip(shapes, chunks, strict=True):
        if shape is not None and division is not None:
            # A part of several groups builds the tables of each of them once.
            own = replace(division, part=min(division.part, shape.out_c))
            terms = cost.conv_terms(shape, own, core, keep=True)
            total += cost.instructions("conv", terms, core)
    return total


def divisions(shapes: Shapes, core: str) -> Iterator[Both]:
    """Every division of both branches that is worth a thought."""
    outputs = shapes[0].out_c * shapes[0].groups
    sizes = sorted({c.chunk for s in shapes if s is not None for c in chunkings(s.inputs)})
    for size in sizes:
        first, second = (
            next((c for c in chunkings(s.inputs) if c.chunk <= size), None) if s else None
            for s in shapes
        )
        if first is None or (shapes[1] is not None and second is None):
            continue
        for blocks in cost.BLOCKS[core]:
            for part in parts(outputs):
                yield (
                    replace(first, blocks=blocks, part=part),
                    replace(second, blocks=blocks, part=part) if second else None,
                )


def choose(shapes: Shapes, core: str, limit: int | None) -> Choice:
    """The cheapest division that fits; the one with the least scratch where none does.

    Args:
        limit: bytes of scratch; None is DEFAULT_SCRATCH of the core.
    """
    most = DEFAULT_SCRATCH[core] if limit is None else limit
    found = [
        Choice(both, scratch(shapes, both), instructions(shapes, both, core))
        for both in divisions(shapes, core)
    ]
    fitting = [one for one in found if one.scratch <= most]
    if fitting:
        return min(fitting, key=lambda one: (one.instructions, one.scratch))
    return min(found, key=lambda one: one.scratch)
