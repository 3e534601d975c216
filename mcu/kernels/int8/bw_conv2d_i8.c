/* int8 convolution in portable C: each patch is gathered once, then met by every filter. */
#include "bw_conv2d_i8.h"

#include "bw_add_i8.h"

#include <string.h>

/* A line of a few bytes is written in words where a word may lie anywhere: what is written behind
 * it, up to three bytes, is overwritten by the next or is room behind the patch. A long one is for
 * the library. */
#if (defined(__arm__) && !defined(__ARM_FEATURE_UNALIGNED)) || defined(__riscv)
#define FEW 0u
#else
#define FEW 32u
#endif

static inline void fill(int8_t *to, int8_t value, uint32_t n)
{
    if (FEW == 0u) {
        memset(to, value, n);
        return;
    }
    const uint32_t word = (uint32_t)(uint8_t)value * 0x01010101u;
    for (uint32_t k = 0; k < n; k += 4) {
        memcpy(to + k, &word, 4);
    }
}

/* Up to where a map may be read in words when a window has lines of n bytes. */
static inline const int8_t *end_of_words(const bw_conv2d_i8 *d, const int8_t *in, uint32_t n)
{
    return n > FEW ? in : in + (uint32_t)d->in_h * d->in_w * d->in_c;
}

/* Reads no byte at `end` or behind in words. */
static inline void copy(int8_t *to, const int8_t *from, uint32_t n, const int8_t *end)
{
    if (end - from < (int32_t)n + 3) {
        memcpy(to, from, n);
        return;
    }
    for (uint32_t k = 0; k < n; k += 4) {
        memcpy(to + k, from + k, 4);
    }
}

/* x between 0 and most. */
static inline uint32_t within(int32_t x, uint32_t most)
{
    return x < 0 ? 0 : (uint32_t)x > most ? most : (uint32_t)x;
}

/* The line of a window with gaps, which begins at column `left`. */
static void dilated(const bw_conv2d_i8 *d, const int8_t *line, int32_t left, const int8_t *end,
                    int8_t *to)
{
    const uint32_t c = d->in_c;
    for (uint32_t kx = 0; kx < d->k_w; kx++, to += c) {
        const int32_t ix = left + (int32_t)(kx * d->dilation_w);
        if (ix < 0 || ix >= d->in_w) {
            fill(to, d->in_zero, c);
        } else {
            copy(to, line + (uint32_t)ix * c, c, end);
        }
    }
}

/* A window that is not whole in the map. */
static void border(const bw_conv2d_i8 *d, const int8_t *in, int32_t top, int32_t left,
                   int8_t *patch)
{
    const uint32_t c = d->in_c, n = d->k_w * c, pitch = d->in_w * c;
    const int8_t *end = end_of_words(d, in, n);
    /* Of a line's n bytes, those before the map and those up to its end; where the map's begin. */
    const uint32_t before = within(-left, d->k_w) * c, until = within(d->in_w - left, d->k_w) * c;
    const uint32_t first = within(left, d->in_w) * c;
    for (uint32_t k = d->k_h; k > 0; k--, top += d->dilation_h, patch += n) {
        if (top < 0 || top >= d->in_h) {
            fill(patch, d->in_zero, n);
            continue;
        }
        const int8_t *line = in + (uint32_t)top * pitch;
        if (d->dilation_w != 1) {
            dilated(d, line, left, end, patch);
        } else {
            fill(patch, d->in_zero, before);
            copy(patch + before, line + first, until - before, end);
            fill(patch + until, d->in_zero, n - until);
        }
    }
}

void bw_conv2d_i8_patch(const bw_conv2d_i8 *d, const int8_t *in, uint32_t y, uint32_t x,
                        int8_t *patch)
{
    const uint32_t c = d->in_c, n = d->k_w * c, pitch = d->in_w * c;
    const int32_t top = (int32_t)(y * d->stride_h) - d->pad_top;
    const int32_t left = (int32_t)(x * d->stride_w) - d->pad_left;
    const bool across = left >= 0 && left + d->k_w <= d->in_w && d->dilation_w == 1;
    if (!across || top < 0 || top + (d->k_h - 1) * d->dilation_h >= d->in_h) {
        border(d, in, top, left, patch);
        return;
    }
    const int8_t *end = end_of_words(d, in, n);
    in += (uint32_t)top * pitch + (uint32_t)left * c;
    for (uint32_t k = d->k_h; k > 0; k--, in += d->dilation_h * pitch, patch += n) {
        copy(patch, in, n, end);
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
