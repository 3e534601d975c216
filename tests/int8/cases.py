"""Random single-operator models over the parameters of each int8 operator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from convert.geometry import out_size
from tests.int8.build import SAME, VALID, Graph, Model, T, const, one_op

Maker = Callable[[Any, int], Model]


def _scale(rng: Any, low: float = 0.01, high: float = 0.2) -> float:
    return float(np.float32(np.exp(rng.uniform(math.log(low), math.log(high)))))


def _zero(rng: Any) -> int:
    return int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))


def _map(rng: Any, shape: tuple[int, ...], **given: Any) -> T:
    return T(shape, "int8", given.get("scale", _scale(rng)), given.get("zero", _zero(rng)))


def _like(t: T, shape: tuple[int, ...]) -> T:
    return T(shape, t.dtype, t.scale, t.zero)


def _shape(rng: Any, most: int = 9, channels: int = 20) -> tuple[int, ...]:
    return (1, *(int(v) for v in rng.integers(1, most, 2)), int(rng.integers(1, channels)))


def _filter(rng: Any, shape: tuple[int, ...], axis: int, many: bool = True) -> T:
    w = rng.integers(-127, 128, shape)
    n = shape[axis]
    many = many and rng.random() < 0.6
    scale = [_scale(rng, 0.001, 0.05) for _ in range(n)] if many else _scale(rng, 0.001, 0.05)
    return const(w, "int8", scale, axis)


def _bias(rng: Any, n: int, a: T, w: T, optional: bool = True) -> T | None:
    if optional and rng.random() < 0.2:
        return None
    return const(
        rng.integers(-20000, 20000, n),
        "int32",
        np.float32(a.scale) * np.asarray(w.scale, np.float32),
    )


def _window(
    rng: Any, shape: tuple[int, ...], wish: int = 0
) -> tuple[dict[str, int], tuple[int, ...], int, int]:
    """Options, output sides, kernel sides; the kernel, of the side wished for if any, is smaller
    where it would not fit without padding."""
    padding = int(rng.integers(0, 2))
    options, sides, kernel = {"padding": padding}, [], []
    plain = rng.random() < 0.5
    for k, axis in ((1, "H"), (2, "W")):
        side, stride = wish or int(rng.integers(1, 5)), int(rng.integers(1, 4))
        dilation = 1 if plain or stride > 1 else int(rng.integers(1, 3))
        while padding == VALID and (side - 1) * dilation + 1 > shape[k]:
            side -= 1
        options |= {f"stride{axis}": stride, f"dilation{axis}Factor": dilation}
        sides.append(out_size(shape[k], side, stride, dilation, padding))
        kernel.append(side)
    return options, tuple(sides), kernel[0], kernel[1]


def conv_2d(rng: Any, k: int) -> Model:
    a = _map(rng, _shape(rng))
    options, sides, kh, kw = _window(rng, a.shape)
    co = int(rng.integers(1, 12))
    w = _filter(rng, (co, kh, kw, a.shape[3]), 0)
    out = _map(rng, (1, *sides, co), scale=_scale(rng, 0.02, 3))
    options["fusedActivationFunction"] = int(rng.integers(0, 4))
    return one_op(f"{options} {a} {co}", "CONV_2D", [a, w, _bias(rng, co, a, w, False)], [out],
                  ("Conv2DOptions", options))  # fmt: skip


def few_channels(rng: Any, k: int) -> Model:
    """One to four channels under windows of 3x3, 5x5 and others, down to maps of one sample."""
    a = _map(rng, (1, *(int(v) for v in rng.integers(1, 14, 2)), (1, 1, 1, 2, 3, 4)[k % 6]))
    options, sides, kh, kw = _window(rng, a.shape, (3, 3, 5, 3, int(rng.integers(1, 8)))[k % 5])
    co = int(rng.integers(1, 20))
    w = _filter(rng, (co, kh, kw, a.shape[3]), 0)
    w.data.reshape(-1)[rng.integers(0, w.data.size)] = -128
    out = _map(rng, (1, *sides, co), scale=_scale(rng, 0.05, 3))
    options["fusedActivationFunction"] = int(rng.integers(0, 4))
    return one_op(f"{options} {a} {kh} {kw} {co}", "CONV_2D",
                  [a, w, _bias(rng, co, a, w, False)], [out],
                  ("Conv2DOptions", options))  # fmt: skip


def depthwise_conv_2d(rng: Any, k: int) -> Model:
    a = _map(rng, _shape(rng))
    if k % 4 == 0:
        a = _map(rng, (*a.shape[:3], 1))
    options, sides, kh, kw = _window(rng, a.shape)
    times = int(rng.choice([1, 1, 1, 2, 3, 8]))
    co = a.shape[3] * times
    w = _filter(rng, (1, kh, kw, co), 3)
    out = _map(rng, (1, *sides, co), scale=_scale(rng, 0.02, 1))
    options |= {"fusedActivationFunction": int(rng.integers(0, 4)), "depthMultiplier": times}
    return one_op(f"{options} {a} {co}", "DEPTHWISE_CONV_2D", [a, w, _bias(rng, co, a, w)], [out],
                  ("DepthwiseConv2DOptions", options))  # fmt: skip


def transpose_conv(rng: Any, k: int) -> Model:
    a = _map(rng, _shape(rng, 6, 8))
    padding, co = int(rng.integers(0, 2)), int(rng.integers(1, 8))
    sides, kernel, options = [], [], {"padding": padding}
    for n, axis in zip(a.shape[1:3], "HW", strict=True):
        stride, side = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        options[f"stride{axis}"] = stride
        kernel.append(side)
        sides.append(n * stride if padding == SAME else (n - 1) * stride + max(side, stride))
    shape = (1, *sides, co)
    w = _filter(rng, (co, *kernel, a.shape[3]), 0)
    out = _map(rng, shape, scale=_scale(rng, 0.02, 3))
    inputs = [const(shape), w, a]
    bias = _bias(rng, co, a, w)
    if bias is not None:
        inputs.append(bias)
    options["fusedActivationFunction"] = int(rng.integers(0, 4)) if k % 2 else 0
    return one_op(f"{options} {a} {kernel}", "TRANSPOSE_CONV", inputs, [out],
                  ("TransposeConvOptions", options))  # fmt: skip


def fully_connected(rng: Any, k: int) -> Model:
    depth, co = int(rng.integers(1, 70)), int(rng.integers(1, 20))
    rows = int(rng.choice([1, 1, 3]))
    keep = rows > 1
    a = _map(rng, (1, rows, depth) if keep else (1, depth))
    w = _filter(rng, (co, depth), 0, many=not keep)
    out = _map(rng, (1, rows, co) if keep else (1, co), scale=_scale(rng, 0.02, 3))
    options = {"fusedActivationFunction": int(rng.integers(0, 4)), "keepNumDims": keep}
    return one_op(f"{options} {a} {co}", "FULLY_CONNECTED", [a, w, _bias(rng, co, a, w)], [out],
                  ("FullyConnectedOptions", options))  # fmt: skip


def residual(rng: Any, k: int) -> Model:
    """A convolution, or a dense layer over rows, and the addition of a map to it: an input, its own
    input, a map that dies there, or what another convolution makes; in either order."""
    g, form = Graph(), ("input", "own", "table", "convolution", "rows")[k % 5]
    a = _map(rng, (1, 5, 9) if form == "rows" else _shape(rng))
    options, sides, kh, kw = _window(rng, a.shape if form != "rows" else (1, 2, 2, 1))
    co = int(rng.integers(1, 12))
    if form == "own":
        sides, co = a.shape[1:3], a.shape[3]
        options |= {"padding": SAME, "strideH": 1, "strideW": 1}
    kind, name = "CONV_2D", "Conv2DOptions"
    shape: tuple[int, ...] = (1, *sides, co)
    w = _filter(rng, (co, kh, kw, a.shape[-1]), 0)
    if form == "rows":
        kind, name, shape, options = "FULLY_CONNECTED", "FullyConnectedOptions", (1, 5, co), {}
        options["keepNumDims"] = True
        w = _filter(rng, (co, 9), 0, many=False)
    options["fusedActivationFunction"] = int(rng.choice([0, 0, 1, 3]))
    made = _map(rng, shape, scale=_scale(rng, 0.05, 1))
    x = free = g.tensor(a)
    inputs, beside = [x], _map(rng, shape, scale=made.scale * float(rng.uniform(0.3, 3)))
    other = x
    if form != "own":
        free = g.tensor(beside)
        inputs, other = [x, free], free
    if form == "table":
        other = g.tensor(_like(beside, shape))
        g.op("RELU", [free], [other])
    if form == "convolution":
        ones = const(rng.integers(-127, 128, (co, 1, 1, co)), "int8", 0.004)
        bias = const(np.zeros(co), "int32", np.float32(beside.scale) * np.float32(0.004))
        other = g.tensor(_like(beside, shape))
        plain = {"padding": VALID, "strideH": 1, "strideW": 1, "dilationHFactor": 1,
                 "dilationWFactor": 1}  # fmt: skip
        g.op("CONV_2D", [free, g.tensor(ones), g.tensor(bias)], [other],
             g.options("Conv2DOptions", **plain))  # fmt: skip
    y, bias = g.tensor(made), _bias(rng, co, a, w, False)
    assert bias is not None
    g.op(kind, [x, g.tensor(w), g.tensor(bias)], [y], g.options(name, **options))
    z = g.tensor(_map(rng, shape, scale=made.scale * float(rng.uniform(0.5, 3))))
    act = int(rng.choice([0, 0, 1]))
    pair = [y, other] if rng.random() < 0.5 else [other, y]
    g.op("ADD", pair, [z], g.options("AddOptions", fusedActivationFunction=act))
    return Model(f"{form} {options} {a} {made} {act}", g.content(inputs, [z]))


def _operands(rng: Any, k: int, same: bool) -> tuple[T, T, T]:
    """Two operands that broadcast, one of them constant now and then, and the output."""
    full = _shape(rng, 6, 9)
    shapes = [full, full]
    kind = k % 6
    if kind == 1:
        shapes[1] = (full[3],)
    elif kind == 2:
        shapes[1] = ()
    elif kind == 3:
        shapes[0] = (1, 1, 1, full[3])
    elif kind == 4:
        shapes = [(1, full[1], 1, full[3]), (1, 1, full[2], full[3])]
    elif kind == 5:
        shapes[1] = (1, full[1], full[2], 1)
    a = _map(rng, shapes[0])
    b = _like(a, shapes[1]) if same else _map(rng, shapes[1])
    if len(b.shape) < 4 or rng.random() < 0.2:
        b = T(b.shape, "int8", b.scale, b.zero, rng.integers(-128, 128, b.shape))
    out = _like(a, full) if same else _map(rng, full)
    if b.data is not None and not same and rng.random() < 0.5 and len(b.shape) in (0, 1, 4):
        return b, a, out
    return a, b, out


def _pair(kind: str, options: str, same: bool = False) -> Maker:
    def make(rng: Any, k: int) -> Model:
        a, b, out = _operands(rng, k, same)
        values = {} if same else {"fusedActivationFunction": int(rng.integers(0, 4))}
        return one_op(f"{a} {b} {out} {values}", kind, [a, b], [out], (options, values))

    return make


def prelu(rng: Any, k: int) -> Model:
    a = _map(rng, _shape(rng, 6, 9))
    shape = [(1, 1, a.shape[3]), (1, 1, 1), a.shape[1:]][k % 3]
    slope = const(rng.integers(-128, 128, shape), "int8", _scale(rng, 0.001, 0.02), zero=_zero(rng))
    out = _map(rng, a.shape)
    return one_op(f"{a} {slope} {out}", "PRELU", [a, slope], [out])


def _pool(kind: str) -> Maker:
    def make(rng: Any, k: int) -> Model:
        a = _map(rng, _shape(rng))
        options, sides, kh, kw = _window(rng, a.shape)
        values = {key: v for key, v in options.items() if "dilation" not in key}
        sides = tuple(
            out_size(n, side, values[f"stride{axis}"], 1, values["padding"])
            for n, side, axis in zip(a.shape[1:3], (kh, kw), "HW", strict=True)
        )
        values |= {"filterHeight": kh, "filterWidth": kw}
        values["fusedActivationFunction"] = int(rng.integers(0, 4))
        out = _like(a, (1, *sides, a.shape[3]))
        return one_op(f"{values} {a}", kind, [a], [out], ("Pool2DOptions", values))

    return make


def _reduce(kind: str, same: bool) -> Maker:
    def make(rng: Any, k: int) -> Model:
        rank = int(rng.integers(2, 5))
        shape = (1, *(int(v) for v in rng.integers(1, 9, rank - 1)))
        a = _map(rng, shape)
        if k % 3 == 0 and rank == 4:
            axes = [1, 2]
        else:
            n = int(rng.integers(1, rank))
            axes = sorted(rng.choice(np.arange(1, rank), n, replace=False).tolist())
        keep = bool(rng.integers(0, 2))
        gone = set(axes)
        if k % 10 == 9:  # a list of axes without entries
            axes, gone = [], set()
        kept = [1 if i in gone else v for i, v in enumerate(shape) if keep or i not in gone]
        given = [v - rank if rng.random() < 0.3 else v for v in axes]
        scale = _scale(rng, 0.01, 0.2) * (4 if kind == "SUM" else 1)
        out = (
            _like(a, tuple(kept))
            if same or (k % 4 == 0 and kind != "SUM")
            else _map(rng, tuple(kept), scale=scale)
        )
        return one_op(f"{a} {given} {keep} {out}", kind, [a, const(given)], [out],
                      ("ReducerOptions", {"keepDims": keep}))  # fmt: skip

    return make


def _unary(kind: str, options: Callable[[Any], Any] | None = None, **out: Any) -> Maker:
    def make(rng: Any, k: int) -> Model:
        a = _map(rng, (1, 16, 16, 1))
        to = T(a.shape, "int8", out.get("scale", _scale(rng)), out.get("zero", _zero(rng)))
        chosen = options(rng) if options else None
        return one_op(f"{a} {to} {chosen}", kind, [a], [to], chosen)

    return make


def hard_swish(rng: Any, k: int) -> Model:
    a = _map(rng, (1, 16, 16, 1))
    times = float(rng.uniform(0.3, 2)) * (2.0**12 if k % 5 == 4 else 1.0)
    out = T(a.shape, "int8", a.scale * times, _zero(rng))
    return one_op(f"{a} {out}", "HARD_SWISH", [a], [out])


def softmax(rng: Any, k: int) -> Model:
    shape = [(1, 2), (1, 10), (1, 3, 5, 4), (1, 200), (1, 7, 500)][k % 5]
    a = _map(rng, shape, scale=_scale(rng, 0.001, 2))
    beta = float(rng.choice([1.0, 0.5, 2.5]))
    out = T(shape, "int8", 1 / 256, -128)
    return one_op(f"{a} {beta}", "SOFTMAX", [a], [out], ("SoftmaxOptions", {"beta": beta}))


def quantize(rng: Any, k: int) -> Model:
    a = T((1, 50), "float32")
    out = _map(rng, a.shape, scale=_scale(rng, 0.0001, 0.2))
    return one_op(f"{out}", "QUANTIZE", [a], [out])


def dequantize(rng: Any, k: int) -> Model:
    a = _map(rng, (1, 256), scale=_scale(rng, 1e-4, 10))
    return one_op(f"{a}", "DEQUANTIZE", [a], [T(a.shape, "float32")])


def resize_bilinear(rng: Any, k: int) -> Model:
    a = _map(rng, _shape(rng, 8, 5))
    sides = tuple(int(v) for v in rng.integers(1, 17, 2))
    mode = k % 3
    values = {"alignCorners": mode == 1, "halfPixelCenters": mode == 2}
    out = _like(a, (1, *sides, a.shape[3]))
    return one_op(f"{a} {sides} {values}", "RESIZE_BILINEAR", [a, const(sides)], [out],
                  ("ResizeBilinearOptions", values))  # fmt: skip


ARITHMETIC: dict[str, Maker] = {
    "CONV_2D": conv_2d,
    "CONV_2D of few channels": few_channels,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "TRANSPOSE_CONV": transpose_conv,
    "FULLY_CONNECTED": fully_connected,
    "CONV_2D and ADD": residual,
    "ADD": _pair("ADD", "AddOptions"),
    "SUB": _pair("SUB", "SubOptions"),
    "MUL": _pair("MUL", "MulOptions"),
    "MINIMUM": _pair("MINIMUM", "MaximumMinimumOptions", same=True),
    "MAXIMUM": _pair("MAXIMUM", "MaximumMinimumOptions", same=True),
    "PRELU": prelu,
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "MEAN": _reduce("MEAN", same=False),
    "SUM": _reduce("SUM", same=False),
    "REDUCE_MAX": _reduce("REDUCE_MAX", same=True),
    "REDUCE_MIN": _reduce("REDUCE_MIN", same=True),
    "RELU": _unary("RELU"),
    "RELU6": _unary("RELU6"),
    "RELU_N1_TO_1": _unary("RELU_N1_TO_1"),
    "LEAKY_RELU": _unary(
        "LEAKY_RELU", lambda rng: ("LeakyReluOptions", {"alpha": float(rng.uniform(-0.5, 1.5))})
    ),
    "LOGISTIC": _unary("LOGISTIC", scale=1 / 256, zero=-128),
    "TANH": _unary("TANH", scale=1 / 128, zero=0),
    "HARD_SWISH": hard_swish,
    "SOFTMAX": softmax,
    "QUANTIZE": _unary("QUANTIZE"),
    "QUANTIZE float32": quantize,
    "DEQUANTIZE": dequantize,
    "RESIZE_BILINEAR": resize_bilinear,
}
