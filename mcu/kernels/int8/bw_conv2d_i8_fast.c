/* The seam to kernels for one core. */
#include "bw_conv2d_i8.h"

#if !defined(BW_CONV2D_I8_DSP) && !defined(BW_CONV2D_I8_MVE)

bool bw_conv2d_i8_fast(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int16_t *scratch)
{
    (void)d, (void)in, (void)out, (void)scratch;
    return false;
}

bool bw_conv2d_add_i8_fast(const bw_conv2d_add_i8 *d, const int8_t *in, const int8_t *residual,
                           int8_t *out, int16_t *scratch)
{
    (void)d, (void)in, (void)residual, (void)out, (void)scratch;
    return false;
}

bool bw_depthwise_i8_fast(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out)
{
    (void)d, (void)in, (void)out;
    return false;
}

#endif
