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

uint32_t bw_planar_split_by_four(const bw_planar_split *d, const uint32_t *in, uint32_t *out)
{
    const uint32_t planes = d->stride_w == 2 ? d->planes & ~3u : 0u;
    const uint32_t apart = d->keep_h * d->keep_w * d->out_stride;
    for (uint32_t p = 0; p < planes; p += 4u, in += 4u * d->in_stride, out += 4u * apart) {
        for (uint32_t py = 0; py < d->keep_h; py++) {
            uint32_t *to = out + py * d->keep_w * d->out_stride;
            rows(d, in, py, to, d->keep_w > 1 ? to + d->out_stride : 0, apart);
        }
    }
    return planes;
}

#endif
