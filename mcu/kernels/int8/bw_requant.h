/* Fixed-point rescaling, private to the int8 kernels: the twins of convert/quantize.py.
 *
 * Two roundings, as in TFLite's reference kernels: the doubled high product to nearest, ties up;
 * then the right shift to nearest, ties away from zero.
 * Source: tensorflow/lite/kernels/internal/common.h and gemmlowp/fixedpoint/fixedpoint.h, where the
 * first step reads trunc((a * b + (ab >= 0 ? 2^30 : 1 - 2^30)) / 2^31). For a negative product that
 * is ceil((ab + 1 - 2^30) / 2^31) = floor((ab + 2^30) / 2^31), so one arithmetic shift serves both.
 */
#ifndef BITWAKE_BW_REQUANT_PRIVATE_H
#define BITWAKE_BW_REQUANT_PRIVATE_H

#include <stdint.h>

/* (x * multiplier + 2^30) >> 31. multiplier < 2^31 and > -2^31, so nothing saturates. */
static inline int32_t bw_high_mul(int32_t x, int32_t multiplier)
{
    return (int32_t)(((int64_t)x * multiplier + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^exponent, ties away from zero. exponent 0..31. */
static inline int32_t bw_rounding_shift(int32_t x, uint32_t exponent)
{
    const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1u);
    const int32_t half = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + ((x & mask) > half ? 1 : 0);
}

/* x * multiplier * 2^(shift - 31). shift -31..31; a left shift keeps the low 32 bits. */
static inline int32_t bw_rescale(int32_t x, int32_t multiplier, int32_t shift)
{
    if (shift > 0) {
        return bw_high_mul((int32_t)((uint32_t)x << shift), multiplier);
    }
    return bw_rounding_shift(bw_high_mul(x, multiplier), (uint32_t)-shift);
}

/* The nearest whole number, ties away from zero. |x| < 2^31. */
static inline int32_t bw_round_away(float x)
{
    const int32_t whole = (int32_t)x;
    const float rest = x - (float)whole;
    return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

/* Adds n groups of four neighbouring samples, `step` bytes apart, to four sums. */
static inline void bw_sum4(const int8_t *at, uint32_t step, uint32_t n, int32_t *sums)
{
    int32_t a = sums[0], b = sums[1], c = sums[2], e = sums[3];
    for (; n > 0; n--, at += step) {
        a += at[0];
        b += at[1];
        c += at[2];
        e += at[3];
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = e;
}

static inline int8_t bw_clamp_i8(int32_t x, int32_t low, int32_t high)
{
    x = x < low ? low : x;
    return (int8_t)(x > high ? high : x);
}

#endif
