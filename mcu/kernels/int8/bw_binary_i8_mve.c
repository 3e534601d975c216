/* Addition of rows with MVE (Cortex-M55): four elements at a time, the arithmetic of
 * bw_binary_i8.c. */
#include "bw_binary_i8.h"

#if defined(__ARM_FEATURE_MVE)

#include "bw_add_i8_mve.h"

bool bw_add_row_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out,
                   int32_t sign)
{
    if (d->step_a[3] != 1u || d->step_b[3] != 1u || d->shift_out >= 0) {
        return false;
    }
    for (int32_t n = d->dims[3]; n > 0; n -= 4, a += 4, b += 4, out += 4) {
        const mve_pred16_t p = vctp32q((uint32_t)n);
        const int32x4_t q = bw_add_x4(d, vldrbq_z_s32(a, p), vldrbq_z_s32(b, p), sign);
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
