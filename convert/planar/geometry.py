"""Sizes of planar maps, chunks and scratch: the twin of the macros in `bitwake/bw_planar.h`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

MAX_CHUNK = 84
TRIPLES_A_WORD = 10
TABLE_BYTES = 128
TAP_BYTES = 20
DEFAULT_TABLES = 6144
LEAST_PART = 8


def plane_words(h: int, w: int) -> int:
    """Words of one plane of h × w pixels."""
    return (h * w + 31) // 32


@dataclass(frozen=True)
class ConvShape:
    """A binary convolution, one padding, as the compiler knows it.

    Args:
        in_h, in_w: pixels of the map that is read, before it is split into phases.
        in_c, out_c: channels of one group.
        pad_top, pad_left: pixels of padding before the map.
    """

    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    k_h: int = 3
    k_w: int = 3
    groups: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 1
    pad_left: int = 1

    @property
    def taps(self) -> int:
        """Weights of one input channel."""
        return self.k_h * self.k_w

    @property
    def inputs(self) -> int:
        """Inputs of one output."""
        return self.taps * self.in_c

    @property
    def macs(self) -> int:
        """Binary multiply-accumulates of the layer, borders included."""
        return self.out_h * self.out_w * self.out_c * self.groups * self.inputs

    @property
    def phase_h(self) -> int:
        """Rows of a phase plane."""
        return -(-self.in_h // self.stride_h)

    @property
    def phase_w(self) -> int:
        """Columns of a phase plane."""
        return -(-self.in_w // self.stride_w)

    @property
    def segments(self) -> int:
        """Runs of lanes with a shift of their own, at most, in a block."""
        return 1 if self.phase_w == self.out_w else 30 // self.out_w + 2


def maxpool_scratch(in_hw: tuple[int, ...], out_hw: tuple[int, ...], a: Mapping[str, int]) -> int:
    """Bytes of scratch of bw_planar_maxpool_bits: bw_planar_maxpool_scratch.

    Args:
        in_hw, out_hw: rows and columns.
        a: k_h, k_w, stride_h, stride_w, pad_top, pad_left.
    """
    (in_h, in_w), (out_h, out_w) = in_hw, out_hw
    window = (a["k_h"], a["k_w"], a["stride_h"], a["stride_w"], a["pad_left"])
    top = a["pad_top"]
    if window == (2, 2, 2, 2, 0) and top <= 0 and in_h >= 2 * out_h - top and in_w == 2 * out_w:
        return 0
    phase_h, phase_w = -(-in_h // a["stride_h"]), -(-in_w // a["stride_w"])
    segments = 1 if phase_w == out_w else 30 // out_w + 2
    phases = 4 * plane_words(phase_h, phase_w) * a["stride_h"] * a["stride_w"]
    taps = a["k_h"] * a["k_w"] * segments
    return phases + TAP_BYTES * taps * plane_words(out_h, out_w)


@dataclass(frozen=True)
class Chunks:
    """How the triples of a convolution are divided: `chunk` at a time, the rest at the end.

    `blocks` of 32 lanes (1, 2 or 4) have room in the scratch: a core with MVE takes them at once.
    Counts of `part` outputs of a group wait in the scratch at once, 0 for all of them; all tables
    are built once a part.
    """

    triples: int
    chunk: int
    blocks: int = 1
    part: int = 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Triples of each chunk."""
        whole, rest = divmod(self.triples, self.chunk)
        return (self.chunk,) * whole + ((rest,) if rest else ())

    @property
    def in_bytes(self) -> bool:
        """Whether bytes can count all chunks but the last together, and the last one."""
        return sum(self.sizes[:-1]) <= MAX_CHUNK

    @property
    def state_bytes(self) -> int:
        """Bytes that wait between chunks for each output of a group."""
        if len(self.sizes) == 1:
            return 0
        return 32 if self.in_bytes else 64

    def passes(self, out_c: int, width: int | None = None) -> int:
        """How often the tables of a group of `out_c` outputs are built.

        Args:
            width: blocks taken at once, where fewer than there is room for leave room for counts.
        """
        at_once = (self.part or out_c) * self.blocks // (width or self.blocks)
        return -(-out_c // min(at_once, out_c))

    def scratch(self, shape: ConvShape) -> int:
        """Bytes of scratch: `blocks` times BW_PLANAR_SCRATCH."""
        return self.blocks * (
            TAP_BYTES * shape.taps * shape.segments
            + self.state_bytes * (self.part or shape.out_c)
            + TABLE_BYTES * self.chunk
        )

    @property
    def valid(self) -> bool:
        """Whether counts fit; in bytes, the first and the last chunk need room for a bias."""
        sizes = self.sizes
        return self.chunk <= MAX_CHUNK and (
            not self.in_bytes or (sizes[0] % 5 > 0 and sizes[-1] % 5 > 0)
        )


def divide(inputs: int, count: int) -> Chunks | None:
    """The division into `count` chunks with the smallest tables, or None if there is none.

    A triple more than needed, or a larger chunk, may be what leaves room for a bias.
    """
    least = -(-inputs // 3)
    options = [
        Chunks(triples, -(-triples // count) + more)
        for triples in (least, least + 1)
        for more in (0, 1)
    ]
    fitting = [option for option in options if len(option.sizes) == count and option.valid]
    return min(fitting, key=lambda option: (option.chunk, option.triples), default=None)


def parts(outputs: int) -> tuple[int, ...]:
    """Sensible numbers of outputs whose counts wait at once, 0 for all.

    Fewer than eight outputs would pay more for tables than for counting.
    """
    split = {-(-outputs // n) for n in (2, 4, 8, 16)}
    return (0, *sorted(n for n in split if LEAST_PART <= n < outputs))


@cache
def chunkings(inputs: int) -> tuple[Chunks, ...]:
    """Every sensible division, from the one with the largest tables to the smallest."""
    triples = -(-inputs // 3)
    found: list[Chunks] = []
    for count in range(-(-triples // MAX_CHUNK), triples + 1):
        option = divide(inputs, count)
        if option and (not found or option.chunk < found[-1].chunk):
            found.append(option)
    return tuple(found)


def choose(shape: ConvShape, scratch: int | None = None) -> Chunks:
    """The division with the fewest chunks whose scratch fits.

    Args:
        scratch: bytes for the whole scratch; without it the tables alone get `DEFAULT_TABLES`.

    Raises:
        ValueError: not even one triple at a time fits; the message says what would.
    """
    options = chunkings(shape.inputs)
    for option in options:
        if scratch is None and option.chunk * TABLE_BYTES <= DEFAULT_TABLES:
            return option
        if scratch is not None and option.scratch(shape) <= scratch:
            return option
    least = min(option.scratch(shape) for option in options)
    raise ValueError(f"scratch of {scratch} bytes is too small; the least is {least}")
