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


def conv_terms(shape: ConvShape, chunks: Chunks, *, keep: bool = False) -> Terms:
    """How often the parts of `bw_planar_conv_bits` run; with `keep`, counts stay as half-words."""
    s, count = shape, len(chunks.sizes)
    words = plane_words(s.out_h, s.out_w)
    widths = steps(words, chunks.blocks)
    built = {w: n and n * s.groups * chunks.passes(s.out_c, w) for w, n in widths.items()}
    total, passes, outputs = sum(widths.values()), sum(built.values()), s.groups * s.out_c
    folds = sum(-(-n // 5) for n in chunks.sizes)
    begun = sum(min(s.taps, 3 * n) for n in chunks.sizes)
    plain, in_bytes = s.segments == 1, chunks.in_bytes and not keep
    return {
        "call": 1,
        "steps": total if plain else 0,
        "steps_columns": total * s.k_w * (128 // s.out_w + 1) if plain else 0,
        "taps": passes * begun if plain else 0,
        "taps_segments": 0 if plain else passes * begun * s.segments,
        "taps_prepared": 0 if plain else words * s.taps * s.segments,
        "inputs": passes * s.inputs * s.segments,
        "chunks": passes * count,
        **_by_width(built, triples=chunks.triples),
        **_by_width(widths, counted=outputs * chunks.triples, folds=outputs * folds),
        **_by_width(widths, halves=0 if in_bytes else outputs * count),
        **_by_width(widths, bytes=outputs * count if in_bytes else 0),
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


def encode_terms(h: int, w: int, in_c: int, planes: int, stride: int) -> Terms:
    """How often the parts of `bw_planar_encode_u8` run: 128 pixels of the map at a time where rows
    are whole sixteens and few, 16 pixels of a row where they are many, else 32 pixels."""
    rows, columns = (1, h * w) if stride == 1 else (-(-h // stride), -(-w // stride))
    even = stride == 1 or (h % stride == 0 and w % stride == 0 and columns % 8 == 0)
    pixels, step = rows * columns, in_c * stride
    by_rows = even and columns % 16 == 0 and pixels % 32 == 0 and step <= 17
    far = (rows - 1) * in_c * w * stride + columns * step > 65535
    few = not far and (rows == 1 or rows * (columns // 8) ** 2 <= 65535)
    turns = [min(8, planes - first) for first in range(0, planes, 8)] * in_c * stride * stride
    many, (whole, rest) = len(turns), divmod(pixels, 32)
    fours = sum(-(-n // 4) for n in turns)
    return {
        "turns": many,
        "by_128": many * -(-pixels // 128) if by_rows and few else 0,
        "by_128_fours": fours * -(-pixels // 128) if by_rows and few else 0,
        "by_16": many * pixels // 16 if by_rows and not few else 0,
        "by_16_planes": sum(turns) * pixels // 16 if by_rows and not few else 0,
        "rows": many * rows if by_rows and not few else 0,
        "blocks": many * whole if even and not by_rows else 0,
        "gathered": 0 if stride == 1 else many * (rest > 0) if even else many * -(-pixels // 32),
        "tails": many * (rest > 0) if stride == 1 else 0,
        "tail_pixels": many * rest if stride == 1 else 0,
        "words": 0 if by_rows else sum(turns) * -(-pixels // 32),
    }
