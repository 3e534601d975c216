/* int8 convolution and depthwise convolution with MVE (Cortex-M55): four filters meet sixteen
 * samples of a patch with one load and one multiply-accumulate-across each; a depthwise layer takes
 * four channels of a pixel in 32-bit lanes. Four outputs are scaled, clamped and stored at once.
 */
#include "bw_conv2d_i8.h"

#if defined(BW_CONV2D_I8_MVE)

#include <string.h>

#include "bw_add_i8_mve.h"

typedef struct {
    int32x4_t low, high, zero;
} ends;

static inline ends ends_of(const bw_conv2d_i8 *d)
{
    return (ends){vdupq_n_s32(d->act_min), vdupq_n_s32(d->act_max), vdupq_n_s32(d->out_zero)};
}

/* Four accumulators without bias to outputs, for a `narrow` layer: vqrdmulh is the doubled high
 * product to nearest; vrshl rounds ties up, and the subtracted sign turns that into away from zero.
 */
static inline int32x4_t finish(int32x4_t acc, const int32_t *channel, const ends *e)
{
    acc = vaddq_s32(acc, vld1q_s32(channel));
    const int32x4_t t = vqrdmulhq_s32(acc, vld1q_s32(channel + 4));
    const int32x4_t u = vaddq_s32(t, vshrq_n_s32(t, 31));
    const int32x4_t y = vaddq_s32(vrshlq_s32(u, vld1q_s32(channel + 8)), e->zero);
    return vminq_s32(vmaxq_s32(y, e->low), e->high);
}

/* Four filters, `row` bytes apart, meet the patch x of n bytes. */
static inline int32x4_t four(const int8_t *x, const int8_t *w, uint32_t row, uint32_t n)
{
    const int8_t *w1 = w + row, *w2 = w1 + row, *w3 = w2 + row;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    for (; n >= 16u; n -= 16u, x += 16, w += 16, w1 += 16, w2 += 16, w3 += 16) {
        const int8x16_t s = vld1q_s8(x);
        a0 = vmladavaq_s8(a0, s, vld1q_s8(w));
        a1 = vmladavaq_s8(a1, s, vld1q_s8(w1));
        a2 = vmladavaq_s8(a2, s, vld1q_s8(w2));
        a3 = vmladavaq_s8(a3, s, vld1q_s8(w3));
    }
    if (n > 0) {
        const mve_pred16_t p = vctp8q(n);
        const int8x16_t s = vldrbq_z_s8(x, p);
        a0 = vmladavaq_s8(a0, s, vldrbq_z_s8(w, p));
        a1 = vmladavaq_s8(a1, s, vldrbq_z_s8(w1, p));
        a2 = vmladavaq_s8(a2, s, vldrbq_z_s8(w2, p));
        a3 = vmladavaq_s8(a3, s, vldrbq_z_s8(w3, p));
    }
    const int32x4_t sums = {a0, a1, a2, a3};
    return sums;
}

static inline int32_t one(const int8_t *x, const int8_t *w, uint32_t n)
{
    int32_t acc = 0;
    for (int32_t left = (int32_t)n; left > 0; left -= 16, x += 16, w += 16) {
        const mve_pred16_t p = vctp8q((uint32_t)left);
        acc = vmladavaq_s8(acc, vldrbq_z_s8(x, p), vldrbq_z_s8(w, p));
    }
    return acc;
}

/* All filters meet a patch; `add` is NULL or not where this is inlined. */
static inline void meet(const bw_conv2d_i8 *d, const bw_binary_i8 *add, const int8_t *x, uint32_t n,
                        const ends *e, const int8_t *residual, int8_t *out)
{
    const int8_t *w = d->weights;
    const int32_t *channel = d->channels;
    const uint32_t row = d->row;
    uint32_t left = d->out_c;
    for (; left >= 4u; left -= 4u, w += 4u * row, channel += 12, out += 4, residual += 4) {
        int32x4_t q = finish(four(x, w, row, n), channel, e);
        if (add != NULL) {
            q = bw_add_x4(add, q, vldrbq_s32(residual), 1);
        }
        vstrbq_s32(out, q);
    }
    if (left > 0) {
        int32_t sums[4] = {0, 0, 0, 0};
        for (uint32_t k = 0; k < left; k++) {
            sums[k] = one(x, w + k * row, n);
        }
        const mve_pred16_t p = vctp32q(left);
        int32x4_t q = finish(vld1q_s32(sums), channel, e);
        if (add != NULL) {
            q = bw_add_x4(add, q, vldrbq_z_s32(residual, p), 1);
        }
        vstrbq_p_s32(out, q, p);
    }
}

