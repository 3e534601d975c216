"""Fixed-point arithmetic of TFLite's reference kernels, for constants and tables made here.

A real factor becomes a multiplier of 31 bits and a shift: factor = multiplier * 2^(shift - 31).
Applying it rounds twice ("gemmlowp rounding"): a doubling high product rounded to nearest, ties up,
then a right shift rounded to nearest, ties away from zero. TensorFlow's Python packages are built
with this form, not with the single rounding of TFLITE_SINGLE_ROUNDING. Every function here has its
twin in mcu/kernels/int8/bw_requant.h.
Sources: tensorflow/lite/kernels/internal/{common.h,quantization_util.cc}, gemmlowp fixedpoint.h.
"""

from __future__ import annotations

import math

import numpy as np

from convert.ir import Array, Quant

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def quantize_multiplier(factor: float) -> tuple[int, int]:
    """A real factor as (multiplier, shift), multiplier in [2^30, 2^31) or 0; QuantizeMultiplier."""
    if factor == 0.0:
        return 0, 0
    fraction, shift = math.frexp(factor)
    scaled = fraction * 2.0**31
    multiplier = math.floor(abs(scaled) + 0.5) * (1 if scaled > 0 else -1)
    if multiplier == 1 << 31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return multiplier, shift


def wrap32(x: Array) -> Array:
    """The low 32 bits as a signed number, in int64."""
    return ((x.astype(np.int64) + 2**31) & 0xFFFFFFFF) - 2**31


def high_mul(x: Array, multiplier: int | Array) -> Array:
    """SaturatingRoundingDoublingHighMul: (x * m + 2^30) >> 31, and INT32_MAX for both INT32_MIN."""
    product = (x.astype(np.int64) * multiplier + (1 << 30)) >> 31
    return np.minimum(product, INT32_MAX)


def rounding_shift(x: Array, exponent: int) -> Array:
    """RoundingDivideByPOT: x / 2^exponent to nearest, ties away from zero; exponent 0..31."""
    x = x.astype(np.int64)
    if exponent == 0:
        return x
    return (x + (1 << (exponent - 1)) - (x < 0)) >> exponent


def rescale(x: Array, multiplier: int, shift: int) -> Array:
    """MultiplyByQuantizedMultiplier; the left shift keeps the low 32 bits."""
    left, right = max(shift, 0), max(-shift, 0)
    return rounding_shift(high_mul(wrap32(x.astype(np.int64) << left), multiplier), right)


def round_away(x: Array | np.float32) -> Array:
    """std::round of float32."""
    x = np.asarray(x, np.float32)
    whole = np.trunc(x)
    return (whole + np.where(np.abs(x - whole) >= np.float32(0.5), np.sign(x), 0)).astype(
        np.float32
    )


def float_scale(quant: Quant | None) -> np.float32:
    """The scale of a tensor quantized as a whole, in the precision the file holds it."""
    assert quant is not None
    return np.float32(quant.scale[0])


def activation_range(code: int, quant: Quant | None) -> tuple[int, int]:
    """CalculateActivationRangeQuantized for int8: clamp of a fused activation 0..3."""
    scale = float_scale(quant)
    zero = quant.zero_point[0] if quant else 0

    def at(real: float) -> int:
        return zero + int(round_away(np.float32(real) / scale))

    low, high = {
        0: (-128, 127),
        1: (at(0.0), 127),
        2: (at(-1.0), at(1.0)),
        3: (at(0.0), at(6.0)),
    }[code]
    return max(-128, low), min(127, high)


def without_subnormals(x: Array) -> Array:
    """float32 in which zeros of the same sign stand for subnormal numbers."""
    return np.where(np.abs(x) < np.finfo(np.float32).tiny, np.copysign(np.float32(0), x), x)
