/* Private: the arithmetic of an int8 addition, an element at a time. */
#ifndef BITWAKE_BW_ADD_I8_H
#define BITWAKE_BW_ADD_I8_H

#include <stdbool.h>

#include "bitwake/bw_int8.h"
#include "bw_requant.h"
#include "bw_simd32.h"

#define BW_LEFT_SHIFT 20 /* of both operands of ADD and SUB, as in the reference */

/* zero is the zero point times 2^21. What a rounding shift by `exponent` adds first: half a step,
 * and -1 below zero; nothing for 0. */
typedef struct {
    int32_t zero, multiplier, half, sign;
    uint32_t exponent;
} bw_add_operand;

static inline bw_add_operand bw_add_operand_of(int32_t zero, int32_t multiplier, int32_t shift)
{
    const uint32_t e = (uint32_t)-shift;
    return (bw_add_operand){zero * (1 << (BW_LEFT_SHIFT + 1)), multiplier,
                            e == 0u ? 0 : (int32_t)(1u << (e - 1u)), e == 0u ? 0 : -1, e};
}

/* (q - zero) * 2^20 rescaled. Doubled it is below 2^29, so the high product is one instruction. */
static inline int32_t bw_add_common(int32_t q, const bw_add_operand *p)
{
    const int32_t t = bw_smmulr(q * (1 << (BW_LEFT_SHIFT + 1)) - p->zero, p->multiplier);
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

/* An addition whose operand a is made by another kernel, an element at a time; shift < 0. centre is
 * 1 + 2 * zero_out. */
typedef struct {
    bw_add_operand a, b;
    int32_t multiplier, shift, centre, low, high;
    bool clamps; /* low and high are not the bounds of a byte */
} bw_residual;

static inline bw_residual bw_residual_of(const bw_binary_i8 *d)
{
    return (bw_residual){.a = bw_add_operand_of(d->zero_a, d->multiplier_a, d->shift_a),
                         .b = bw_add_operand_of(d->zero_b, d->multiplier_b, d->shift_b),
                         .multiplier = d->multiplier_out,
                         .shift = d->shift_out,
                         .centre = 1 + 2 * d->zero_out,
                         .low = d->act_min,
                         .high = d->act_max,
                         .clamps = d->act_min != -128 || d->act_max != 127};
}

static inline int8_t bw_residual_add(const bw_residual *r, int32_t a, int32_t b)
{
    const int32_t sum = bw_add_common(a, &r->a) + bw_add_common(b, &r->b);
    return bw_clamp_i8(bw_narrow(sum, r->multiplier, r->shift, r->centre), r->low, r->high);
}

#endif