static inline void convolve(const bw_conv2d_i8 *d, const bw_binary_i8 *add, const int8_t *in,
                            const int8_t *residual, int8_t *out, int16_t *scratch)
{
    const bool pointwise = d->k_h == 1 && d->k_w == 1 && d->pad_top == 0 && d->pad_left == 0;
    const uint32_t taps = (uint32_t)d->k_h * d->k_w * d->in_c;
    const ends e = ends_of(d);
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++, out += d->out_c, residual += d->out_c) {
            const int8_t *patch = (const int8_t *)scratch;
            if (pointwise) {
                patch = in + (y * d->stride_h * d->in_w + x * d->stride_w) * d->in_c;
            } else {
                bw_conv2d_i8_patch(d, in, y, x, (int8_t *)scratch);
            }
            meet(d, add, patch, taps, &e, residual, out);
        }
    }
}

bool bw_conv2d_i8_fast(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int16_t *scratch)
{
    if (d->narrow != 0) {
        convolve(d, NULL, in, out, out, scratch);
    }
    return d->narrow != 0;
}

bool bw_conv2d_add_i8_fast(const bw_conv2d_add_i8 *d, const int8_t *in, const int8_t *residual,
                           int8_t *out, int16_t *scratch)
{
    if (d->conv.narrow != 0) {
        convolve(&d->conv, &d->add, in, residual, out, scratch);
    }
    return d->conv.narrow != 0;
}

/* The taps [y0, y1) x [x0, x1) of one pixel, four channels at a time; `first` is the sample under
 * tap (y0, x0), or anything when there is none. The other taps read in_zero. */
typedef struct {
    uint32_t y0, y1, x0, x1;
} inside;

static inline int32x4_t beyond(int32x4_t acc, const int8_t *w, uint32_t step, uint32_t n,
                               int32_t zero, mve_pred16_t p)
{
    for (; n > 0; n--, w += step) {
        acc = vmlaq_n_s32(acc, vldrbq_z_s32(w, p), zero);
    }
    return acc;
}

static void pixel(const bw_conv2d_i8 *d, const int8_t *first, const inside *r, const ends *e,
                  int8_t *out)
{
    const uint32_t c = d->in_c, across = d->dilation_w * c, k_w = d->k_w;
    const uint32_t down = (uint32_t)d->dilation_h * d->in_w * c;
    const int32_t zero = d->in_zero;
    const int32_t *channel = d->channels;
    const bool whole = r->y0 == 0 && r->y1 == d->k_h && r->x0 == 0 && r->x1 == k_w;
    for (uint32_t o = 0; o < c; o += 4, channel += 12) {
        const mve_pred16_t p = vctp32q(c - o);
        const int8_t *w = d->weights + o, *line = first + o;
        int32x4_t acc = vdupq_n_s32(0);
        if (!whole) {
            acc = beyond(acc, w, c, r->y0 * k_w, zero, p);
            w += r->y0 * k_w * c;
        }
        for (uint32_t ky = r->y0; ky < r->y1; ky++, line += down, w += k_w * c) {
            const int8_t *sample = line, *weight = w + r->x0 * c;
            for (uint32_t kx = r->x0; kx < r->x1; kx++, sample += across, weight += c) {
                const int32x4_t product =
                    vmulq_s32(vldrbq_z_s32(sample, p), vldrbq_z_s32(weight, p));
                acc = vaddq_s32(acc, product);
            }
            if (!whole) {
                acc = beyond(acc, w, c, r->x0, zero, p);
                acc = beyond(acc, weight, c, k_w - r->x1, zero, p);
            }
        }
        if (!whole) {
            acc = beyond(acc, w, c, (d->k_h - r->y1) * k_w, zero, p);
        }
        vstrbq_p_s32(out + o, finish(acc, channel, e), p);
    }
}

/* Eight channels: products of even and of odd ones. */
typedef struct {
    int32x4_t even, odd;
} eight;

static inline eight tap8(eight acc, int16x8_t x, const int8_t *weight)
{
    const int16x8_t w = vldrbq_s16(weight);
    return (eight){vaddq_s32(acc.even, vmullbq_int_s16(x, w)),
                   vaddq_s32(acc.odd, vmulltq_int_s16(x, w))};
}

static inline eight beyond8(eight acc, const int8_t *w, uint32_t step, uint32_t n, int16x8_t zero)
{
    for (; n > 0; n--, w += step) {
        acc = tap8(acc, zero, w);
    }
    return acc;
}

/* Bias, multiplier and shift of every second channel of two blocks, from the one at `channel`. */
static inline int32x4_t finish8(int32x4_t acc, const int32_t *channel, const ends *e)
{
    const uint32x4_t at = {0, 8, 48, 56}; /* bytes */
    acc = vaddq_s32(acc, vldrwq_gather_offset_s32(channel, at));
    const int32x4_t t = vqrdmulhq_s32(acc, vldrwq_gather_offset_s32(channel + 4, at));
    const int32x4_t u = vaddq_s32(t, vshrq_n_s32(t, 31));
    const int32x4_t shift = vldrwq_gather_offset_s32(channel + 8, at);
    const int32x4_t y = vaddq_s32(vrshlq_s32(u, shift), e->zero);
    return vminq_s32(vmaxq_s32(y, e->low), e->high);
}

