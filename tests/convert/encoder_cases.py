"""Random input encoders beyond the plain thermometer: tables, tiles of pixels, bit planes."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.ir import Array
from tests.convert.cases import Case, Rng, _int, filter_bits
from tests.convert.flat import SAME, VALID, Flat

RAW = {"input_scale": 1.0, "input_offset": 0.0}


def cast(f: Flat, at: int) -> int:
    """float32 to int32."""
    o = f.s.CastOptionsT()
    o.inDataType, o.outDataType = f.types["float32"], f.types["int32"]
    out = f.tensor(f.shapes[at], "int32", name="cast")
    f.op("CAST", [at], [out], options=o)
    return out


def look_up(f: Flat, table: Array, index: int) -> int:
    """Rows of a table."""
    o = f.s.GatherOptionsT()
    o.axis, o.batchDims = 0, 0
    out = f.tensor((*f.shapes[index], *table.shape[1:]), "float32", name="lookup")
    f.op("GATHER", [f.const(table, "float32"), index], [out], options=o)
    return out


def _add_index(f: Flat, at: int, data: Array) -> int:
    out = f.tensor(f.shapes[at], "int32", name="index")
    f.op("ADD", [at, f.const(data, "int32")], [out], options=f.s.AddOptionsT())
    return out


def _blocks(f: Flat, kind: str, at: int, block: int) -> int:
    n, h, w, c = f.shapes[at]
    down = kind == "SPACE_TO_DEPTH"
    o = f.s.SpaceToDepthOptionsT() if down else f.s.DepthToSpaceOptionsT()
    o.blockSize = block
    shape = (
        (n, h // block, w // block, c * block**2)
        if down
        else (n, h * block, w * block, c // block**2)
    )
    out = f.tensor(shape, "float32", name="blocks")
    f.op(kind, [at], [out], options=o)
    return out


def _slice_channel(f: Flat, at: int, c: int) -> int:
    shape = f.shapes[at]
    o = f.s.StridedSliceOptionsT()
    o.beginMask = o.endMask = 7
    out = f.tensor((*shape[:-1], 1), "float32", name="channel")
    ends = [f.const(np.array(v), "int32") for v in ([0, 0, 0, c], [0, 0, 0, c + 1], [1, 1, 1, 1])]
    f.op("STRIDED_SLICE", [at, *ends], [out], options=o)
    return out


def add(f: Flat, a: int, b: int) -> int:
    """The sum of two maps."""
    out = f.tensor(f.shapes[a], "float32", name="sum")
    f.op("ADD", [a, b], [out], options=f.s.AddOptionsT())
    return out


def _pictures(rng: Rng, shape: tuple[int, ...]) -> list[dict[str, Array]]:
    noise = rng.integers(0, 256, (2, 1, *shape), dtype=np.uint8)
    every = np.resize(np.arange(256, dtype=np.uint8), (1, *shape))
    return [{"x": p} for p in [*noise, every, np.full((1, *shape), 255, np.uint8)]]


def table_case(rng: Rng) -> Case:
    """Any function of a byte, the same or another one for each channel."""
    channels, planes = int(rng.choice([1, 2, 3])), int(rng.choice([1, 5, 8, 17, 33]))
    h, w = _int(rng, 1, 5), 60 // channels
    own = bool(rng.random() < 0.5)
    f = Flat()
    x = f.input("x", (1, h, w, channels), "float32")
    table = rng.choice([-1.0, 0.0, 2.0], (256 * (channels if own else 1), planes))
    index = cast(f, x)
    if own:
        index = _add_index(f, index, 256 * np.arange(channels))
    y = f.reshape(look_up(f, table, index), (1, h, w, channels * planes))
    f.output("bits", f.quantize(y))
    about = {"channels": channels, "planes": planes, "own": own}
    return Case(f.finish(RAW), _pictures(rng, (h, w, channels)), about)


def tiled(
    limits: Array, sides: tuple[int, int], tile: int, together: bool, channels: int = 1
) -> bytes:
    """Thresholds [tile * tile * channels * planes] by place, a map of the picture's size, or
    together as channels of a smaller one."""
    f = Flat()
    x = f.input("x", (1, *sides, channels), "float32")
    ones = np.ones((1, 1, 1, len(limits)), np.float32)
    y = f.depthwise(_blocks(f, "SPACE_TO_DEPTH", x, tile), ones, -limits)
    f.output("bits", f.quantize(y if together else _blocks(f, "DEPTH_TO_SPACE", y, tile)))
    return f.finish(RAW)


def tiles_case(rng: Rng) -> Case:
    """Thresholds by place in a tile, as a map of the same size or as channels of a smaller one."""
    tile, channels = int(rng.choice([2, 3, 4])), int(rng.choice([1, 1, 2]))
    planes, together = int(rng.choice([1, 3, 8, 20])), bool(rng.random() < 0.5)
    h, w = tile * _int(rng, 1, 4), tile * _int(rng, 1, 5)
    places = tile * tile * channels * planes
    limits = rng.uniform(0, 255, places).round() - 0.5
    about = {"tile": tile, "channels": channels, "planes": planes, "together": together}
    content = tiled(limits, (h, w), tile, together, channels)
    return Case(content, _pictures(rng, (h, w, channels)), about)


def bit_planes_case(rng: Rng, base: float = 1.0) -> Case:
    """Eight binary convolutions of the bits of a byte, summed by weight, with batch norm and sign.

    Planes may hold -1 for a set bit; factors of either sign and constants decide the thresholds.
    """
    channels, depth = int(rng.choice([1, 1, 3])), int(rng.choice([1, 4, 31]))
    kernel, stride = (_int(rng, 1, 4), _int(rng, 1, 4)), (_int(rng, 1, 2), _int(rng, 1, 3))
    padding = int(rng.choice([SAME, VALID]))
    h, w = kernel[0] + _int(rng, 0, 6), kernel[1] + _int(rng, 0, 6)
    f = Flat()
    x = f.input("x", (1, h, w, channels), "float32")
    scale = np.float32(base * 2.0 ** _int(rng, -9, 3))
    inverted = rng.random(8) < 0.3
    sums = []
    for c in range(channels):
        index = cast(f, _slice_channel(f, x, c) if channels > 1 else x)
        total = None
        for j in rng.permutation(8):
            signs = np.where((np.arange(256) >> j & 1) == (not inverted[j]), 1.0, -1.0)
            bits = f.quantize(look_up(f, signs, index))
            y = f.bconv(
                bits, filter_bits(rng, depth, *kernel, 1), 1, stride=stride, padding=padding,
                multiplier=np.full(depth, scale * 2.0**j), bias=np.zeros(depth),
            )  # fmt: skip
            total = y if total is None else add(f, total, y)
        assert total is not None
        sums.append(total)
    if channels > 1:
        o = f.s.ConcatenationOptionsT()
        o.axis = 3
        out = f.tensor((*f.shapes[sums[0]][:-1], channels * depth), "float32", name="concat")
        f.op("CONCATENATION", sums, [out], options=o)
        sums = [out]
    factor = rng.normal(0, 1, channels * depth)
    factor[:1] = 0.0
    spread = 255 * np.sqrt(kernel[0] * kernel[1]) * scale
    y = f.binary("MUL", sums[0], factor)
    y = f.binary("ADD", y, rng.normal(0, 0.6, channels * depth) * factor * spread + factor * 0.3)
    f.output("bits", f.quantize(y))
    about: dict[str, Any] = {
        "channels": channels, "depth": depth, "kernel": kernel, "stride": stride,
        "padding": padding, "inverted": inverted.tolist(), "h": h, "w": w,
    }  # fmt: skip
    return Case(f.finish(RAW), _pictures(rng, (h, w, channels)), about)
