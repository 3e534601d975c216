"""Sizes and predicted instructions of `bw_planar_pair_bits`: two convolutions and a comparison.

It counts 32 lanes at a time on every core, so that a core with MVE is predicted by the table of the
Cortex-M4.
"""

from __future__ import annotations

from dataclasses import dataclass

from convert.planar import cost
from convert.planar.geometry import (
    TABLE_BYTES,
    TAP_BYTES,
    Chunks,
    ConvShape,
    chunkings,
    plane_words,
)

COUNT_BYTES = 64
DEFAULT_TABLES = 8192
# Instructions of a comparison of 32 lanes; measured on the Cortex-M4, others by ratio.
DECISION = {"m0plus": 700.0, "m3": 300.0, "m4": 285.0, "m55": 285.0}

Shapes = tuple[ConvShape, ConvShape | None]
Both = tuple[Chunks, Chunks | None]


@dataclass(frozen=True)
class Choice:
    """Divisions of both branches, the scratch they take, predicted instructions."""

    chunks: Both
    scratch: int
    instructions: float


def scratch(shapes: Shapes, chunks: Both) -> int:
    """Bytes of scratch: bw_planar_pair_scratch."""
    real = [s for s in shapes if s is not None]
    taps = max(TAP_BYTES * s.taps * s.segments for s in real)
    counts = COUNT_BYTES * shapes[0].out_c * shapes[0].groups
    return taps + 2 * counts + TABLE_BYTES * max(c.chunk for c in chunks if c is not None)


def instructions(shapes: Shapes, chunks: Both, core: str) -> float:
    """Predicted instructions of one call."""
    like = core if core not in cost.MVE else "m4"
    blocks = plane_words(shapes[0].out_h, shapes[0].out_w)
    total = blocks * shapes[0].out_c * shapes[0].groups * DECISION[core]
    for shape, division in zip(shapes, chunks, strict=True):
        if shape is not None and division is not None:
            total += cost.instructions("conv", cost.conv_terms(shape, division, like), like)
    return total


def choose(shapes: Shapes, core: str, limit: int | None) -> Choice:
    """The largest tables that fit; the smallest where none does.

    Args:
        limit: bytes of scratch; None gives the tables alone DEFAULT_TABLES.
    """
    found: list[Choice] = []
    sizes = sorted({c.chunk for s in shapes if s is not None for c in chunkings(s.inputs)})
    for size in sizes:
        divisions = [
            next((c for c in chunkings(s.inputs) if c.chunk <= size), None) if s else None
            for s in shapes
        ]
        if divisions[0] is None or (shapes[1] is not None and divisions[1] is None):
            continue
        both = (divisions[0], divisions[1])
        found.append(Choice(both, scratch(shapes, both), instructions(shapes, both, core)))
    fixed = scratch(shapes, found[0].chunks) - TABLE_BYTES * max(
        c.chunk for c in found[0].chunks if c is not None
    )
    most = fixed + DEFAULT_TABLES if limit is None else limit
    fitting = [one for one in found if one.scratch <= most]
    return min(fitting, key=lambda one: one.instructions) if fitting else found[0]
