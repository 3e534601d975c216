/* Private to the int8 convolutions: patches and the output stage. */
#ifndef BITWAKE_BW_CONV2D_I8_PRIVATE_H
#define BITWAKE_BW_CONV2D_I8_PRIVATE_H

#include <stdbool.h>

#include "bitwake/bw_int8.h"
#include "bw_requant.h"
#include "bw_simd32.h"

/* Which fast kernels this build has. BW_DSP_IN_C builds those of the DSP extension in C, to check
 * them on another machine. */
#if defined(__ARM_FEATURE_MVE)
#define BW_CONV2D_I8_MVE
#elif defined(__ARM_FEATURE_DSP) || defined(BW_DSP_IN_C)
#define BW_CONV2D_I8_DSP
#endif

/* Kernels for one core: true when they took the layer, false for the portable kernel. */
bool bw_conv2d_i8_fast(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int16_t *scratch);
bool bw_conv2d_add_i8_fast(const bw_conv2d_add_i8 *d, const int8_t *in, const int8_t *residual,
                           int8_t *out, int16_t *scratch);
bool bw_depthwise_i8_fast(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out);

/* Of the DSP extension, for `narrow` layers: with packed filters; those of 3x3 taps; a 1x1 layer of
 * one pixel. */
void bw_conv2d_i8_packed(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int16_t *scratch);
void bw_conv2d_i8_nine(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int8_t *patch);
void bw_conv2d_i8_dense(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out);
/* All outputs between act_min and act_max. */
void bw_clamp_map_i8(const bw_conv2d_i8 *d, int8_t *map);

/* The bytes under the kernel at output (y, x) as [k_h][k_w][in_c]; in_zero outside the map. Up to
 * three bytes more are written. */
void bw_conv2d_i8_patch(const bw_conv2d_i8 *d, const int8_t *in, uint32_t y, uint32_t x,
                        int8_t *patch);

/* Bias, multiplier, shift of channel o are at these places of this block. */
static inline const int32_t *bw_channel(const bw_conv2d_i8 *d, uint32_t o)
{
    return d->channels + 12u * (o >> 2) + (o & 3u);
}

/* A complete accumulator to an output. */
static inline int8_t bw_finish_i8(const bw_conv2d_i8 *d, const int32_t *channel, int32_t acc)
{
    int32_t q;
    if (d->narrow != 0) {
        q = bw_narrow(acc, channel[4], channel[8], 1 + 2 * d->out_zero);
    } else {
        q = bw_rescale(acc, channel[4], channel[8]) + d->out_zero;
    }
    return bw_clamp_i8(q, d->act_min, d->act_max);
}

#endif
