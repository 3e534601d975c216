/* Parting columns by two with MVE: four planes at once, a plane an element. */
#include "bw_planar_split_mve.h"

#ifdef BW_PLANAR_SPLIT_MVE

#include <arm_mve.h>

/* Even bits of a byte to its low half, odd bits to its high half. */
#define PART(b)                                                                                    \
    (((b)&1) | (((b) >> 1) & 2) | (((b) >> 2) & 4) | (((b) >> 3) & 8) | (((b) << 3) & 16) |        \
     (((b) << 2) & 32) | (((b) << 1) & 64) | ((b)&128))
#define PART4(b)  PART(b), PART((b) + 1), PART((b) + 2), PART((b) + 3)
#define PART16(b) PART4(b), PART4((b) + 4), PART4((b) + 8), PART4((b) + 12)
#define PART64(b) PART16(b), PART16((b) + 16), PART16((b) + 32), PART16((b) + 48)

static const uint8_t parted[256] = {PART64(0), PART64(64), PART64(128), PART64(192)};

/* bw_bits_part of every element. */
static inline uint32x4_t part(uint32x4_t x)
{
    x = vreinterpretq_u32(vldrbq_gather_offset_u8(parted, vreinterpretq_u8(x)));
    uint32x4_t t = vandq_u32(veorq_u32(x, vshrq_n_u32(x, 4)), vdupq_n_u32(0x00f000f0u));
    x = veorq_u32(x, veorq_u32(t, vshlq_n_u32(t, 4)));
    t = vandq_u32(veorq_u32(x, vshrq_n_u32(x, 8)), vdupq_n_u32(0x0000ff00u));
    return veorq_u32(x, veorq_u32(t, vshlq_n_u32(t, 8)));
}

/* Bits [at, at + n) of four planes, 1 <= n <= 32. */
static inline uint32x4_t get(const uint32_t *in, uint32x4_t plane, uint32_t at, uint32_t n)
{
    const uint32_t shift = at & 31u;
    in += at >> 5;
    uint32x4_t x = vldrwq_gather_shifted_offset_u32(in, plane);
    if (shift != 0) {
        x = vshlq_r_u32(x, -(int32_t)shift);
        if (shift + n > 32u) {
            const uint32x4_t y = vldrwq_gather_shifted_offset_u32(in + 1, plane);
            x = vorrq_u32(x, vshlq_r_u32(y, (int32_t)(32u - shift)));
        }
    }
    return n == 32u ? x : vandq_u32(x, vdupq_n_u32(UINT32_MAX >> (32u - n)));
}

/* Rows py, py + stride_h, ... of four planes: `to` is phase x = 0 of the first one, `other` phase
 * x = 1 or NULL, `apart` the words from plane to plane. */
static void rows(const bw_planar_split *d, const uint32_t *in, uint32_t py, uint32_t *to,
                 uint32_t *other, uint32_t apart)
{
    const uint32x4_t element = vidupq_n_u32(0, 1);
    const uint32x4_t from = vmulq_n_u32(element, d->in_stride), out = vmulq_n_u32(element, apart);
    const uint32_t words =
        BW_PLANE_WORDS(((uint32_t)d->in_h + d->stride_h - 1u) / d->stride_h, (d->in_w + 1u) / 2u);
    const uint32_t *end = to + words;
    uint32x4_t even = vdupq_n_u32(0), odd = even;
    uint32_t filled = 0;
    for (uint32_t y = py; y < d->in_h; y += d->stride_h) {
        uint32_t at = d->in_origin + y * d->in_w;
        for (uint32_t left = d->in_w; left != 0;) {
            const uint32_t n = left < 32u ? left : 32u, pixels = (n + 1u) / 2u;
            const uint32x4_t bits = part(get(in, from, at, n));
            const uint32x4_t low = vandq_u32(bits, vdupq_n_u32(0xffffu));
            const uint32x4_t high = vshrq_n_u32(bits, 16);
            even = vorrq_u32(even, vshlq_r_u32(low, (int32_t)filled));
            odd = vorrq_u32(odd, vshlq_r_u32(high, (int32_t)filled));
            filled += pixels;
            if (filled >= 32u) {
                filled -= 32u;
                vstrwq_scatter_shifted_offset_u32(to++, out, even);
                even = vshlq_r_u32(low, (int32_t)filled - (int32_t)pixels);
                if (other) {
                    vstrwq_scatter_shifted_offset_u32(other++, out, odd);
                    odd = vshlq_r_u32(high, (int32_t)filled - (int32_t)pixels);
                }
            }
            at += n;
            left -= n;
        }
    }
    for (; to != end; even = odd = vdupq_n_u32(0)) { /* the last word, and rows that it lacks */
        vstrwq_scatter_shifted_offset_u32(to++, out, even);
        if (other) {
            vstrwq_scatter_shifted_offset_u32(other++, out, odd);
        }
    }
}

