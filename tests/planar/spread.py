"""Shapes spread over what models use, with the terms of their cost, to fit and to check."""

from __future__ import annotations

from dataclasses import replace

from convert.planar import cost
from convert.planar import lanes as lane_arrays
from convert.planar.geometry import ConvShape, chunkings
from tests.planar import maps
from tests.planar.cases import Case, conv, lanes, same, valid

Row = tuple[Case, dict[str, float]]

CONVS = (
    *(same(ConvShape(n, n, c, 0, 0, o)) for n, c, o in ((24, 8, 8), (8, 32, 32), (12, 24, 40))),
    *(same(ConvShape(n, n, c, 0, 0, o)) for n, c, o in ((6, 64, 16), (7, 100, 8), (48, 3, 16))),
    same(ConvShape(24, 48, 8, 0, 0, 32, stride_h=2, stride_w=2)),
    same(ConvShape(16, 16, 16, 0, 0, 16, groups=4)),
    same(ConvShape(8, 8, 32, 0, 0, 32, groups=2)),
    *(same(ConvShape(n, n, c, 0, 0, c, 1, 1)) for n, c in ((8, 64), (12, 128), (6, 256), (16, 30))),
    *(valid(ConvShape(n, n, c, 0, 0, 16)) for n, c in ((10, 16), (20, 8), (34, 24))),
    same(ConvShape(12, 12, 8, 0, 0, 16, 5, 5)),
    # Many outputs and chunks, on steps of four words, of two and of one.
    *(same(ConvShape(n, n, c, 0, 0, o)) for n, c, o in ((11, 32, 96), (8, 64, 64), (5, 48, 128))),
)
LANES = (
    *(same(ConvShape(n, n, c, 0, 0, o)) for n, c, o in ((3, 64, 64), (6, 64, 32), (3, 128, 64))),
    *(same(ConvShape(n, n, c, 0, 0, 64, 1, 1)) for n, c in ((6, 64), (3, 128), (8, 96), (4, 256))),
    same(ConvShape(6, 6, 32, 0, 0, 32, groups=2)),
    valid(ConvShape(5, 5, 64, 0, 0, 64)),
)


def convs(core: str) -> list[Row]:
    """Planar convolutions, each with up to four divisions."""
    rows = []
    for seed, shape in enumerate(CONVS):
        options = chunkings(shape.inputs)
        few = options[:: max(1, min(4, len(options) // 4))][:4]
        for chunks in {*few, options[len(options) * 3 // 4]}:
            for blocks in cost.BLOCKS[core]:
                part = -(-shape.out_c // 3) if blocks != 2 and len(chunks.sizes) > 3 else 0
                c = replace(chunks, blocks=blocks, part=part)
                rows.append((conv(shape, seed, chunks=c), cost.conv_terms(shape, c, core)))
    return rows


def lane_convs(core: str) -> list[Row]:
    """Convolutions with lanes of outputs, each with three sizes of chunk."""
    rows = []
    for seed, shape in enumerate(LANES):
        words = shape.taps * -(-shape.in_c // 32)
        for chunk in sorted({lane_arrays.choose(shape), min(words, 2), min(words, 5)}):
            for blocks in cost.BLOCKS[core]:
                case = lanes(shape, seed, chunk=chunk, blocks=blocks)
                rows.append((case, cost.lane_terms(shape, chunk, blocks, core)))
    return rows


def spread(core: str) -> dict[str, list[Row]]:
    """Kernel → its cases with their terms on a core."""
    splits = [
        (h, w, planes, stride, keep)
        for h, w, planes in ((48, 48, 4), (24, 24, 8), (12, 12, 16), (16, 64, 4), (15, 33, 6))
        for stride, keep in (((2, 2), (2, 2)), ((2, 2), (1, 1)), ((2, 1), (2, 1)), ((3, 3), (3, 3)))
    ]
    pools = [
        (h, w, planes, k, stride, pad, out)
        for h, w, planes in ((48, 48, 4), (24, 24, 8), (12, 12, 16), (6, 6, 40))
        for k, stride, pad, out in (
            *((2, 2, 0, (h // 2, w // 2)), (3, 2, 1, (h // 2, w // 2)), (3, 1, 1, (h, w))),
            (3, 3, 0, (h // 3, w // 3)),
        )
    ]
    squares = [
        *((576, 64), (144, 30), (36, 128), (9, 256), (100, 70), (1000, 8)),
        *((4096, 8), (64, 32), (33, 16), (1024, 40), (256, 128), (2304, 1)),
    ]
    codes = [
        *((96, 96, 1, 8, 1), (96, 96, 1, 8, 2), (48, 48, 3, 4, 1), (48, 48, 3, 4, 2)),
        *((24, 24, 1, 32, 1), (30, 30, 1, 8, 2), (96, 24, 1, 1, 1), (20, 20, 2, 16, 1)),
        *((32, 32, 1, 20, 2), (17, 19, 1, 8, 1), (64, 64, 1, 4, 1), (48, 64, 5, 8, 2)),
        *((96, 96, 3, 5, 1), (160, 160, 1, 3, 2), (40, 40, 1, 8, 2), (37, 29, 2, 6, 1)),
    ]
    return {
        "conv": convs(core),
        "lanes": lane_convs(core),
        "split": [(maps.split(*args), cost.split_terms(*args)) for args in splits],
        "maxpool": [
            (maps.maxpool(*args), cost.maxpool_terms(*args[:5], args[6])) for args in pools
        ],
        "from_packed": [(maps.layouts(*a)[0], cost.unpack_terms(*a)) for a in squares],
        "to_packed": [(maps.layouts(*a)[1], cost.pack_terms(*a)) for a in squares],
        "encode": [(maps.encode(*args), cost.encode_terms(*args, core)) for args in codes],
    }
