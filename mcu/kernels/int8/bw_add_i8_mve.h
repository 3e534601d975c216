/* Private: the arithmetic of an int8 addition with MVE, four elements at a time. */
#ifndef BITWAKE_BW_ADD_I8_MVE_H
#define BITWAKE_BW_ADD_I8_MVE_H

#include <arm_mve.h>

#include "bw_add_i8.h"

/* (q - zero) * 2^20 rescaled; no sign is subtracted where the shift is 0. */
static inline int32x4_t bw_add_common_x4(int32x4_t q, int32_t zero, int32_t multiplier,
                                         int32_t shift)
{
    const int32x4_t x = vshlq_n_s32(vsubq_n_s32(q, zero), BW_LEFT_SHIFT);
    const int32x4_t t = vqrdmulhq_n_s32(x, multiplier);
    const int32x4_t sign = vandq_s32(vshrq_n_s32(t, 31), vdupq_n_s32(shift < 0 ? -1 : 0));
    return vrshlq_n_s32(vaddq_s32(t, sign), shift);
}

/* a + b, or a - b where sign is -1. shift_out < 0. */
static inline int32x4_t bw_add_x4(const bw_binary_i8 *d, int32x4_t a, int32x4_t b, int32_t sign)
{
    const int32x4_t x = bw_add_common_x4(a, d->zero_a, d->multiplier_a, d->shift_a);
    const int32x4_t y = bw_add_common_x4(b, d->zero_b, d->multiplier_b, d->shift_b);
    const int32x4_t sum = sign > 0 ? vaddq_s32(x, y) : vsubq_s32(x, y);
    const int32x4_t t = vqrdmulhq_n_s32(sum, d->multiplier_out);
    int32x4_t q = vrshlq_n_s32(vaddq_s32(t, vshrq_n_s32(t, 31)), d->shift_out);
    q = vaddq_n_s32(q, d->zero_out);
    return vminq_s32(vmaxq_s32(q, vdupq_n_s32(d->act_min)), vdupq_n_s32(d->act_max));
}

#endif