/* pixel() for channels in eights; `nine` (undilated 3x3 inside the map) is a constant where this is
 * inlined. */
static inline void pixel8(const bw_conv2d_i8 *d, const int8_t *first, const inside *r,
                          const ends *e, bool nine, int8_t *out)
{
    const uint32_t c = d->in_c, across = d->dilation_w * c, k_w = d->k_w;
    const uint32_t down = (uint32_t)d->dilation_h * d->in_w * c;
    const int16x8_t zero = vdupq_n_s16(d->in_zero);
    const int32_t *channel = d->channels;
    for (uint32_t o = 0; o < c; o += 8, channel += 24) {
        const int8_t *w = d->weights + o, *line = first + o;
        eight acc = {vdupq_n_s32(0), vdupq_n_s32(0)};
        if (nine) {
            for (uint32_t ky = 0; ky < 3; ky++, line += down, w += 3 * c) {
                acc = tap8(acc, vldrbq_s16(line), w);
                acc = tap8(acc, vldrbq_s16(line + c), w + c);
                acc = tap8(acc, vldrbq_s16(line + 2 * c), w + 2 * c);
            }
        } else {
            acc = beyond8(acc, w, c, r->y0 * k_w, zero);
            w += r->y0 * k_w * c;
            for (uint32_t ky = r->y0; ky < r->y1; ky++, line += down) {
                acc = beyond8(acc, w, c, r->x0, zero);
                w += r->x0 * c;
                const int8_t *sample = line;
                for (uint32_t kx = r->x0; kx < r->x1; kx++, sample += across, w += c) {
                    acc = tap8(acc, vldrbq_s16(sample), w);
                }
                acc = beyond8(acc, w, c, k_w - r->x1, zero);
                w += (k_w - r->x1) * c;
            }
            acc = beyond8(acc, w, c, (d->k_h - r->y1) * k_w, zero);
        }
        int16x8_t q = vmovnbq_s32(vdupq_n_s16(0), finish8(acc.even, channel, e));
        q = vmovntq_s32(q, finish8(acc.odd, channel + 1, e));
        vstrbq_s16(out + o, q);
    }
}

/* First and last tap of one axis that lie inside the map. */
static void range(int32_t at, uint32_t k, uint32_t dilation, uint32_t size, uint32_t *first,
                  uint32_t *last)
{
    uint32_t a = 0, b = k;
    while (a < k && at + (int32_t)(a * dilation) < 0) {
        a++;
    }
    while (b > a && at + (int32_t)((b - 1u) * dilation) >= (int32_t)size) {
        b--;
    }
    *first = a;
    *last = b;
}

bool bw_depthwise_i8_fast(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out)
{
    if (d->narrow == 0 || d->in_c != d->out_c) {
        return false;
    }
    const ends e = ends_of(d);
    const bool eights = (d->in_c & 7u) == 0u;
    const bool three = d->k_h == 3 && d->k_w == 3 && d->dilation_h == 1 && d->dilation_w == 1;
    for (uint32_t y = 0; y < d->out_h; y++) {
        const int32_t top = (int32_t)(y * d->stride_h) - d->pad_top;
        inside r, row;
        range(top, d->k_h, d->dilation_h, d->in_h, &row.y0, &row.y1);
        for (uint32_t x = 0; x < d->out_w; x++, out += d->out_c) {
            const int32_t left = (int32_t)(x * d->stride_w) - d->pad_left;
            range(left, d->k_w, d->dilation_w, d->in_w, &row.x0, &row.x1);
            r = row;
            const int8_t *first = in;
            if (r.x0 >= r.x1 || r.y0 >= r.y1) {
                r = (inside){d->k_h, d->k_h, 0, 0}; /* all taps are outside */
            } else {
                const uint32_t iy = (uint32_t)(top + (int32_t)(r.y0 * d->dilation_h));
                const uint32_t ix = (uint32_t)(left + (int32_t)(r.x0 * d->dilation_w));
                first = in + (iy * d->in_w + ix) * d->in_c;
            }
            const bool whole = r.y0 == 0 && r.y1 == 3 && r.x0 == 0 && r.x1 == 3;
            if (!eights) {
                pixel(d, first, &r, &e, out);
            } else if (three && whole) {
                pixel8(d, first, &r, &e, true, out);
            } else {
                pixel8(d, first, &r, &e, false, out);
            }
        }
    }
    return true;
}

#endif
