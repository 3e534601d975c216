"""A first layer by tables: an encoder of bytes and the binary convolution that alone reads it.

What a sample of the picture adds to a filter's count of mismatches depends on its code alone, and a
thermometer of M planes has M + 1 codes, the levels. So the count is a sum of table entries, one a
tap or one a pair of taps, and four filters' entries lie in one word (bitwake/bw_level.h).

The numbers, for one filter. With code bits x and weights w, popcount(x ^ w) = popcount(w) + the sum
over the set bits of x of 1 - 2 w; so a tap adds `delta` of its level, a tap outside 0. Let s_g be
the sum of a group's deltas less its minimum, and T the threshold less popcount(w) and the minima:
the bit is set where s = sum of s_g > T. Where T < 0 or T >= R, the largest s, the bit is constant.
Otherwise numbers that cannot matter are cut, which keeps sums small: s_g is at most T + 1, since
one such number decides; and what it lacks to its maximum, at most Q = R - T, since the bit is set
where the sum of lacks is below Q. A lane of 8 bits holds 127 - T + s, which needs T <= 127 and
R - T <= 128; a lane of 16 bits has room for 256 times as much. Where additions saturate, R - T may
be as large as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert.ir import Array, Graph, Op
from convert.select import conv_shape
from convert.words import unpack

KIND = "level_conv_u8"
# As BW_LEVEL_MOST_TAPS, BW_LEVEL_MOST_CHANNELS of bitwake/bw_level.h.
MOST_TAPS = 32
MOST_CHANNELS = 64
MOST_IN_C = 4
MOST_BYTES = 24 * 1024  # of one layer's tables, in flash
BLOCK = 32  # filters
LANES = (8, 16)  # bits


@dataclass(frozen=True)
class Tables:
    """The arrays of a bw_level_conv.

    Attributes:
        level: uint8 [in_c, 256].
        words: uint32 [blocks, words of all groups of a block].
        levels, pairs: as in the descriptor.
        lanes: bits of a lane.
        saturates: sums of byte lanes may be too large for them.
    """

    level: Array
    words: Array
    levels: int
    pairs: int
    lanes: int
    saturates: bool = False


@dataclass(frozen=True)
class Codes:
    """Levels of every byte and what each adds to each filter at each tap.

    Attributes:
        level: uint8 [in_c, 256]; level 0 is +1 in every plane wherever a tap lies outside.
        limits: int64 [filters]: the bit is set where the deltas' sum is above.
        delta: int64 [taps, levels, filters]; a level that a channel lacks has zeros.
    """

    level: Array
    limits: Array
    delta: Array

    @property
    def levels(self) -> int:
        return int(self.delta.shape[1])

    @property
    def taps(self) -> int:
        return len(self.delta)


def table_bytes(levels: int, taps: int, pairs: int, filters: int, lanes: int) -> int:
    """Bytes of the tables of counts."""
    entries = pairs * levels * levels + (taps - 2 * pairs) * levels
    return -(-filters // BLOCK) * entries * BLOCK * lanes // 8


def convolution_of(graph: Graph, encoder: Op) -> Op | None:
    """The convolution that can become one with an encoder, by kinds and sizes alone."""
    conv = graph.sole_consumer(encoder.outputs[0]) if encoder.kind == "encode_u8" else None
    if conv is None or conv.kind != "bconv2d_bits":
        return None
    a, in_c = conv.attrs, graph.tensor(encoder.inputs[0]).channels
    fits = (
        a["groups"] == 1
        and not a["zero_padding"]
        and in_c <= MOST_IN_C
        and a["k_h"] * a["k_w"] * in_c <= MOST_TAPS
        and graph.tensor(conv.outputs[0]).channels <= MOST_CHANNELS
    )
    return conv if fits else None


def codes_of(graph: Graph, encoder: Op, conv: Op) -> Codes | None:
    """What the encoder's codes do in the convolution; None where there are too many."""
    table, first = encoder.attrs["table"], encoder.attrs["first_word"]
    channels = graph.tensor(encoder.outputs[0]).channels
    in_c = len(table)
    weights = unpack(conv.attrs["weights"], channels).astype(np.int64)
    signs = 1.0 - 2 * weights  # [filters, k_h, k_w, channels]; sums of them are exact
    levels, deltas = [], []
    for c in range(in_c):
        bits = np.zeros((256, 32 * (int(first[c]) + table.shape[2])), np.int64)
        bits[:, 32 * int(first[c]) :] = unpack(table[c], 32 * table.shape[2])
        bits = np.pad(bits, [(0, 0), (0, max(0, channels - bits.shape[1]))])[:, :channels]
        # +1 in every plane first, so that it is level 0 where a byte has it
        codes, level = np.unique(
            np.vstack([np.zeros((1, channels), np.int64), bits]), axis=0, return_inverse=True
        )
        level = level.reshape(-1)[1:]
        if level.min() > 0 and not _overhangs(graph, conv):
            codes, level = codes[1:], level - 1
        levels.append(level)
        sums = np.tensordot(codes.astype(np.float64), signs, axes=(1, 3)).astype(np.int64)
        deltas.append(sums.transpose(2, 3, 0, 1))  # [k_h, k_w, levels, filters]
    most = max(d.shape[2] for d in deltas)
    if most > 256:
        return None
    padded = [np.pad(d, [(0, 0), (0, 0), (0, most - d.shape[2]), (0, 0)]) for d in deltas]
    delta = np.stack(padded, axis=2)  # [k_h, k_w, in_c, levels, filters]
    limits = conv.attrs["thresholds"].astype(np.int64) - weights.sum((1, 2, 3))
    return Codes(np.array(levels, np.uint8), limits, delta.reshape(-1, *delta.shape[3:]))


