/* Addition of rows with MVE (Cortex-M55): four elements at a time, the arithmetic of
 * bw_binary_i8.c. */
#include "bw_binary_i8.h"

#if defined(__ARM_FEATURE_MVE)

#include <arm_mve.h>

/* (q - zero) * 2^20 rescaled; no sign is subtracted where the shift is 0. */
static inline int32x4_t common(int32x4_t q, int32_t zero, int32_t multiplier, int32_t shift)
{
    const int32x4_t x = vshlq_n_s32(vsubq_n_s32(q, zero), BW_LEFT_SHIFT);
    const int32x4_t t = vqrdmulhq_n_s32(x, multiplier);
    const int32x4_t sign = vandq_s32(vshrq_n_s32(t, 31), vdupq_n_s32(shift < 0 ? -1 : 0));
    return vrshlq_n_s32(vaddq_s32(t, sign), shift);
}

bool bw_add_row_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out,
                   int32_t sign)
{
    if (d->step_a[3] != 1u || d->step_b[3] != 1u || d->shift_out >= 0) {
        return false;
    }
    for (int32_t n = d->dims[3]; n > 0; n -= 4, a += 4, b += 4, out += 4) {
        const mve_pred16_t p = vctp32q((uint32_t)n);
        const int32x4_t x = common(vldrbq_z_s32(a, p), d->zero_a, d->multiplier_a, d->shift_a);
        const int32x4_t y = common(vldrbq_z_s32(b, p), d->zero_b, d->multiplier_b, d->shift_b);
        const int32x4_t sum = sign > 0 ? vaddq_s32(x, y) : vsubq_s32(x, y);
        const int32x4_t t = vqrdmulhq_n_s32(sum, d->multiplier_out);
        int32x4_t q = vrshlq_n_s32(vaddq_s32(t, vshrq_n_s32(t, 31)), d->shift_out);
        q = vaddq_n_s32(q, d->zero_out);
        q = vminq_s32(vmaxq_s32(q, vdupq_n_s32(d->act_min)), vdupq_n_s32(d->act_max));
        vstrbq_p_s32(out, q, p);
    }
    return true;
}

#else

bool bw_add_row_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out,
                   int32_t sign)
{
    (void)d, (void)a, (void)b, (void)out, (void)sign;
    return false;
}

#endif
