"""How often the parts of the kernels for MVE run: `cost.py` for a core that takes blocks at once.

Blocks of 32 lanes are taken in steps of four, two or one; a step of four may hold three.
"""

from __future__ import annotations

from convert.planar import lanes
from convert.planar.geometry import Chunks, ConvShape, plane_words

Terms = dict[str, float]
WIDTHS = (4, 2, 1)


def steps(words: int, blocks: int) -> dict[int, int]:
    """Steps of each width over `words` blocks where scratch has room for `blocks`."""
    found = dict.fromkeys(WIDTHS, 0)
    while words > 0:
        width = 4 if blocks >= 4 and words >= 3 else 2 if blocks >= 2 and words >= 2 else 1
        found[width] += 1
        words -= width
    return found


def _by_width(widths: dict[int, int], **terms: float) -> Terms:
    return {f"{name}_{w}": widths[w] * value for name, value in terms.items() for w in WIDTHS}


def conv_terms(shape: ConvShape, chunks: Chunks) -> Terms:
    """How often the parts of `bw_planar_conv_bits` run."""
    s, count = shape, len(chunks.sizes)
    widths = steps(plane_words(s.out_h, s.out_w), chunks.blocks)
    total, outputs = sum(widths.values()), s.groups * s.out_c
    folds = sum(-(-n // 5) for n in chunks.sizes)
    plain = s.segments == 1
    return {
        "call": 1,
        "steps": total if plain else 0,
        "steps_columns": total * s.k_w * (128 // s.out_w + 1) if plain else 0,
        "taps": total * s.groups * count * s.taps if plain else 0,
        "taps_segments": 0 if plain else total * s.groups * count * s.taps * s.segments,
        "inputs": total * s.groups * s.inputs * s.segments,
        "chunks": total * s.groups * count,
        "outputs": total * outputs * count,
        **_by_width(widths, triples=s.groups * chunks.triples),
        **_by_width(widths, counted=outputs * chunks.triples, folds=outputs * folds),
        **_by_width(widths, halves=0 if chunks.in_bytes else outputs * count),
        **_by_width(widths, bytes=outputs * count if chunks.in_bytes else 0),
    }


def lane_terms(shape: ConvShape, chunk: int, blocks: int) -> Terms:
    """How often the parts of `bw_lane_conv_bits` run."""
    s, pixels = shape, shape.out_h * shape.out_w
    in_words, widths = -(-s.in_c // 32), steps(-(-s.out_c // 32), blocks)
    widths = {w: n * s.groups for w, n in widths.items()}
    total = sum(widths.values())
    sizes = lanes.sizes(s.taps * in_words, chunk)
    triples = [lanes.triples(m) for m in sizes]
    folds = sum(-(-n // 5) for n in triples)
    runs, begin = 0, 0  # pieces of a tap's words within a chunk
    for m in sizes:
        runs += (begin + m - 1) // in_words - begin // in_words + 1
        begin += m
    return {
        "call": 1,
        "steps": total,
        "chunks": total * len(sizes),
        "runs": total * runs,
        "pixel_runs": total * pixels * runs,
        "pixel_words": total * pixels * sum(sizes),
        "pixel_chunks": total * pixels * len(sizes),
        **_by_width(widths, triples=sum(triples)),
        **_by_width(widths, counted=pixels * sum(triples), folds=pixels * folds),
        **_by_width(widths, pixels=pixels * len(sizes)),
    }