def _overhangs(graph: Graph, conv: Op) -> bool:
    """Whether some tap lies outside the picture."""
    s = conv_shape(graph, conv)
    sides = (
        (s.pad_top, s.in_h, s.out_h, s.k_h, s.stride_h, s.dilation_h),
        (s.pad_left, s.in_w, s.out_w, s.k_w, s.stride_w, s.dilation_w),
    )
    return any(
        pad > 0 or (made - 1) * stride + (kernel - 1) * dilation - pad >= size
        for pad, size, made, kernel, stride, dilation in sides
    )


def _grouped(delta: Array, pairs: int) -> list[Array]:
    """Counts of every group, [entries, filters]: pairs of taps first, then single ones."""
    taps, levels, filters = delta.shape
    both = [
        (delta[2 * g, :, None] + delta[2 * g + 1, None, :]).reshape(levels * levels, filters)
        for g in range(pairs)
    ]
    return [*both, *delta[2 * pairs : taps]]


def _cut(groups: list[Array], limits: Array) -> tuple[list[Array], Array]:
    """Groups' counts from 0 on and T; constants have counts of 0 and a T of -1 or 0."""
    counts = [g - g.min(0) for g in groups]
    t = limits - sum(g.min(0) for g in groups)
    reach = sum(g.max(0) for g in counts)
    always, never = t < 0, t >= reach
    counts = [np.where(always | never, 0, np.minimum(g, t + 1)) for g in counts]
    lack = np.maximum(sum(g.max(0) for g in counts) - t, 0)  # Q
    cut = []
    for g in counts:
        short = np.minimum(g.max(0) - g, lack)
        cut.append(short.max(0) - short)
    t = sum(g.max(0) for g in cut) - lack
    return cut, np.where(always, -1, np.where(never, 0, t))


def _carries(counts: list[Array], t: Array, lanes: int) -> bool:
    """Whether some sum is too large for a lane."""
    top = 1 << (lanes - 1)
    return bool((top - 1 - t + sum(g.max(0) for g in counts) >= 2 * top).any())


def _words(counts: list[Array], t: Array, pairs: int, lanes: int) -> Array | None:
    """The tables' words; None where T is too large for a lane. A single entry never is."""
    start = (1 << (lanes - 1)) - 1 - t
    if (start < 0).any():
        return None
    counts = [counts[0] + start, *counts[1:]]
    # entries of all pairs side by side, then those of all single taps
    sides = (counts[:pairs], counts[pairs:])
    laid_out = [np.stack(side, axis=1).reshape(-1, len(start)) for side in sides if side]
    whole = np.concatenate(laid_out)  # [entries of all groups, filters]
    filters = whole.shape[1]
    blocks, words = -(-filters // BLOCK), lanes  # words an entry: 32 filters of `lanes` bits
    padded = np.pad(whole, [(0, 0), (0, blocks * BLOCK - filters)]).astype(np.uint64)
    # filter words * j + w is lane j of word w
    laid = padded.reshape(len(whole), blocks, BLOCK // words, words)
    shifts = (np.arange(BLOCK // words, dtype=np.uint64) * np.uint64(lanes))[:, None]
    made = (laid << shifts).sum(2).astype(np.uint32)
    return made.transpose(1, 0, 2).reshape(blocks, -1)


def tables(
    codes: Codes, pairs: int, widths: tuple[int, ...] = LANES, saturating: bool = False
) -> Tables | None:
    """The tables with so many pairs of taps and the narrowest lanes of `widths` that are wide
    enough; None where there are none.

    Args:
        saturating: additions of byte lanes may saturate.
    """
    counts, t = _cut(_grouped(codes.delta, pairs), codes.limits)
    for lanes in widths:
        beyond = _carries(counts, t, lanes)
        if beyond and not (saturating and lanes == 8):
            continue
        words = _words(counts, t, pairs, lanes)
        if words is not None:
            return Tables(codes.level, words, codes.levels, pairs, lanes, beyond)
    return None


def level_conv(graph: Graph, encoder: Op, conv: Op, made: Tables) -> Op:
    """The operation in the place of both."""
    attrs = {"shape": conv_shape(graph, conv), "tables": made}
    return Op(KIND, conv.name, encoder.inputs, conv.outputs, attrs)


def replaced(graph: Graph, encoder: Op, one: Op) -> Graph:
    """The graph with a table convolution in the place of an encoder and its reader."""
    ops = [one if op.outputs == one.outputs else op for op in graph.ops if op is not encoder]
    return graph.with_ops(ops)
