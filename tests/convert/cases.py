"""Random models of a few operators, for comparison with the interpreter.

A case is a flatbuffer and the inputs to run it on. Sizes are small: what matters is every
combination of padding, stride, dilation, group and output type, and channels that do not fill their
words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convert.ir import Array
from tests.convert.flat import NONE, RELU, RELU6, RELU_N1_TO_1, SAME, VALID, Flat
from tests.host_c import packed_noise

Rng = np.random.Generator


@dataclass
class Case:
    """A model with its inputs; `about` is printed when it fails."""

    content: bytes
    inputs: list[dict[str, Array]]
    about: dict[str, Any] = field(default_factory=dict)


def _int(rng: Rng, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def filter_bits(rng: Rng, co: int, kh: int, kw: int, channels: int) -> Array:
    return rng.integers(0, 2, (co, kh, kw, channels), dtype=np.uint8)


def thresholds_for(rng: Rng, co: int, taps: int) -> Array:
    """Mostly near the middle, where they decide; some at the ends, some constant."""
    t = rng.normal(taps / 2, taps**0.5 / 2 + 1, co).round()
    special = [-(2**31), 2**31 - 1, -1, 0, taps, taps - 1]
    for i in range(co):
        if rng.random() < 0.1:
            t[i] = special[int(rng.integers(len(special)))]
    return np.clip(t, -(2**31), 2**31 - 1).astype(np.int64).astype(np.int32)


def bconv_cases(seed: int, to_bits: int, to_numbers: int) -> Iterator[tuple[str, Case]]:
    """Named convolutions of every output and padding, so many of each: bits, and float or int8."""
    for out in ("bits", "float32", "int8"):
        for padding in ("valid", "one") if out == "bits" else ("valid", "one", "zero"):
            for i in range(to_bits if out == "bits" else to_numbers):
                rng = np.random.default_rng([seed, len(out), len(padding), i])
                yield f"bconv {out} {padding} {i}", bconv_case(rng, out, padding)


def several(
    seed: int, kinds: Sequence[tuple[str, Callable[[Rng], Case], int]]
) -> Iterator[tuple[str, Case]]:
    """Named cases of other kinds: name, what makes one, how many."""
    for kind, make, count in kinds:
        for i in range(count):
            yield f"{kind} {i}", make(np.random.default_rng([seed, len(kind), count, i]))


def bconv_case(rng: Rng, out: str, padding: str) -> Case:
    """One LceBconv2d. out: bits, float32 or int8; padding: valid, one, zero, or unpadded: zero
    padding by SAME of a map that no window leaves."""
    groups = int(rng.choice([1, 1, 2, 3, 4]))
    if groups == 1:
        channels = int(rng.choice([1, 3, 16, 31, 32, 33, 40, 64, 70, 100]))
        co = int(rng.choice([1, 2, 7, 31, 32, 33, 48, 64]))
    else:
        channels = 32 * groups * int(rng.choice([1, 2]))
        co = groups * int(rng.choice([1, 5, 16, 24]))
    if padding == "zero" and (channels // groups) % 2:
        channels += 1
    kh, kw = int(rng.choice([1, 2, 3, 3, 5])), int(rng.choice([1, 2, 3, 3, 4]))
    stride = (_int(rng, 1, 3), _int(rng, 1, 3))
    dilation = (_int(rng, 1, 3), _int(rng, 1, 2)) if rng.random() < 0.3 else (1, 1)
    need = ((kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1)
    low = need if padding == "valid" else (1, 1)
    h, w = _int(rng, low[0], low[0] + 5), _int(rng, low[1], low[1] + 5)
    if padding == "unpadded":
        stride = max(stride[0], need[0]), max(stride[1], need[1])
        h, w = ((_int(rng, 0, 2) * s + _int(rng, n, s)) for s, n in zip(stride, need, strict=True))
    # LCE gives packed outputs and zero padding no activation.
    plain = out == "bits" or padding == "zero"
    activation = NONE if plain else int(rng.choice([NONE, RELU, RELU_N1_TO_1, RELU6]))
    taps = kh * kw * channels // groups
    f = Flat()
    x = f.input("x", (1, h, w, -(-channels // 32)), "int32")
    kwargs: dict[str, Any] = {
        "stride": stride, "dilation": dilation, "activation": activation,
        "padding": VALID if padding == "valid" else SAME,
        "pad_values": 0 if padding in ("zero", "unpadded") else 1,
    }  # fmt: skip
    if out == "bits":
        kwargs["thresholds"] = thresholds_for(rng, co, taps)
    else:
        kwargs["multiplier"] = rng.normal(0, 0.2, co).astype(np.float32)
        kwargs["bias"] = rng.normal(0, 1, co).astype(np.float32)
    if out == "int8":
        kwargs["quant"] = (float(rng.uniform(0.01, 0.2)), _int(rng, -128, 127))
    f.output("y", f.bconv(x, filter_bits(rng, co, kh, kw, channels // groups), channels, **kwargs))
    inputs = [{"x": packed_noise(rng, (1, h, w), channels)} for _ in range(2)]
    ends = np.ones((1, h, w, channels), np.uint8)
    from convert.words import pack

    inputs += [{"x": pack(ends * v).view(np.int32)} for v in (0, 1)]
    about = {"out": out, "h": h, "w": w, "channels": channels, "groups": groups, "co": co,
             "kernel": (kh, kw), **{k: v for k, v in kwargs.items() if np.ndim(v) < 2}}  # fmt: skip
    return Case(f.finish(), inputs, about)


def unpadded_case(rng: Rng) -> Case:
    """Zero padding that pads nothing."""
    return bconv_case(rng, str(rng.choice(["bits", "float32", "int8"])), "unpadded")


def pool_case(rng: Rng) -> Case:
    """LceBMaxPool2d."""
    channels = int(rng.choice([1, 31, 32, 33, 96]))
    size = (_int(rng, 1, 4), _int(rng, 1, 4))
    stride, padding = (_int(rng, 1, 3), _int(rng, 1, 3)), int(rng.choice([SAME, VALID]))
    low = size if padding == VALID else (1, 1)
    h, w = _int(rng, low[0], low[0] + 6), _int(rng, low[1], low[1] + 6)
    f = Flat()
    x = f.input("x", (1, h, w, -(-channels // 32)), "int32")
    f.output("y", f.pool(x, size, stride, padding))
    inputs = [{"x": packed_noise(rng, (1, h, w), channels)} for _ in range(3)]
    return Case(
        f.finish(), inputs, {"h": h, "w": w, "size": size, "stride": stride, "pad": padding}
    )


def cast_case(rng: Rng) -> Case:
    """LceDequantize to float and int8, LceQuantize of float and int8 maps within the network."""
    channels, co = int(rng.choice([1, 20, 32, 45])), int(rng.choice([3, 32, 37]))
    h, w = _int(rng, 1, 4), _int(rng, 1, 4)
    f = Flat()
    x = f.input("x", (1, h, w, -(-channels // 32)), "int32")
    f.output("plus_minus", f.dequantize(x, channels))
    quant = (float(rng.choice([0.004, 0.05, 0.4, 0.7, 1.0, 2.0])), _int(rng, -128, 127))
    f.output("plus_minus_i8", f.dequantize(x, channels, quant))
    bits = filter_bits(rng, co, 1, 1, channels)
    m, b = rng.normal(0, 1, co), rng.normal(0, 1, co)
    m[0] = b[0] = 0.0  # exactly zero: +1
    f.output("sign_f32", f.quantize(f.bconv(x, bits, channels, multiplier=m, bias=b)))
    narrow = (0.1, _int(rng, -100, 100))
    f.output("sign_i8", f.quantize(f.bconv(x, bits, channels, multiplier=m, bias=b, quant=narrow)))
    inputs = [{"x": packed_noise(rng, (1, h, w), channels)} for _ in range(3)]
    return Case(f.finish(), inputs, {"channels": channels, "co": co, "quant": quant})


def subnormal_case(rng: Rng) -> Case:
    """A float convolution of channels whose scale has all but died, and its signs."""
    f, co = Flat(), 8
    x = f.input("x", (1, 3, 3, 2), "int32")
    multiplier = np.array([1e-38, -1e-38, 1e-45, 0.0, -0.0, 2e-38, 1.0, 1e-40], np.float32)
    bias = rng.permutation(np.array([0.0, -0.0, 1e-40, -1e-40, 1.0, -1.0, 1e-38, 3e-38]))
    y = f.bconv(x, filter_bits(rng, co, 3, 3, 40), 40, multiplier=multiplier, bias=bias)
    f.output("y", y)
    f.output("signs", f.quantize(y))
    z = f.bconv(x, filter_bits(rng, co, 1, 1, 40), 40, multiplier=multiplier, bias=bias)
    f.output("decided", f.quantize(z))
    return Case(f.finish(), [{"x": packed_noise(rng, (1, 3, 3), 40)} for _ in range(3)])


def move_case(rng: Rng) -> Case:
    """Bits that move: shuffles and slices between LceDequantize and LceQuantize, and one that a
    following dense convolution swallows."""
    groups = int(rng.choice([2, 4]))
    channels = 32 * groups * int(rng.choice([1, 2]))
    h, w = _int(rng, 1, 4), _int(rng, 1, 4)
    f = Flat()
    x = f.input("x", (1, h, w, channels // 32), "int32")
    order = rng.permutation(channels)
    shuffled = f.quantize(f.gather(f.dequantize(x, channels), order))
    f.output("shuffled", shuffled)
    if rng.random() < 0.5:
        swallowed = f.quantize(f.gather(f.dequantize(x, channels), rng.permutation(channels)))
        bits = filter_bits(rng, 8, 1, 1, channels)
        y = f.bconv(swallowed, bits, channels, thresholds=thresholds_for(rng, 8, channels))
        f.output("y", y)
    kept = rng.integers(0, channels, int(rng.choice([1, 30, 32, 50])))
    f.output("some", f.quantize(f.gather(f.dequantize(x, channels), kept)))
    # The usual way to write a shuffle: reshape, transpose, reshape.
    a = f.reshape(f.dequantize(x, channels), (1, h, w, groups, channels // groups))
    a = f.transpose(a, (0, 1, 2, 4, 3))
    f.output("usual", f.quantize(f.reshape(a, (1, h, w, channels))))
    # Between pixels: no movement of bits within a pixel, but numbers may move.
    f.output("turned", f.quantize(f.transpose(f.dequantize(x, channels), (0, 2, 1, 3))))
    inputs = [{"x": packed_noise(rng, (1, h, w), channels)} for _ in range(3)]
    return Case(f.finish(), inputs, {"channels": channels, "groups": groups})


def encoder_case(rng: Rng) -> Case:
    """Bytes to bits: thermometer, sign, chains of element-wise operations, int8 sign."""
    channels = int(rng.choice([1, 2, 3, 5]))
    h, w = _int(rng, 1, 5), 60 // channels
    kind = str(rng.choice(["thermometer", "sign", "chain", "int8"]))
    f = Flat()
    metadata: dict[str, Any] = {"input_scale": 1.0, "input_offset": 0.0}
    if kind == "int8":
        x = f.input("x", (1, h, w, channels), "int8", (0.02, _int(rng, -128, 127)))
        metadata = {}
        f.output("bits", f.quantize(x))
    else:
        x = f.input("x", (1, h, w, channels), "float32")
        if kind == "sign":
            metadata["input_offset"] = float(rng.integers(-255, 1)) - 0.5
            f.output("bits", f.quantize(x))
        elif kind == "thermometer":
            planes = int(rng.choice([1, 4, 10, 16, 33]))
            t = np.sort(rng.uniform(0, 255, (channels, planes)), 1).ravel().astype(np.float32)
            ones = np.ones((1, 1, 1, channels * planes), np.float32)
            spread = f.depthwise(x, ones, -t)
            f.output("bits", f.quantize(spread))
            if rng.random() < 0.5:  # one input and one chain, read twice
                f.output("again", f.quantize(f.binary("ADD", spread, np.float32(3.25))))
                f.output("other", f.quantize(f.binary("SUB", x, np.float32(99.5))))
        else:
            metadata |= {"input_scale": 1 / 255, "input_offset": 0.0}
            y = f.binary("MUL", x, np.float32(8.0))
            y = f.binary("SUB", y, rng.uniform(1, 7, channels), first=bool(rng.random() < 0.5))
            y = f.binary("ADD", y, np.float32(0.123))
            f.output("bits", f.quantize(y))
    pixels = rng.integers(0, 256, (2, 1, h, w, channels), dtype=np.uint8)
    every = np.resize(np.arange(256, dtype=np.uint8), (1, h, w, channels))
    return Case(f.finish(metadata), [{"x": p} for p in [*pixels, every]], {"kind": kind})
