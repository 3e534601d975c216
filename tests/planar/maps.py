"""Cases of splitting, pooling, changing layouts and encoding."""

from __future__ import annotations

import numpy as np

from convert.planar.geometry import plane_words
from tests.planar import oracle
from tests.planar.cases import Case

SPLIT, MAXPOOL, FROM_PACKED, TO_PACKED, ENCODE = range(2, 7)


def noise(seed: int, *shape: int) -> oracle.Bits:
    """Random bits."""
    return np.random.default_rng(seed).random(shape) < 0.5


def split(h: int, w: int, planes: int, stride: tuple[int, int], keep: tuple[int, int]) -> Case:
    """Phases of a random map, those below `keep`."""
    bits = noise(h * 100 + w, h, w, planes)
    phases = oracle.split(bits, *stride)
    rows, columns, _ = phases.shape
    kept = phases.reshape(rows, columns, planes, *stride)[:, :, :, : keep[0], : keep[1]]
    numbers = (h, w, plane_words(h, w), plane_words(rows, columns), planes, *stride, *keep)
    expected = oracle.planes(kept.reshape(rows, columns, -1))
    return Case(
        f"split {h}x{w}x{planes} {stride} {keep}", SPLIT, numbers, (oracle.planes(bits), expected)
    )


def maxpool(
    h: int, w: int, planes: int, k: int, stride: int, pad: int, out: tuple[int, int]
) -> Case:
    """Max pooling of a random map with many set bits."""
    bits = noise(h * 100 + w, h, w, planes) | noise(w, h, w, planes)
    result = np.ones((*out, planes), bool)
    for y in range(out[0]):
        for x in range(out[1]):
            rows = slice(max(y * stride - pad, 0), max(y * stride - pad + k, 0))
            columns = slice(max(x * stride - pad, 0), max(x * stride - pad + k, 0))
            result[y, x] = bits[rows, columns].all((0, 1))
    strides = (plane_words(h, w), plane_words(*out))
    numbers = (h, w, *out, *strides, planes, k, k, stride, stride, pad, pad)
    arrays = (oracle.planes(bits), oracle.planes(result))
    return Case(f"maxpool {h}x{w}x{planes} {k}/{stride}", MAXPOOL, numbers, arrays)


def layouts(pixels: int, channels: int) -> list[Case]:
    """Packed to planar and back."""
    bits = noise(pixels, 1, pixels, channels)
    packed = oracle.packed(bits)
    planar = oracle.planes(bits)
    numbers = (pixels, channels, plane_words(1, pixels))
    return [
        Case(f"from packed {pixels}x{channels}", FROM_PACKED, numbers, (packed, planar)),
        Case(f"to packed {pixels}x{channels}", TO_PACKED, numbers, (planar, packed)),
    ]


def encode(h: int, w: int, in_c: int, planes: int, stride: int = 1, name: str = "") -> Case:
    """An image through a random table."""
    rng = np.random.default_rng(h * w + planes)
    parts = -(-planes // 8)
    table = rng.integers(0, 256, (in_c, parts, 256), np.uint8)
    image = rng.integers(0, 256, (h, w, in_c), np.uint8)
    looked = np.stack([table[c, :, image[:, :, c]] for c in range(in_c)], axis=2)
    bits = np.unpackbits(looked, axis=-1, bitorder="little")[..., :planes] if planes else looked
    bits = bits.reshape(h, w, in_c * planes).astype(bool)
    phases = oracle.split(bits, stride, stride)
    rows, columns, _ = phases.shape
    numbers = (h, w, in_c, planes, stride, stride, plane_words(rows, columns))
    flat = np.append(image.ravel(), np.zeros(-image.size % 4, np.uint8)).view("<u4")
    arrays = (flat, table.reshape(-1).view("<u4"), oracle.planes(phases))
    return Case(name or f"encode {h}x{w}x{in_c} {planes} /{stride}", ENCODE, numbers, arrays, h * w)


def all_cases() -> list[Case]:
    """Even and odd sizes, borders, whole and broken words of everything in this file."""
    cases = [
        split(h, w, 6, stride, keep)
        for h, w in ((1, 1), (4, 8), (5, 33), (7, 64), (3, 71), (6, 6), (7, 24), (6, 48), (5, 8))
        for stride, keep in (
            *(((2, 2), (2, 2)), ((2, 2), (1, 1)), ((2, 1), (2, 1)), ((1, 2), (1, 2))),
            *(((3, 3), (3, 2)), ((2, 3), (1, 3))),
        )
    ]
    for h, w in ((4, 4), (8, 48), (6, 66), (12, 12)):
        cases.append(maxpool(h, w, 3, 2, 2, 0, (h // 2, w // 2)))
        cases.append(maxpool(h - 1, w - 1, 3, 2, 2, 0, (h // 2, w // 2)))
        cases.append(maxpool(h, w, 2, 3, 2, 1, (h // 2, w // 2)))
        cases.append(maxpool(h, w, 2, 3, 1, 1, (h, w)))
        cases.append(maxpool(h, w, 2, 2, 1, 0, (h - 1, w - 1)))
        cases.append(maxpool(h + 2, w + 3, 2, 3, 3, 0, ((h - 1) // 3 + 1, w // 3 + 1)))
    sizes = ((1, 1), (31, 33), (32, 32), (33, 31), (100, 70), (64, 64), (64, 200), (17408, 3))
    for pixels, channels in sizes:
        cases += layouts(pixels, channels)
    for h, w in ((1, 1), (4, 8), (5, 37), (3, 96), (7, 64)):
        cases += [encode(h, w, 1, 8), encode(h, w, 3, 5), encode(h, w, 1, 32), encode(h, w, 1, 1)]
        cases += [
            encode(2 * h, 8 * w, 1, 8, 2),
            encode(h, w, 1, 8, 2),
            encode(h, w, 2, 11, 2),
            encode(h, w, 1, 3, 3),
        ]
    cases.append(encode(4, 16384, 1, 2))  # offsets beyond half-words
    return cases


def bench_cases() -> list[Case]:
    """Maps of real size; what counts as one operation is a pixel, or a pixel of a plane."""
    return [
        encode(96, 96, 1, 8, name="encode 96x96, 8 planes"),
        encode(96, 96, 1, 8, 2, name="encode 96x96, 8 planes, /2"),
        encode(96, 96, 1, 32, name="encode 96x96, 32 planes"),
        split(48, 48, 32, (2, 2), (2, 2)),
        maxpool(48, 48, 32, 2, 2, 0, (24, 24)),
        maxpool(48, 48, 32, 3, 2, 1, (24, 24)),
        *layouts(576, 64),
    ]