/* Where the rows of one phase y of four planes go: both phases x, a word of each being filled. */
typedef struct {
    uint32x4_t even, odd;
    uint32_t filled;
    uint32_t *to;
} sink;

static inline void put(sink *s, uint32x4_t even, uint32x4_t odd, uint32_t bits, uint32x4_t out,
                       uint32_t other)
{
    s->even = vorrq_u32(s->even, vshlq_r_u32(even, (int32_t)s->filled));
    s->odd = vorrq_u32(s->odd, vshlq_r_u32(odd, (int32_t)s->filled));
    s->filled += bits;
    if (s->filled >= 32u) {
        s->filled -= 32u;
        vstrwq_scatter_shifted_offset_u32(s->to, out, s->even);
        vstrwq_scatter_shifted_offset_u32(s->to + other, out, s->odd);
        s->to++;
        s->even = vshlq_r_u32(even, (int32_t)s->filled - (int32_t)bits);
        s->odd = vshlq_r_u32(odd, (int32_t)s->filled - (int32_t)bits);
    }
}

static void finish(sink *s, const uint32_t *end, uint32x4_t out, uint32_t other)
{
    for (; s->to != end; s->to++, s->even = s->odd = vdupq_n_u32(0)) {
        vstrwq_scatter_shifted_offset_u32(s->to, out, s->even);
        vstrwq_scatter_shifted_offset_u32(s->to + other, out, s->odd);
    }
}

/* Rows of even width: the whole raster is parted word by word, 16 bits of each phase x, and rows of
 * half the width are taken from the two streams in turn. What waits in a stream fits a word. */
static int by_words(const bw_planar_split *d)
{
    const uint32_t row = d->in_w / 2u;
    return d->stride_h == 2 && d->keep_h == 2 && d->keep_w == 2 && d->in_w % 2u == 0 &&
           d->in_origin % 32u == 0 && (row <= 17u || row == 24u || row == 32u);
}

static void words(const bw_planar_split *d, const uint32_t *in, uint32_t *out, uint32_t apart)
{
    const uint32x4_t element = vidupq_n_u32(0, 1);
    const uint32x4_t from = vmulq_n_u32(element, d->in_stride), place = vmulq_n_u32(element, apart);
    const uint32_t row = d->in_w / 2u, other = d->out_stride;
    const uint32_t count = BW_PLANE_WORDS((d->in_h + 1u) / 2u, row);
    const uint32_t mask = UINT32_MAX >> (32u - row);
    uint32x4_t even = vdupq_n_u32(0), odd = even;
    sink upper = {even, even, 0, out}, lower = {even, even, 0, out + 2u * other};
    uint32_t held = 0;
    in += d->in_origin / 32u;
    for (uint32_t y = 0; y < d->in_h; y++) {
        for (; held < row; held += 16u) {
            const uint32x4_t x = part(vldrwq_gather_shifted_offset_u32(in++, from));
            const uint32x4_t low = vandq_u32(x, vdupq_n_u32(0xffffu));
            even = vorrq_u32(even, vshlq_r_u32(low, (int32_t)held));
            odd = vorrq_u32(odd, vshlq_r_u32(vshrq_n_u32(x, 16), (int32_t)held));
        }
        const uint32x4_t a = vandq_u32(even, vdupq_n_u32(mask));
        const uint32x4_t b = vandq_u32(odd, vdupq_n_u32(mask));
        if (y & 1u) {
            put(&lower, a, b, row, place, other);
        } else {
            put(&upper, a, b, row, place, other);
        }
        held -= row;
        even = vshlq_r_u32(even, -(int32_t)row);
        odd = vshlq_r_u32(odd, -(int32_t)row);
    }
    finish(&upper, out + count, place, other);
    finish(&lower, out + 2u * other + count, place, other);
}

uint32_t bw_planar_split_by_four(const bw_planar_split *d, const uint32_t *in, uint32_t *out)
{
    const uint32_t planes = d->stride_w == 2 ? d->planes & ~3u : 0u;
    const uint32_t apart = d->keep_h * d->keep_w * d->out_stride;
    const int whole = by_words(d);
    for (uint32_t p = 0; p < planes; p += 4u, in += 4u * d->in_stride, out += 4u * apart) {
        if (whole) {
            words(d, in, out, apart);
        }
        for (uint32_t py = 0; py < d->keep_h && !whole; py++) {
            uint32_t *to = out + py * d->keep_w * d->out_stride;
            rows(d, in, py, to, d->keep_w > 1 ? to + d->out_stride : 0, apart);
        }
    }
    return planes;
}

#endif
