"""Instructions of the planar kernels, predicted from shapes, so that a compiler can choose.

A kernel executes its parts a number of times that follows from the shape; `terms` says how often,
and `cost_table.py` how many instructions each part takes on a core. The table is fitted to measured
runs by `python -m tests.planar.fit`, which prints how far off the fit is; measured with QEMU, -O2.
These are executed instructions, not cycles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from convert.planar import cost_mve, geometry, lanes
from convert.planar.cost_table import TABLE as WORD_TABLE
from convert.planar.cost_table_mve import TABLE as MVE_TABLE
from convert.planar.geometry import Chunks, ConvShape, plane_words

Terms = dict[str, float]
TABLE = WORD_TABLE | MVE_TABLE
MVE = frozenset(MVE_TABLE)
# Bytes of scratch of one convolution where RAM is not limited.
DEFAULT_SCRATCH = {"m0plus": 10496, "m3": 10496, "m4": 16384, "m55": 40960}
# Blocks of 32 lanes that may be taken at once.
BLOCKS = dict.fromkeys(TABLE, (1,)) | dict.fromkeys(MVE, cost_mve.WIDTHS)


def conv_terms(shape: ConvShape, chunks: Chunks, core: str = "m4", *, keep: bool = False) -> Terms:
    """How often the parts of `bw_planar_conv_bits` run; with `keep`, counts stay as half-words."""
    if core in MVE:
        return cost_mve.conv_terms(shape, chunks, keep=keep)
    s = shape
    blocks = plane_words(s.out_h, s.out_w)
    rows = blocks + s.out_h - 1  # runs of lanes in one output row, over all blocks
    count, passes = len(chunks.sizes), chunks.passes(s.out_c)
    outputs, built = blocks * s.groups * s.out_c, blocks * s.groups * passes
    in_bytes = chunks.in_bytes and not keep
    # Words and folds of an index stream; the first word may be entered in its second fold.
    words = sum(-(-n // 10) for n in chunks.sizes)
    folds = sum(-(-n // 5) for n in chunks.sizes)
    by_threes = s.segments == 1 and s.taps % 3 == 0
    inputs = built * s.inputs
    return {
        "call": 1,
        "blocks": blocks,
        "taps": blocks * s.taps,
        "tap_rows": rows * s.taps,
        "chunks": built * count,
        "triples": built * chunks.triples,
        "inputs_by_threes": inputs if by_threes else 0,
        "inputs": inputs if s.segments == 1 and not by_threes else 0,
        "inputs_by_rows": 0 if s.segments == 1 else inputs,
        "inputs_segments": 0 if s.segments == 1 else inputs * s.segments,
        "channels": built * s.in_c,
        "counted": outputs * chunks.triples,
        "words": outputs * words,
        "folds": outputs * folds,
        "outputs_only": outputs if count == 1 and in_bytes else 0,
        "outputs_bytes": outputs if count > 1 and in_bytes else 0,
        "outputs_halves": 0 if in_bytes else outputs,
        "more_bytes": outputs * (count - 2) if count > 1 and in_bytes else 0,
        "more_halves": 0 if in_bytes else outputs * max(count - 2, 0),
    }


def lane_terms(shape: ConvShape, chunk: int, blocks: int = 1, core: str = "m4") -> Terms:
    """How often the parts of `bw_lane_conv_bits` run."""
    if core in MVE:
        return cost_mve.lane_terms(shape, chunk, blocks)
    s = shape
    pixels = s.out_h * s.out_w
    in_words, blocks = -(-s.in_c // 32), -(-s.out_c // 32) * s.groups
    sizes = lanes.sizes(s.taps * in_words, chunk)
    triples = [lanes.triples(m) for m in sizes]
    runs, begin = 0, 0  # pieces of a tap's words within a chunk
    for m in sizes:
        runs += (begin + m - 1) // in_words - begin // in_words + 1
        begin += m
    return {
        "call": 1,
        "blocks": blocks,
        "chunks": blocks * len(sizes),
        "triples": blocks * sum(triples),
        "runs": blocks * runs,
        "pixel_chunks": blocks * pixels * len(sizes),
        "pixel_runs": blocks * pixels * runs,
        "pixel_words": blocks * pixels * sum(sizes),
        "counted": blocks * pixels * sum(triples),
        "folds": blocks * pixels * sum(-(-n // 5) for n in triples),
        "pixels": blocks * pixels,
    }


def split_terms(
    h: int, w: int, planes: int, stride: tuple[int, int], keep: tuple[int, int]
) -> Terms:
    """How often the parts of `bw_planar_split_bits` run."""
    rows = planes * sum(1 for y in range(h) if y % stride[0] < keep[0])
    by_bytes = stride[1] == 2 and (w % 16 == 0 or w in (8, 24))
    pieces = -(-w // 32)
    out = planes * keep[0] * keep[1] * plane_words(-(-h // stride[0]), -(-w // stride[1]))
    return {
        "phases": planes * keep[0],
        "cleared": out,
        "rows": rows,
        "pieces_bytes": rows * pieces if by_bytes else 0,
        "pieces_two": rows * pieces if stride[1] == 2 and not by_bytes else 0,
        "pieces_one": rows * pieces if stride[1] == 1 else 0,
        "pixels": rows * w if stride[1] > 2 else 0,
    }


def maxpool_terms(h: int, w: int, planes: int, k: int, stride: int, out: tuple[int, int]) -> Terms:
    """How often the parts of `bw_planar_maxpool_bits` run; padding makes no difference."""
    words = planes * plane_words(*out)
    plain = k == stride == 2 and (h, w) == (2 * out[0], 2 * out[1])
    pieces = planes * out[0] * -(-w // 32)
    terms = {
        "call": 1.0,
        "planes": planes,
        "rows": planes * out[0] if plain else 0,
        "pieces_bytes": pieces if plain and w % 16 == 0 else 0,
        "pieces": pieces if plain and w % 16 else 0,
        "words": 0 if plain else words,
        "words_taps": 0 if plain else words * k * k,
        "taps": 0 if plain else plane_words(*out) * k * k,
    }
    split = split_terms(h, w, planes, (stride, stride), (stride, stride))
    terms |= {f"split_{name}": 0 if plain else value for name, value in split.items()}
    return terms


def unpack_terms(pixels: int, channels: int) -> Terms:
    """How often the parts of `bw_planar_from_packed` run: a byte of all pixels at a time."""
    whole, rest = divmod(pixels, 32)
    parts = -(-channels // 8)
    return {
        "call": 1,
        "parts": parts,
        "blocks": 0 if rest else parts * whole,
        "blocks_odd": parts * whole if rest else 0,
        "tails": parts if rest else 0,
        "tail_pixels": parts * rest,
        "words": channels * plane_words(1, pixels),
    }


def pack_terms(pixels: int, channels: int) -> Terms:
    """How often the parts of `bw_planar_to_packed` run: 32 x 32 bits at a time."""
    blocks = plane_words(1, pixels)
    return {
        "call": 1,
        "squares": blocks * -(-channels // 32),
        "pixels": pixels * -(-channels // 32),
        "channels": channels * blocks,
    }


def encode_terms(h: int, w: int, in_c: int, planes: int, stride: int, core: str = "m4") -> Terms:
    """How often the parts of `bw_planar_encode_u8` run."""
    if core in MVE:
        return cost_mve.encode_terms(h, w, in_c, planes, stride)
    rows, columns = -(-h // stride), -(-w // stride)
    flat = stride == 1
    even = flat or (h % stride == 0 and w % stride == 0 and columns % 8 == 0)
    turns = in_c * -(-planes // 8) * stride * stride
    whole, rest = divmod(rows * columns, 32)
    far = in_c * stride > 2
    uneven = turns * (rest > 0) if even else turns * (whole + (rest > 0))
    return {
        "turns": turns,
        "blocks": turns * whole if even and not far else 0,
        "blocks_far": turns * whole if even and far else 0,
        "gathered": 0 if flat else uneven,
        "tails": turns * (rest > 0) if flat else 0,
        "tail_pixels": turns * rest if flat else 0,
        "words": in_c * planes * stride * stride * plane_words(rows, columns),
    }


def instructions(kernel: str, terms: Terms, core: str = "m4") -> float:
    """Predicted instructions of one call.

    Args:
        kernel: "conv", "lanes", "split", "maxpool", "from_packed", "to_packed" or "encode".
        core: "m4" (also M7), "m3", "m0plus" or "m55".
    """
    table = TABLE[core][kernel]
    return sum(table[name] * value for name, value in terms.items() if value)


@dataclass(frozen=True)
class Choice:
    """A kernel for a convolution, with its sizes and predicted instructions."""

    kernel: str
    chunks: Chunks | None
    chunk: int | None
    scratch: int
    instructions: float
    blocks: int = 1


def divisions(shape: ConvShape, core: str) -> Iterator[Chunks]:
    """Every division of a planar convolution into chunks, blocks and parts."""
    for blocks in BLOCKS[core]:
        for division in geometry.chunkings(shape.inputs):
            for part in geometry.parts(shape.out_c) if len(division.sizes) > 1 else (0,):
                yield replace(division, blocks=blocks, part=part)


@cache
def choices(shape: ConvShape, core: str = "m4") -> tuple[Choice, ...]:
    """Every kernel and division that can run a convolution, cheapest first.

    Conversions and splits around it are not included: they depend on the neighbours.
    """
    found = []
    for chunks in divisions(shape, core):
        cost = instructions("conv", conv_terms(shape, chunks, core), core)
        found.append(Choice("conv", chunks, None, chunks.scratch(shape), cost, chunks.blocks))
    words = shape.taps * -(-shape.in_c // 32)
    if shape.groups == 1 or (shape.in_c % 32 == 0 and shape.out_c % 32 == 0):
        for blocks in BLOCKS[core]:
            for chunk in range(1, min(lanes.MAX_CHUNK, words) + 1):
                cost = instructions("lanes", lane_terms(shape, chunk, blocks, core), core)
                scratch = lanes.scratch(shape.out_h * shape.out_w, chunk, blocks)
                found.append(Choice("lanes", None, chunk, scratch, cost, blocks))
    return tuple(sorted(found, key=lambda choice: choice.instructions))


def cheapest(shape: ConvShape, scratch: int | None = None, core: str = "m4") -> Choice:
    """The choice with the fewest predicted instructions whose scratch fits.

    Raises:
        ValueError: no kernel fits the scratch; the message says what the least one takes.
    """
    options = choices(shape, core)
    for option in options:
        if scratch is None or option.scratch <= scratch:
            return option
    least = min(option.scratch for option in options)
    raise ValueError(f"scratch of {scratch} bytes is too small; the least is {least}")
