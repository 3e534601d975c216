/* Inputs of up to four blocks of lanes as vectors. */
#include "bw_planar_fetch_mve.h"

#ifdef BW_HAVE_MVE

#include <stdbool.h>

#define TAP_WORDS (sizeof(bw_tap) / 4u)

/* One tap in all elements: words of a plane, shifts (negative to the right), lanes inside. */
typedef struct {
    uint32x4_t low, high, mask;
    int32x4_t right, left;
} bw_mve_tap;

static int32_t floor_div(int32_t a, int32_t b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

static bool one_by_one(const bw_mve_lanes *l)
{
    return l->segments != 1 || l->d->k_h > BW_MVE_SIDE || l->d->k_w > BW_MVE_SIDE;
}

static void axis(bw_mve_axis *a, int32_t real, int32_t pixel, int32_t stride)
{
    a->at = floor_div(pixel, stride);
    a->phase = (uint32_t)(pixel - a->at * stride);
    a->extent = (real + stride - 1 - (int32_t)a->phase) / stride;
}

void bw_mve_lanes_begin(bw_mve_lanes *l, const bw_planar_conv *d, const uint32_t *in, bw_tap *taps)
{
    l->d = d;
    l->in = in;
    l->taps = taps;
    l->geometry = bw_planar_conv_geometry(d);
    l->segments = bw_planar_segments(&l->geometry);
    l->stride = d->in_stride * d->stride_h * d->stride_w;
    if (one_by_one(l)) {
        return;
    }
    for (int32_t k = 0; k < d->k_h; k++) {
        axis(l->row + k, (int32_t)l->geometry.real_h, k * d->dilation_h - d->pad_top, d->stride_h);
    }
    for (int32_t k = 0; k < d->k_w; k++) {
        axis(l->column + k, (int32_t)l->geometry.real_w, k * d->dilation_w - d->pad_left,
             d->stride_w);
    }
}

/* Elements shifted as X is. */
static uint32x4_t shifted(const bw_mve_lanes *l, uint32x4_t x)
{
    return vshlq_u32(x, vnegq_s32(vreinterpretq_s32(l->shift)));
}

/* Lanes of output rows whose tap is in a row of its phase: one run of pixels. */
static void row_mask(const bw_mve_lanes *l, bw_mve_axis *a)
{
    const int32_t w = l->d->out_w, h = l->d->out_h, first = (int32_t)l->first;
    const int32_t begin = a->at < 0 ? -a->at : 0;
    const int32_t end = a->extent - a->at < h ? a->extent - a->at : h;
    const int32x4_t lane = vreinterpretq_s32(vshlq_n_u32(l->block, 5));
    const int32x4_t least = vdupq_n_s32(0), most = vdupq_n_s32(32);
    const uint32x4_t ones = vdupq_n_u32(UINT32_MAX);
    const int32x4_t from = vsubq_s32(vdupq_n_s32(begin * w - first), lane);
    const int32x4_t to = vsubq_s32(vdupq_n_s32(end * w - first), lane);
    const uint32x4_t since = vshlq_u32(ones, vminq_s32(vmaxq_s32(from, least), most));
    const uint32x4_t after = vshlq_u32(ones, vminq_s32(vmaxq_s32(to, least), most));
    vst1q_u32(a->mask, shifted(l, vbicq_u32(since, after)));
}

/* Clears the lanes of output columns from `begin` to `end`. */
static void clear_columns(const bw_mve_lanes *l, uint32_t *mask, int32_t begin, int32_t end)
{
    const int32_t w = l->d->out_w, start = (int32_t)(l->first % l->d->out_w);
    for (int32_t x = begin; x < end; x++) {
        for (int32_t p = x < start ? x - start + w : x - start; p < 128; p += w) {
            mask[p >> 5] &= ~(1u << (p & 31));
        }
    }
}

static void column_mask(const bw_mve_lanes *l, bw_mve_axis *a)
{
    const int32_t w = l->d->out_w;
    const int32_t begin = a->at < 0 ? -a->at : 0;
    const int32_t end = a->extent - a->at > 0 ? a->extent - a->at : 0;
    vst1q_u32(a->mask, vdupq_n_u32(UINT32_MAX));
    clear_columns(l, a->mask, 0, begin < w ? begin : w);
    clear_columns(l, a->mask, end, w);
    vst1q_u32(a->mask, shifted(l, vldrwq_gather_shifted_offset_u32(a->mask, l->block)));
}

void bw_mve_lanes_move(bw_mve_lanes *l, uint32_t word, uint32_t blocks)
{
    const uint32x4_t element = vidupq_n_u32(0, 1);
    l->first = 32u * word;
    l->block = vandq_u32(element, vdupq_n_u32(blocks - 1u));
    l->shift = vsubq_u32(element, l->block);
    if (one_by_one(l)) {
        bw_tap *t = l->taps;
        for (uint32_t b = 0; b < blocks; b++, t += l->d->k_h * l->d->k_w * l->segments) {
            bw_planar_taps(&l->geometry, l->first + 32u * b, l->segments, t);
        }
        return;
    }
    for (uint32_t k = 0; k < l->d->k_h; k++) {
        row_mask(l, l->row + k);
    }
    for (uint32_t k = 0; k < l->d->k_w; k++) {
        column_mask(l, l->column + k);
    }
}

static bw_mve_tap prepared_tap(const bw_mve_lanes *l, uint32_t number)
{
    const uint32_t *field = &l->taps[number].low;
    const uint32_t apart = l->d->k_h * l->d->k_w * l->segments * TAP_WORDS;
    const uint32x4_t at = vmulq_n_u32(l->block, apart);
    const int32x4_t shift = vreinterpretq_s32(l->shift);
    const uint32x4_t right = vldrwq_gather_shifted_offset_u32(field + 2, at);
    const uint32x4_t left = vldrwq_gather_shifted_offset_u32(field + 3, at);
    const bw_mve_tap t = {
        .low = vldrwq_gather_shifted_offset_u32(field, at),
        .high = vldrwq_gather_shifted_offset_u32(field + 1, at),
        .right = vsubq_s32(vnegq_s32(vreinterpretq_s32(right)), shift),
        .left = vsubq_s32(vaddq_n_s32(vreinterpretq_s32(left), 1), shift),
        .mask = shifted(l, vldrwq_gather_shifted_offset_u32(field + 4, at)),
    };
    return t;
}

static bw_mve_tap plain_tap(const bw_mve_lanes *l, const bw_mve_axis *y, const bw_mve_axis *x)
{
    const bw_planar_conv *d = l->d;
    const int32_t bit = (int32_t)(d->in_origin + l->first) + y->at * d->in_w + x->at;
    const uint32_t plane = (y->phase * d->stride_w + x->phase) * d->in_stride;
    const uint32_t last = (d->in_origin + (uint32_t)d->in_h * d->in_w - 1u) / 32u;
    const int32x4_t least = vdupq_n_s32(0), most = vdupq_n_s32((int32_t)last);
    const int32x4_t low = vaddq_n_s32(vreinterpretq_s32(l->block), bit >> 5);
    const int32x4_t high = vaddq_n_s32(low, 1), shift = vreinterpretq_s32(l->shift);
    const int32_t right = bit & 31;
    const bw_mve_tap t = {
        .low = vaddq_n_u32(vreinterpretq_u32(vminq_s32(vmaxq_s32(low, least), most)), plane),
        .high = vaddq_n_u32(vreinterpretq_u32(vminq_s32(vmaxq_s32(high, least), most)), plane),
        .right = vsubq_s32(vdupq_n_s32(-right), shift),
        .left = vsubq_s32(vdupq_n_s32(32 - right), shift),
        .mask = vandq_u32(vld1q_u32(y->mask), vld1q_u32(x->mask)),
    };
    return t;
}

static inline uint32x4_t read(const uint32_t *plane, const bw_mve_tap *t)
{
    const uint32x4_t low = vshlq_u32(vldrwq_gather_shifted_offset_u32(plane, t->low), t->right);
    const uint32x4_t high = vshlq_u32(vldrwq_gather_shifted_offset_u32(plane, t->high), t->left);
    return vandq_u32(vorrq_u32(low, high), t->mask);
}

/* A tap of `count` channels from number `channel` on, `step` words apart. */
static void read_tap(const bw_mve_lanes *l, const bw_mve_tap *tap, uint32_t channel, uint32_t count,
                     uint32_t *words, bool add)
{
    const bw_mve_tap t = *tap;
    const uint32_t step = 4u * l->d->k_h * l->d->k_w, stride = l->stride;
    const uint16_t *source = l->d->source;
    const uint32_t *plane = l->in + channel * stride;
    if (!source && !add) {
        for (; count != 0; count--, plane += stride, words += step) {
            vst1q_u32(words, read(plane, &t));
        }
        return;
    }
    for (; count != 0; count--, channel++, words += step) {
        const uint32x4_t x = read(l->in + (source ? source[channel] : channel) * stride, &t);
        vst1q_u32(words, add ? vorrq_u32(x, vld1q_u32(words)) : x);
    }
}

void bw_mve_lanes_fetch(const bw_mve_lanes *l, uint32_t group, uint32_t n, uint32_t *words,
                        uint32_t count)
{
    const uint32_t taps = (uint32_t)l->d->k_h * l->d->k_w, inputs = taps * l->d->in_c;
    const uint32_t real = n < inputs ? (inputs - n < count ? inputs - n : count) : 0;
    uint32_t channel = group * l->d->in_c + n / taps, tap = n % taps;
    uint32_t ky = tap / l->d->k_w, kx = tap % l->d->k_w;
    uint32_t channels = (real + taps - 1u) / taps, longer = real - (channels - 1u) * taps;
    for (uint32_t i = 0; i < taps && i < real; i++, longer--) {
        channels -= longer == 0;
        if (one_by_one(l)) {
            for (uint32_t s = 0; s < l->segments; s++) {
                const bw_mve_tap t = prepared_tap(l, tap * l->segments + s);
                read_tap(l, &t, channel, channels, words + 4u * i, s != 0);
            }
        } else {
            const bw_mve_tap t = plain_tap(l, l->row + ky, l->column + kx);
            read_tap(l, &t, channel, channels, words + 4u * i, false);
        }
        tap++;
        if (++kx == l->d->k_w) {
            kx = 0;
            if (++ky == l->d->k_h) {
                ky = tap = 0;
                channel++;
            }
        }
    }
    for (uint32_t i = real; i < count; i++) {
        vst1q_u32(words + 4u * i, vdupq_n_u32(0));
    }
}

#endif
