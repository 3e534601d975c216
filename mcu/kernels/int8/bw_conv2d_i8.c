/* int8 convolution in portable C: each patch is gathered once, then met by every filter. */
#include "bw_conv2d_i8.h"

#include "bw_add_i8.h"

#include <string.h>

void bw_conv2d_i8_patch(const bw_conv2d_i8 *d, const int8_t *in, uint32_t y, uint32_t x,
                        int8_t *patch)
{
    const uint32_t c = d->in_c;
    const int32_t top = (int32_t)(y * d->stride_h) - d->pad_top;
    const int32_t left = (int32_t)(x * d->stride_w) - d->pad_left;
    const bool whole = d->dilation_w == 1 && left >= 0 && left + d->k_w <= d->in_w;
    for (uint32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t iy = top + (int32_t)(ky * d->dilation_h);
        if (whole && iy >= 0 && iy < d->in_h) {
            memcpy(patch, in + ((uint32_t)iy * d->in_w + (uint32_t)left) * c, d->k_w * c);
            patch += d->k_w * c;
            continue;
        }
        for (uint32_t kx = 0; kx < d->k_w; kx++, patch += c) {
            const int32_t ix = left + (int32_t)(kx * d->dilation_w);
            if (iy < 0 || iy >= d->in_h || ix < 0 || ix >= d->in_w) {
                memset(patch, d->in_zero, c);
            } else {
                memcpy(patch, in + ((uint32_t)iy * d->in_w + (uint32_t)ix) * c, c);
            }
        }
    }
}

/* An accumulator to what is stored; the addition is NULL or not where this is inlined. */
static inline int8_t finish(const bw_conv2d_i8 *d, const bw_residual *sum, uint32_t o, int32_t acc,
                            const int8_t *residual)
{
    const int8_t q = bw_finish_i8(d, bw_channel(d, o), acc);
    return sum == NULL ? q : bw_residual_add(sum, q, residual[o]);
}

/* Two filters at a time, so that each sample is loaded once for both. */
static inline void meet(const bw_conv2d_i8 *d, const bw_residual *sum, const int8_t *patch,
                        uint32_t taps, const int8_t *residual, int8_t *out)
{
    const int8_t *w = d->weights;
    uint32_t o = 0;
    for (; o + 1u < d->out_c; o += 2, w += 2u * d->row) {
        const int8_t *w0 = w, *w1 = w + d->row;
        int32_t acc0 = *bw_channel(d, o), acc1 = *bw_channel(d, o + 1u);
        for (uint32_t k = 0; k < taps; k++) {
            const int32_t x = patch[k];
            acc0 += x * w0[k];
            acc1 += x * w1[k];
        }
        out[o] = finish(d, sum, o, acc0, residual);
        out[o + 1u] = finish(d, sum, o + 1u, acc1, residual);
    }
    if (o < d->out_c) {
        int32_t acc = *bw_channel(d, o);
        for (uint32_t k = 0; k < taps; k++) {
            acc += patch[k] * w[k];
        }
        out[o] = finish(d, sum, o, acc, residual);
    }
}

/* residual is not read without an addition. */
static inline void convolve(const bw_conv2d_i8 *d, const bw_residual *sum, const int8_t *in,
                            const int8_t *residual, int8_t *out, int8_t *patch)
{
    const uint32_t taps = (uint32_t)d->k_h * d->k_w * d->in_c;
    const bool pointwise = d->k_h == 1 && d->k_w == 1 && d->pad_top == 0 && d->pad_left == 0;
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++, out += d->out_c, residual += d->out_c) {
            const int8_t *from = patch;
            if (pointwise) {
                from = in + (y * d->stride_h * d->in_w + x * d->stride_w) * d->in_c;
            } else {
                bw_conv2d_i8_patch(d, in, y, x, patch);
            }
            meet(d, sum, from, taps, residual, out);
        }
    }
}

void bw_conv2d_i8_run(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int16_t *scratch)
{
    if (!bw_conv2d_i8_fast(d, in, out, scratch)) {
        convolve(d, NULL, in, out, out, (int8_t *)scratch);
    }
}

void bw_conv2d_add_i8_run(const bw_conv2d_add_i8 *d, const int8_t *in, const int8_t *residual,
                          int8_t *out, int16_t *scratch)
{
    if (!bw_conv2d_add_i8_fast(d, in, residual, out, scratch)) {
        const bw_residual sum = bw_residual_of(&d->add);
        convolve(&d->conv, &sum, in, residual, out, (int8_t *)scratch);
    }
}
