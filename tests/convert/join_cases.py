"""Random models whose branches meet in front of a sign."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.geometry import out_size
from convert.ir import Array
from tests.convert.cases import Case, Rng, filter_bits
from tests.convert.flat import NONE, RELU, RELU6, SAME, VALID, Flat
from tests.host_c import packed_noise

CHANNELS = ((32, 1), (40, 1), (64, 1), (64, 2), (3, 1), (128, 4))


def _branch(
    f: Flat, rng: Rng, x: int, channels: int, groups: int, co: int, kernel: int,
    stride: tuple[int, int], padding: int, *, quant: tuple[float, int] | None = None,
) -> int:  # fmt: skip
    """A binary convolution with real output of a size that decides."""
    taps = kernel * kernel * channels // groups
    m = rng.normal(0, 1, co).astype(np.float32) / np.float32(taps**0.5)
    m[rng.random(co) < 0.05] = 0
    whole = rng.random() < 0.25  # scales alike and whole sums: ties are common
    m = np.full(co, 0.125, np.float32) * np.sign(m) if whole else m
    b = (rng.integers(-3, 4, co) * 0.25 if whole else rng.normal(0, 0.7, co)).astype(np.float32)
    zero = padding == SAME and (channels // groups) % 2 == 0 and rng.random() < 0.3
    activation = NONE if zero or rng.random() < 0.6 else int(rng.choice([RELU, RELU6]))
    return f.bconv(
        x, filter_bits(rng, co, kernel, kernel, channels // groups), channels, stride=stride,
        padding=padding, pad_values=0 if zero else 1, activation=activation, multiplier=m, bias=b,
        quant=quant,
    )  # fmt: skip


def _sum(f: Flat, kind: str, a: int, b: int, quant: tuple[float, int] | None) -> int:
    """An element-wise operation of two maps."""
    options = {"ADD": "AddOptionsT", "SUB": "SubOptionsT", "MAXIMUM": "MaximumMinimumOptionsT"}
    out = f.tensor(f.shapes[a], "int8" if quant else "float32", name="sum", quant=quant)
    f.op(kind, [a, b], [out], options=getattr(f.s, options[kind])())
    return out


def _after(f: Flat, rng: Rng, x: int) -> int:
    """Now and then something more in front of the sign: a norm, a threshold, an activation."""
    co = f.shapes[x][-1]
    for kind in rng.choice(["MUL", "ADD", "SUB", "-"], int(rng.integers(0, 3))):
        if kind != "-":
            data = rng.normal(0, 1, co).astype(np.float32)
            x = f.binary(str(kind), x, data, first=kind == "SUB" and rng.random() < 0.5)
    return x


def pair_case(rng: Rng, *, small: bool = False) -> Case:
    """Two branches, a sum, a sign; every combination of kernels, strides, groups and paddings."""
    channels, groups = CHANNELS[int(rng.integers(len(CHANNELS)))]
    stride = (int(rng.choice([1, 1, 2])),) * 2
    co = int(rng.choice([1, 8, 32, 33, 48])) * max(groups, 1)
    h, w = (int(v) for v in rng.integers(3, 12, 2))
    f = Flat()
    x = f.input("x", (1, h, w, -(-channels // 32)), "int32")
    padding = SAME if rng.random() < 0.7 else VALID
    kernel = 3 if min(h, w) >= 3 or padding == SAME else 1
    quant = (0.05, int(rng.integers(-20, 20))) if small else None
    shape = {"stride": stride, "padding": padding, "quant": quant}
    a = _branch(f, rng, x, channels, groups, co, kernel, **shape)  # type: ignore[arg-type]
    _, oh, ow, _ = f.shapes[a]
    kind = str(rng.choice(["ADD", "ADD", "SUB"]))
    form = rng.choice(["skip", "skip", "other", "bits"])
    inputs = {"x": (h, w, channels)}
    if form == "bits":  # a map of bits, added as it is
        y = f.input("y", (1, oh, ow, -(-co // 32)), "int32")
        b = f.dequantize(y, co, quant)
        inputs["y"] = (oh, ow, co)
    elif form == "other" or padding == VALID:  # another map, another kernel
        y = f.input("y", (1, oh, ow, 1), "int32")
        b = _branch(f, rng, y, 32, 1, co, int(rng.choice([1, 3])), (1, 1), SAME, quant=quant)
        inputs["y"] = (oh, ow, 32)
    else:
        assert out_size(h, 1, stride[0], 1, SAME) == oh
        more = groups if rng.random() < 0.5 else 1
        b = _branch(f, rng, x, channels, more, co, int(rng.choice([1, 1, 3])), stride, SAME,
                    quant=quant)  # fmt: skip
    total = _sum(f, kind, a, b, (0.1, 3) if small else None)
    f.output("z", f.quantize(total if small else _after(f, rng, total)))
    given = [
        {n: packed_noise(rng, (1, s[0], s[1]), s[2]) for n, s in inputs.items()} for _ in range(2)
    ]
    return Case(f.finish(), given, {"form": form, "kind": kind, "stride": stride, "co": co})


def wide_case(rng: Rng) -> Case:
    """Two branches whose inputs at a pixel do not fit one patch together."""
    f = Flat()
    x = f.input("x", (1, 3, 4, 10), "int32")
    pair = [_branch(f, rng, x, 320, 1, 8, 3, (1, 1), SAME) for _ in range(2)]
    f.output("z", f.quantize(_sum(f, "ADD", *pair, None)))
    return Case(f.finish(), [{"x": packed_noise(rng, (1, 3, 4), 320)} for _ in range(2)])


def single_case(rng: Rng) -> Case:
    """A convolution with real output, something element-wise, a sign."""
    channels, groups = CHANNELS[int(rng.integers(len(CHANNELS)))]
    co = groups * int(rng.choice([1, 16, 33]))
    f = Flat()
    x = f.input("x", (1, 5, 6, -(-channels // 32)), "int32")
    y = _branch(f, rng, x, channels, groups, co, int(rng.choice([1, 3])), (1, 1), SAME)
    y = f.binary("MUL", y, rng.normal(0, 1, co).astype(np.float32))
    f.output("z", f.quantize(_after(f, rng, y)))
    given = [{"x": packed_noise(rng, (1, 5, 6), channels)} for _ in range(2)]
    return Case(f.finish(), given)


def _masked(f: Flat, x: int, mask: Array) -> int:
    return f.binary("MUL", x, mask.astype(np.float32))


def logic_case(rng: Rng) -> Case:
    """OR, AND and a choice by channel of two maps of bits, and their complement."""
    channels = int(rng.choice([1, 31, 32, 33, 64, 70]))
    f = Flat()
    shape = (1, int(rng.integers(1, 9)), int(rng.integers(1, 9)), -(-channels // 32))
    x, y = f.input("x", shape, "int32"), f.input("y", shape, "int32")
    a, b = f.dequantize(x, channels), f.dequantize(y, channels)
    kind = str(rng.choice(["MAXIMUM", "MINIMUM", "mux", "xor", "sum", "not"]))
    about: dict[str, Any] = {"kind": kind, "channels": channels}
    if kind in ("MAXIMUM", "MINIMUM"):
        out = f.tensor(f.shapes[a], "float32", name="either")
        f.op(kind, [a, b], [out], options=f.s.MaximumMinimumOptionsT())
    elif kind == "mux":
        mask = rng.integers(0, 2, channels)
        out = _sum(f, "ADD", _masked(f, a, mask), _masked(f, b, 1 - mask), None)
    elif kind == "xor":
        out = f.tensor(f.shapes[a], "float32", name="product")
        f.op("MUL", [a, b], [out], options=f.s.MulOptionsT())
    elif kind == "sum":
        out = _after(f, rng, _sum(f, "ADD", a, b, None))
    else:
        out = f.binary("MUL", a, rng.choice([-1.0, 1.0], channels))
    f.output("z", f.quantize(out))
    given = [{n: packed_noise(rng, shape[:3], channels) for n in ("x", "y")} for _ in range(2)]
    return Case(f.finish(), given, about)


def _op(f: Flat, kind: str, a: int, b: int) -> int:
    """An element-wise operation of two float maps."""
    plain = {"MINIMUM": "MaximumMinimum", "MAXIMUM": "MaximumMinimum"}.get(kind, kind.title())
    out = f.tensor(f.shapes[a], "float32", name="step")
    f.op(kind, [a, b], [out], options=getattr(f.s, f"{plain}OptionsT")())
    return out


def select_case(rng: Rng) -> Case:
    """Functions of three maps of bits: one that chooses between two, as products with 0 and 1 or as
    limits, inverted in some channels; a majority; a sum with unequal weights."""
    channels = int(rng.choice([1, 31, 32, 33, 64, 70]))
    kind = str(rng.choice(["product", "limit", "majority", "weights"]))
    f = Flat()
    shape = (1, int(rng.integers(1, 9)), int(rng.integers(1, 9)), -(-channels // 32))
    maps = [f.input(name, shape, "int32") for name in "gab"]
    order = rng.permutation(3)
    g, a, b = (f.dequantize(maps[k], channels) for k in order)
    half = np.full(channels, 0.5, np.float32)
    if kind == "product":
        sign = np.where(rng.random(channels) < 0.3, -1, 1).astype(np.float32)
        on = f.binary("ADD", f.binary("MUL", g, half * sign), half)
        out = _op(f, "ADD", _op(f, "MUL", on, a), _op(f, "MUL", f.binary("SUB", on, 2 * half,
                                                                       first=True), b))  # fmt: skip
    elif kind == "limit":
        other = f.binary("MUL", g, -2 * half)
        out = _op(f, "MAXIMUM", _op(f, "MINIMUM", a, g), _op(f, "MINIMUM", b, other))
    else:
        if kind == "weights":
            g, a, b = (f.binary("MUL", m, rng.normal(0, 1, channels).astype(np.float32))
                       for m in (g, a, b))  # fmt: skip
        out = _op(f, "ADD", _op(f, "ADD", a, b), g)
    f.output("z", f.quantize(out))
    given = [{n: packed_noise(rng, shape[:3], channels) for n in "gab"} for _ in range(2)]
    return Case(f.finish(), given, {"kind": kind, "channels": channels})


def residual_case(rng: Rng) -> Case:
    """An int8 binary convolution and the addition of another int8 map, which nobody reads later."""
    channels, groups = CHANNELS[int(rng.integers(len(CHANNELS)))]
    co = groups * int(rng.choice([1, 4, 16, 33]))
    f = Flat()
    h, w = (int(v) for v in rng.integers(2, 8, 2))
    x = f.input("x", (1, h, w, -(-channels // 32)), "int32")
    y = f.input("y", (1, h, w, 2), "int32")
    quants = [(float(rng.uniform(0.02, 0.08)), int(rng.integers(-20, 20))) for _ in range(3)]
    pair = [
        _branch(f, rng, x, channels, groups, co, 3, (1, 1), SAME, quant=quants[0]),
        f.dequantize(y, 64, quants[1]),
    ]
    if co != 64:
        pair[1] = _branch(f, rng, y, 64, 1, co, 1, (1, 1), SAME, quant=quants[1])
    if rng.random() < 0.5:
        pair.reverse()
    o = f.s.AddOptionsT()
    o.fusedActivationFunction = int(rng.choice([NONE, RELU]))
    total = f.tensor(f.shapes[pair[0]], "int8", name="sum", quant=quants[2])
    f.op("ADD", pair, [total], options=o)
    f.output("z", total)
    given = [
        {"x": packed_noise(rng, (1, h, w), channels), "y": packed_noise(rng, (1, h, w), 64)}
        for _ in range(2)
    ]
    return Case(f.finish(), given, {"channels": channels, "co": co})
