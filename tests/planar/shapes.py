"""Convolution cases that cover every border, phase, chunking and kind of count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convert.planar import bench
from convert.planar.geometry import ConvShape, choose, chunkings
from tests.planar.cases import Case, conv, lanes, same, valid


def random_shape(rng: np.random.Generator) -> ConvShape:
    """A small convolution of any form that the kernel takes."""
    k_h, k_w = rng.choice([(3, 3), (1, 1), (3, 3), (5, 5), (2, 3), (1, 4)])
    stride = rng.choice([(1, 1), (1, 1), (2, 2), (1, 2), (3, 2)])
    dilation = rng.choice([(1, 1), (1, 1), (2, 1), (2, 3)])
    padded = rng.random() < 0.6
    least = (1, 1) if padded else ((k_h - 1) * dilation[0] + 1, (k_w - 1) * dilation[1] + 1)
    shape = ConvShape(
        in_h=int(least[0] + rng.integers(0, 12)),
        in_w=int(least[1] + rng.integers(0, 40)),
        in_c=int(rng.choice([1, 2, 3, 5, 8, 17])),
        out_h=0,
        out_w=0,
        out_c=int(rng.integers(1, 6)),
        k_h=int(k_h),
        k_w=int(k_w),
        groups=int(rng.choice([1, 1, 2, 3])),
        stride_h=int(stride[0]),
        stride_w=int(stride[1]),
        dilation_h=int(dilation[0]),
        dilation_w=int(dilation[1]),
    )
    if rng.random() < 0.25:  # a window of a map: any output size, any padding
        out_h, out_w = (int(n) for n in rng.integers(1, 20, 2))
        pad_top, pad_left = (int(n) for n in rng.integers(-4, 5, 2))
        return replace(shape, out_h=out_h, out_w=out_w, pad_top=pad_top, pad_left=pad_left)
    return same(shape) if padded else valid(shape)


def random_cases(count: int, seed: int) -> list[Case]:
    """Random shapes with random chunks and, half of the time, planes picked by `source`."""
    rng = np.random.default_rng(seed)
    cases = []
    for i in range(count):
        shape = random_shape(rng)
        options = chunkings(shape.inputs)
        chunks = options[int(rng.integers(0, min(len(options), 5)))]
        part = min(int(rng.choice([0, 0, 1, 2, 3])), shape.out_c)
        chunks = replace(chunks, blocks=int(rng.choice([1, 2, 4])), part=part)
        shuffled, apart = bool(rng.random() < 0.5), int(rng.choice([0, 0, 3]))
        cases.append(conv(shape, seed + i, chunks=chunks, shuffled=shuffled, apart=apart))
    return cases


def chunk_cases() -> list[Case]:
    """Every number of triples 1 … 84 in one, two and three chunks on 1, 2, 4 words; a long row."""
    cases = []
    for triples in range(1, 85):
        inputs = 3 * triples - triples % 3
        for blocks, width in ((1, 6), (2, 13), (4, 37)):
            shape = ConvShape(3, width, inputs, 3, width, 3, k_h=1, k_w=1, pad_top=0, pad_left=0)
            options = [replace(c, blocks=blocks) for c in chunkings(inputs)[:3]]
            cases += [conv(shape, triples, chunks=c) for c in options]
    return [*cases, conv(same(ConvShape(3, 20, 2, 0, 0, 3, 1, 9)), 85)]


def lane_cases(count: int, seed: int) -> list[Case]:
    """Lanes of outputs: random shapes on small maps, then chunks of every size, then groups."""
    rng = np.random.default_rng(seed)
    cases = []
    for i in range(count):
        shape = replace(random_shape(rng), groups=1, in_c=int(rng.integers(1, 100)))
        shape = replace(shape, out_c=int(rng.integers(1, 160)))
        chunk, blocks = int(rng.integers(1, 8)), int(rng.choice([1, 2, 4]))
        cases.append(lanes(shape, seed + i, chunk=chunk, blocks=blocks))
    for chunk in range(1, 8):
        for channels in (30, 32, 64 * chunk, 32 * chunk):
            for outputs, blocks in ((31, 1), (64, 2), (128, 4)):
                shape = same(ConvShape(2, 2, channels, 0, 0, outputs, 1, 1))
                cases.append(lanes(shape, chunk, chunk=chunk, blocks=blocks))
    return [
        *cases,
        lanes(ConvShape(4, 3, 64, 4, 3, 32, groups=2), 5),
        lanes(ConvShape(4, 3, 64, 4, 3, 96, groups=2), 6, blocks=4),
    ]


def layer_cases(blocks: int = 1) -> list[Case]:
    """Layers of real size, the ones that benchmarks show; small maps with both kernels."""
    planar = [
        conv(shape, 1, chunks=replace(choose(shape), blocks=blocks), name=f"planar {name}")
        for name, shape in (bench.PLANAR | bench.LANES).items()
    ]
    named = bench.LANES.items()
    return [*planar, *(lanes(shape, 1, blocks=blocks, name=f"lanes {n}") for n, shape in named)]
