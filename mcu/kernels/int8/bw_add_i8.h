/* Private: the arithmetic of an int8 addition, an element at a time. */
#ifndef BITWAKE_BW_ADD_I8_H
#define BITWAKE_BW_ADD_I8_H

#include "bitwake/bw_int8.h"
#include "bw_requant.h"
#include "bw_simd32.h"

#define BW_LEFT_SHIFT 20 /* of both operands of ADD and SUB, as in the reference */

/* What a rounding shift by `exponent` adds first: half a step, and -1 below zero; nothing for 0. */
typedef struct {
    int32_t zero, multiplier, half, sign;
    uint32_t exponent;
} bw_add_operand;

static inline bw_add_operand bw_add_operand_of(int32_t zero, int32_t multiplier, int32_t shift)
{
    const uint32_t e = (uint32_t)-shift;
    return (bw_add_operand){zero, multiplier, e == 0u ? 0 : (int32_t)(1u << (e - 1u)),
                            e == 0u ? 0 : -1, e};
}

/* (q - zero) * 2^20 rescaled. Doubled it is below 2^29, so the high product is one instruction. */
static inline int32_t bw_add_common(int32_t q, const bw_add_operand *p)
{
    const int32_t t = bw_smmulr((q - p->zero) * (1 << (BW_LEFT_SHIFT + 1)), p->multiplier);
    return (t + p->half + (-(t < 0) & p->sign)) >> p->exponent;
}

static inline int8_t bw_add_finish(const bw_binary_i8 *d, int32_t acc)
{
    const int32_t y = bw_rescale(acc, d->multiplier_out, d->shift_out);
    return bw_clamp_i8(y + d->zero_out, d->act_min, d->act_max);
}

/* A sum of two operands is below 2^29. */
static inline int8_t bw_add_finish_sum(const bw_binary_i8 *d, int32_t sum, int32_t low,
                                       int32_t high)
{
    const int32_t centre = 1 + 2 * d->zero_out;
    return bw_clamp_i8(bw_narrow(sum, d->multiplier_out, d->shift_out, centre), low, high);
}

#endif
