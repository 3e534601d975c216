"""Element-wise functions of one int8 map as tables, in the reference's arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from convert.ir import Array, Op, Quant
from convert.quantize import (
    INT32_MAX,
    float_scale,
    high_mul,
    quantize_multiplier,
    rescale,
    round_away,
    rounding_shift,
)

ALL = np.arange(-128, 128, dtype=np.int64)
Maker = Callable[[Op, Quant, Quant], Array]


def _saturated(x: Array) -> Array:
    return np.clip(x, -128, 127).astype(np.int64)


def requantize(op: Op, a: Quant, out: Quant) -> Array:
    """QUANTIZE of int8: the factor is divided in double."""
    pair = quantize_multiplier(float(float_scale(a)) / float(float_scale(out)))
    return _saturated(rescale(ALL - a.zero_point[0], *pair) + out.zero_point[0])


def _relu(low: float, high: float) -> Maker:
    def make(op: Op, a: Quant, out: Quant) -> Array:
        """RELU family: rescaled, then clamped. The factor is divided in float32."""
        scale, zero = float_scale(out), out.zero_point[0]
        pair = quantize_multiplier(float(float_scale(a) / scale))
        least = max(-128, zero + int(round_away(np.float32(low) / scale)))
        most = 127
        if math.isfinite(high):
            most = min(127, zero + int(round_away(np.float32(high) / scale)))
        y = zero + rescale(ALL - a.zero_point[0], *pair)
        return np.minimum(np.maximum(y, least), most)

    return make


def leaky_relu(op: Op, a: Quant, out: Quant) -> Array:
    """LEAKY_RELU: one factor each side of zero. Both are made in float32."""
    s_in, s_out = float_scale(a), float_scale(out)
    alpha = np.float32(op.attrs.get("alpha", 0.0))
    identity = quantize_multiplier(float(s_in / s_out))
    slope = quantize_multiplier(float(s_in * alpha / s_out))
    x = ALL - a.zero_point[0]
    y = np.where(x >= 0, rescale(x, *identity), rescale(x, *slope))
    return _saturated(y + out.zero_point[0])


def _through_float(function: Callable[[float], float]) -> Maker:
    def make(op: Op, a: Quant, out: Quant) -> Array:
        """Dequantized, transformed, quantized in float32 with the inverse scale."""
        inverse = np.float32(1) / float_scale(out)
        x = (ALL - a.zero_point[0]).astype(np.float32) * float_scale(a)
        y = np.array([np.float32(function(float(v))) for v in x], np.float32)
        q = round_away(y * inverse) + np.float32(out.zero_point[0])
        return _saturated(q)

    return make


def _logistic(x: float) -> float:
    e = np.float32(math.exp(-x)) if x > -88.0 else np.float32(np.inf)
    return float(np.float32(1) / (np.float32(1) + e))


def _down_to_16(multiplier: int) -> int:
    if multiplier >= INT32_MAX - (1 << 15):
        return 32767
    return (multiplier + (1 << 15)) >> 16


def _wrap16(x: Array) -> Array:
    return ((x + 32768) & 0xFFFF) - 32768


def _halfway_16(product: Array, rounding: bool) -> Array:
    """The doubled high half of a product of 16-bit numbers, toward zero or to nearest, ties up."""
    nudge = np.where(product >= 0, 1 << 14, 1 - (1 << 14)) if rounding else 0
    nudged = product + nudge
    return np.sign(nudged) * (np.abs(nudged) // (1 << 15))


def _rounding_shift_16(x: Array, exponent: int) -> Array:
    """RoundingDivideByPOT of 16-bit numbers: as `rounding_shift` up to an exponent of 15; beyond,
    its mask is cut to 16 bits and negative numbers become -1."""
    mask = int(_wrap16(np.array((1 << exponent) - 1)))
    threshold = (mask >> 1) + (x < 0)
    return _wrap16((x >> exponent) + ((x & mask) > threshold))


def hard_swish(op: Op, a: Quant, out: Quant) -> Array:
    """HARD_SWISH in 16-bit fixed point (hard_swish.h), rounding as there: the first two products to
    nearest, the last one toward zero, the shifts to nearest with ties away from zero."""
    hires = np.float32(1 / 128) * float_scale(a)
    out_m, out_shift = quantize_multiplier(float(hires / float_scale(out)))
    relu_m, relu_shift = quantize_multiplier(float(hires / np.float32(3.0 / 32768.0)))
    x = (ALL - a.zero_point[0]) * 128
    on_output = _halfway_16(x * _down_to_16(out_m), rounding=True)
    r = x
    if relu_shift > 0:
        r = np.clip(r << (relu_shift - 1), -32768, 32767)
    r = _halfway_16(r * _down_to_16(relu_m), rounding=True)
    if relu_shift > 0:
        r = np.clip(r << 1, -32768, 32767)
    if relu_shift < 0:
        r = _rounding_shift_16(r, -relu_shift)
    r = (r + 32768) >> 1
    y = _halfway_16(r * on_output, rounding=False)
    y = _rounding_shift_16(y, -out_shift)
    return _saturated(_wrap16(y + out.zero_point[0]))


TABLES: dict[str, Maker] = {
    "QUANTIZE": requantize,
    "RELU": _relu(0.0, math.inf),
    "RELU6": _relu(0.0, 6.0),
    "RELU_N1_TO_1": _relu(-1.0, 1.0),
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": _through_float(_logistic),
    "TANH": _through_float(math.tanh),
    "HARD_SWISH": hard_swish,
}


# gemmlowp's exponential of a negative number in Q5.26, as Q0.31: e^-x for each bit of x, in Q0.31.
_EXP_BITS = (
    (-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535),
    (3, 720401), (4, 242),
)  # fmt: skip


def _exp_interval(a: Array) -> Array:
    """e^a for a in [-1/4, 0), Q0.31: a Taylor polynomial of degree 4 around -1/8."""
    x = a + (1 << 28)
    x2 = high_mul(x, x)
    x3 = high_mul(x2, x)
    x4 = high_mul(x2, x2)
    over4 = rounding_shift(x4, 2)
    inner = rounding_shift(high_mul(over4 + x3, 715827883) + x2, 1)
    return 1895147668 + high_mul(x + inner, 1895147668)


def exp_negative(a: Array) -> Array:
    """gemmlowp's exp_on_negative_values for raw Q5.26 numbers, as raw Q0.31."""
    fraction = 26
    quarter = 1 << (fraction - 2)
    mod = (a & (quarter - 1)) - quarter
    result = _exp_interval(mod << 5)
    rest = mod - a
    for exponent, factor in _EXP_BITS:
        bit = (rest >> (fraction + exponent)) & 1
        result = np.where(bit != 0, high_mul(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


def softmax_exponentials(beta: float, scale: np.float32) -> Array:
    """int32 [terms]: e^(-k * scale * beta) in Q0.31, for every k that the reference keeps."""
    bits = 5
    real = min(float(np.float32(beta)) * float(scale) * 2.0 ** (31 - bits), 2.0**31 - 1.0)
    multiplier, shift = quantize_multiplier(real)
    radius = math.floor(((1 << bits) - 1) * 2.0 ** (31 - bits) / 2.0**shift)
    terms = min(256, radius + 1)
    difference = -np.arange(terms, dtype=np.int64)
    scaled = high_mul(difference << shift, multiplier)
    return exp_negative(scaled).astype(np.int32)
