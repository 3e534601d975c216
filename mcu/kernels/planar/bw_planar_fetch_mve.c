/* Inputs of up to four blocks of lanes as vectors. */
#include "bw_planar_fetch_mve.h"

#ifdef BW_HAVE_MVE

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

static inline uint32x4_t read(const uint32_t *low, const uint32_t *high, const bw_mve_tap *t)
{
    const uint32x4_t x = vshlq_u32(vldrwq_gather_shifted_offset_u32(low, t->low), t->right);
    const uint32x4_t y = vshlq_u32(vldrwq_gather_shifted_offset_u32(high, t->high), t->left);
    return vandq_u32(vorrq_u32(x, y), t->mask);
}

/* A tap of `count` channels from number `channel` on. */
static void read_tap(const bw_mve_lanes *l, const bw_mve_tap *tap, uint32_t channel, uint32_t count,
                     uint32_t *words, bool add)
{
    const bw_mve_tap t = *tap;
    const uint16_t *source = l->d->source;
    for (; count != 0; count--, channel++, words += 4u * l->d->k_h * l->d->k_w) {
        const uint32_t *plane = l->in + (source ? source[channel] : channel) * l->stride;
        const uint32x4_t x = read(plane, plane, &t);
        vst1q_u32(words, add ? vorrq_u32(x, vld1q_u32(words)) : x);
    }
}

/* Inputs of a group from number n on; there are `real` of them, at least one. */
typedef struct {
    uint32_t channel, n, real;
    uint32_t *words;
} bw_mve_fetch;

static void fetch_prepared(const bw_mve_lanes *l, const bw_mve_fetch *f)
{
    const uint32_t taps = (uint32_t)l->d->k_h * l->d->k_w;
    uint32_t tap = f->n, channel = f->channel;
    for (uint32_t i = 0; i < taps && i < f->real; i++) {
        const uint32_t count = (f->real - i + taps - 1u) / taps;
        for (uint32_t s = 0; s < l->segments; s++) {
            const bw_mve_tap t = prepared_tap(l, tap * l->segments + s);
            read_tap(l, &t, channel, count, f->words + 4u * i, s != 0);
        }
        if (++tap == taps) {
            tap = 0;
            channel++;
        }
    }
}

/* The same where masks are by row and column: every tap is placed here. Away from the ends of a
 * plane, words need no clamping. */
static void fetch_plain(const bw_mve_lanes *l, const bw_mve_fetch *f)
{
    const bw_planar_conv *d = l->d;
    const uint32_t k_h = d->k_h, k_w = d->k_w, taps = k_h * k_w, step = 4u * taps;
    const uint32_t stride = l->stride, in_stride = d->in_stride, stride_w = d->stride_w;
    const int32_t in_w = d->in_w, origin = (int32_t)(d->in_origin + l->first);
    const int32_t last = ((int32_t)d->in_origin + in_w * d->in_h - 1) / 32;
    const uint16_t *source = d->source ? d->source + f->channel : 0;
    const uint32_t *in = l->in + (source ? 0u : f->channel * stride);
    const int32x4_t less = vnegq_s32(vreinterpretq_s32(l->shift));
    uint32_t ky = f->n / k_w, kx = f->n % k_w;
    uint32_t count = (f->real + taps - 1u) / taps, longer = f->real - (count - 1u) * taps;
    uint32_t *words = f->words;
    for (uint32_t left = taps < f->real ? taps : f->real; left != 0; left--, words += 4) {
        const bw_mve_axis *y = l->row + ky, *x = l->column + kx;
        const int32_t bit = origin + y->at * in_w + x->at, low = bit >> 5, right = bit & 31;
        const uint32_t plane = (y->phase * stride_w + x->phase) * in_stride;
        const uint32_t *from = in + plane;
        uint32_t *to = words;
        bw_mve_tap t = {
            .low = l->block,
            .high = l->block,
            .right = vaddq_n_s32(less, -right),
            .left = vaddq_n_s32(less, 32 - right),
            .mask = vandq_u32(vld1q_u32(y->mask), vld1q_u32(x->mask)),
        };
        uint32_t next = 1; /* words from low to high */
        if (low < 0 || low + 4 > last) {
            const int32x4_t least = vdupq_n_s32(0), most = vdupq_n_s32(last);
            const int32x4_t at = vaddq_n_s32(vreinterpretq_s32(l->block), low);
            t.low = vreinterpretq_u32(vminq_s32(vmaxq_s32(at, least), most));
            t.high = vreinterpretq_u32(vminq_s32(vmaxq_s32(vaddq_n_s32(at, 1), least), most));
            next = 0;
        } else {
            from += low;
        }
        if (source) {
            for (uint32_t c = 0; c < count; c++, to += step) {
                const uint32_t *at = from + source[c] * stride;
                vst1q_u32(to, read(at, at + next, &t));
            }
        } else {
            for (uint32_t c = count; c != 0; c--, from += stride, to += step) {
                vst1q_u32(to, read(from, from + next, &t));
            }
        }
        if (++kx == k_w) {
            kx = 0;
            if (++ky == k_h) {
                ky = 0;
                in += source ? 0u : stride;
                source += source ? 1u : 0u;
            }
        }
        count -= --longer == 0;
    }
}

void bw_mve_lanes_fetch(const bw_mve_lanes *l, uint32_t group, uint32_t n, uint32_t *words,
                        uint32_t count)
{
    const uint32_t taps = (uint32_t)l->d->k_h * l->d->k_w, inputs = taps * l->d->in_c;
    const uint32_t real = n < inputs ? (inputs - n < count ? inputs - n : count) : 0;
    const bw_mve_fetch f = {group * l->d->in_c + n / taps, n % taps, real, words};
    if (real != 0 && one_by_one(l)) {
        fetch_prepared(l, &f);
    } else if (real != 0) {
        fetch_plain(l, &f);
    }
    for (uint32_t i = real; i < count; i++) {
        vst1q_u32(words + 4u * i, vdupq_n_u32(0));
    }
}

#endif
