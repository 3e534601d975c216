"""Cases of two branches and the sign of their sum: random data and what the kernel must write."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convert.planar import pair
from convert.planar.geometry import Chunks, ConvShape, chunkings, plane_words
from convert.planar.pack import fields, pack_counts
from tests.planar import oracle
from tests.planar.cases import UNTOUCHED, Case, halves, same, valid
from tests.planar.shapes import random_shape

PAIR = 8
Rng = np.random.Generator
Spoilt = Literal["", "weight", "factor", "limit"]


def _decision(
    rng: Rng, counts: list[NDArray[np.int32]], most: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Factors [outputs, 2] and limits [outputs] for which both counts matter, some extreme."""
    outputs = counts[0].shape[2]
    factors = rng.integers(-300, 300, (outputs, 2))
    factors[rng.random(outputs) < 0.2] = rng.choice([-32768, -1, 0, 1, 32767], 2)
    at = rng.integers(0, counts[0].shape[0] * counts[0].shape[1], outputs)
    flat = [c.reshape(-1, outputs)[at, np.arange(outputs)] for c in counts]
    limits = factors[:, 0] * flat[0] + factors[:, 1] * flat[1] - rng.integers(0, 2, outputs)
    room = 2**31 - 1 - np.abs(factors) @ np.array(most)
    return factors, np.clip(limits, -room, room)


def case(
    a: ConvShape,
    b: ConvShape | None,
    seed: int,
    *,
    chunks: tuple[Chunks, Chunks | None],
    table: bool = False,
    apart: int = 0,
    spoil: Spoilt = "",
    name: str = "",
) -> Case:
    """A pair of random branches.

    Args:
        b: the second branch, or None for a map of bits.
        chunks: of both; blocks and part of the first one are those of the pair.
        table: decide by thresholds on the first count for each value of the second.
        apart: words between planes, which the kernel must leave alone.
        spoil: what the kernel is given wrong, so that its answer must be wrong too.
    """
    rng = np.random.default_rng(seed)
    outputs = a.groups * a.out_c
    numbers: list[int] = []
    maps, sources, streams, counts = [], [], [], []
    for s, division in zip((a, b), chunks, strict=True):
        channels = outputs if s is None else s.groups * s.in_c
        source = rng.permutation(channels + 2)[:channels]
        hw = (a.out_h, a.out_w) if s is None else (s.in_h, s.in_w)
        held = rng.random((*hw, channels + 2)) < 0.5
        sources.append(halves(source.astype(np.uint16)))
        if s is None or division is None:
            stride = plane_words(*hw) + apart
            numbers += [0, 0, 0, 0, stride, 0, 0, outputs, 1, *[0] * 12]
            maps.append(oracle.planes(held, stride))
            streams.append(np.zeros(0, np.uint32))
            counts.append(held[:, :, source].astype(np.int32))
            continue
        weights = rng.random((outputs, s.k_h, s.k_w, s.in_c)) < 0.5
        counts.append(oracle.counts(s, held[:, :, source], weights))
        if spoil == "weight":
            weights[0, 0, 0, 0] ^= True
        in_stride = plane_words(s.phase_h, s.phase_w) + apart
        out_stride = plane_words(s.out_h, s.out_w) + apart
        numbers += fields(s, division, in_stride, out_stride).values()
        maps.append(oracle.planes(oracle.split(held, s.stride_h, s.stride_w), in_stride))
        streams.append(pack_counts(weights, s.groups, division))
    states = 2 if b is None else b.inputs + 1
    factors, limits = _decision(rng, counts, (a.inputs, states - 1))
    result = factors[:, 0] * counts[0] + factors[:, 1] * counts[1] > limits
    thresholds = np.zeros((0, 0), np.int16)
    if table:
        thresholds = rng.integers(-1, a.inputs + 1, (outputs, states)).astype(np.int16)
        result = counts[0] > thresholds[np.arange(outputs), counts[1]]
        thresholds[0] += 3 * (spoil == "limit")
    factors[0, 0] += 7 * (spoil == "factor")
    limits[0] += 9 * (spoil == "limit")
    numbers += [chunks[0].part, chunks[0].blocks, states]
    stride = plane_words(a.out_h, a.out_w) + apart
    expected = oracle.planes(result, stride).reshape(-1, stride)
    expected[:, stride - apart :] = UNTOUCHED
    none = np.zeros(0, np.uint32)
    line = (none, none) if table else (
        halves(factors.astype(np.int16).view(np.uint16).ravel()),
        limits.astype(np.int32).view(np.uint32),
    )  # fmt: skip
    return Case(
        name or f"pair {a} {b} {chunks} {'table' if table else 'factors'}",
        PAIR,
        tuple(numbers),
        (*maps, *sources, *streams, halves(np.zeros(outputs, np.uint16)), *line,
         halves(thresholds.view(np.uint16).ravel()), expected.ravel()),
        a.macs + (b.macs if b else 0),
        pair.scratch((a, b), chunks),
    )  # fmt: skip


def random_cases(count: int, seed: int) -> list[Case]:
    """Any first branch; a second one of the same output, of any kernel and groups, or bits."""
    rng = np.random.default_rng(seed)
    made = []
    while len(made) < count:
        a = random_shape(rng)
        a = replace(a, out_c=int(rng.choice([1, 4, 6, 9])))
        outputs, b = a.groups * a.out_c, None
        if rng.random() < 0.7:
            groups = int(rng.choice([g for g in (1, 2, 3, a.groups) if outputs % g == 0]))
            side = int(rng.choice([1, 3]))
            b = ConvShape(a.out_h + side - 1, a.out_w + side - 1, int(rng.integers(1, 60)), 0, 0,
                          outputs // groups, side, side, groups)  # fmt: skip
            b = valid(b) if rng.random() < 0.5 else same(replace(b, in_h=a.out_h, in_w=a.out_w))
        blocks = int(rng.choice([1, 2, 4]))
        part = min(int(rng.choice([0, 0, 1, 2, 3, 5])), outputs)
        both = [
            replace(options[int(rng.integers(0, min(len(options), 4)))], blocks=blocks, part=part)
            if (options := chunkings(s.inputs) if s else ())
            else None
            for s in (a, b)
        ]
        assert both[0] is not None
        chunks = (both[0], both[1])
        made.append(case(a, b, seed + len(made), chunks=chunks, table=bool(rng.random() < 0.4),
                         apart=int(rng.choice([0, 3]))))  # fmt: skip
    return made
