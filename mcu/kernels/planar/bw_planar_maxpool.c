/* Max pooling on planes: AND, since a set bit is -1. */
#include "bitwake/bw_planar.h"

#include "bw_planar_bits.h"
#include "bw_planar_taps.h"

/* 2x2 windows side by side as wide as the map: no borders, no phases needed. Rows above the first
 * window, and below the last, are left out. */
static int is_plain(const bw_planar_maxpool *d)
{
    return d->k_h == 2 && d->k_w == 2 && d->stride_h == 2 && d->stride_w == 2 && d->pad_top <= 0 &&
           d->pad_left == 0 && d->in_h >= 2 * d->out_h - d->pad_top && d->in_w == 2 * d->out_w;
}

/* Bit at which the first window begins. */
static uint32_t plain_origin(const bw_planar_maxpool *d)
{
    return d->in_origin + (uint32_t)-d->pad_top * d->in_w;
}

static uint32_t phase_words(const bw_planar_maxpool *d)
{
    return BW_PLANE_WORDS((d->in_h + d->stride_h - 1u) / d->stride_h,
                          (d->in_w + d->stride_w - 1u) / d->stride_w);
}

static bw_tap_geometry geometry(const bw_planar_maxpool *d)
{
    const bw_tap_geometry g = {
        .in_h = (d->in_h + d->stride_h - 1u) / d->stride_h,
        .in_w = (d->in_w + d->stride_w - 1u) / d->stride_w,
        .in_stride = phase_words(d),
        .real_h = d->in_h,
        .real_w = d->in_w,
        .dilation_h = 1,
        .dilation_w = 1,
        BW_TAP_WINDOW(d),
    };
    return g;
}

uint32_t bw_planar_maxpool_scratch(const bw_planar_maxpool *d)
{
    const bw_tap_geometry g = geometry(d);
    const uint32_t taps = (uint32_t)d->k_h * d->k_w * bw_planar_segments(&g);
    if (is_plain(d)) {
        return 0;
    }
    return 4u * phase_words(d) * d->stride_h * d->stride_w +
           (uint32_t)sizeof(bw_tap) * taps * BW_PLANE_WORDS(d->out_h, d->out_w);
}

/* One plane, word after word. */
static void plain(const bw_planar_maxpool *d, const uint32_t *in, uint32_t *out)
{
    uint32_t word = 0, filled = 0;
    for (uint32_t y = 0; y < d->out_h; y++) {
        uint32_t at = plain_origin(d) + 2u * y * d->in_w;
        for (uint32_t left = d->in_w; left != 0;) {
            const uint32_t n = left < 32u ? left : 32u;
            const uint32_t both = bw_bits_get(in, at, n) & bw_bits_get(in, at + d->in_w, n);
            const uint32_t bits = bw_bits_even(both & (both >> 1));
            word |= bits << filled;
            filled += n / 2u;
            if (filled >= 32u) {
                filled -= 32u;
                *out++ = word;
                word = bits >> (n / 2u - filled);
            }
            at += n;
            left -= n;
        }
    }
    if (filled != 0) {
        *out = word;
    }
}

/* The same for rows of whole pairs of bytes that begin at a byte. */
static void plain_bytes(const bw_planar_maxpool *d, const uint32_t *in, uint32_t *out)
{
    const uint32_t row = d->in_w / 8u;
    const uint8_t *from = (const uint8_t *)in + plain_origin(d) / 8u;
    uint8_t *to = (uint8_t *)out;
    out[BW_PLANE_WORDS(d->out_h, d->out_w) - 1u] = 0;
    for (uint32_t y = 0; y < d->out_h; y++, from += row) {
        for (const uint8_t *end = from + (row & ~3u); from != end; from += 4, to += 2) {
            const uint32_t both = bw_bits_load32(from) & bw_bits_load32(from + row);
            bw_bits_store16(to, bw_bits_even(both & (both >> 1)));
        }
        if (row & 2u) {
            const uint32_t both = bw_bits_load16(from) & bw_bits_load16(from + row);
            *to++ = (uint8_t)bw_bits_even(both & (both >> 1));
            from += 2;
        }
    }
}

static void general(const bw_planar_maxpool *d, const uint32_t *planes, const bw_tap *taps,
                    uint32_t window, uint32_t segments, uint32_t *out)
{
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w;
    for (uint32_t first = 0; first < pixels; first += 32u) {
        uint32_t bits = UINT32_MAX;
        for (uint32_t k = 0; k < window; k++) {
            uint32_t word = 0, inside = 0;
            for (uint32_t s = 0; s < segments; s++, taps++) {
                word |= bw_planar_tap_word(planes, taps);
                inside |= taps->mask;
            }
            bits &= word | ~inside;
        }
        if (pixels - first < 32u) {
            bits &= UINT32_MAX >> (32u - (pixels - first));
        }
        *out++ = bits;
    }
}

void bw_planar_maxpool_bits(const bw_planar_maxpool *d, const uint32_t *in, uint32_t *out,
                            void *scratch)
{
    const bw_tap_geometry g = geometry(d);
    const uint32_t segments = bw_planar_segments(&g);
    const uint32_t window = (uint32_t)d->k_h * d->k_w;
    const bw_planar_split split = {.in_h = d->in_h,
                                   .in_w = d->in_w,
                                   .in_stride = d->in_stride,
                                   .in_origin = d->in_origin,
                                   .out_stride = phase_words(d),
                                   .planes = 1,
                                   .stride_h = d->stride_h,
                                   .stride_w = d->stride_w,
                                   .keep_h = d->stride_h,
                                   .keep_w = d->stride_w};
    uint32_t *phases = scratch;
    bw_tap *taps = 0;

    if (!is_plain(d)) {
        taps = (bw_tap *)(void *)(phases + phase_words(d) * d->stride_h * d->stride_w);
        for (uint32_t b = 0; b < BW_PLANE_WORDS(d->out_h, d->out_w); b++) {
            bw_planar_taps(&g, 32u * b, segments, taps + b * window * segments);
        }
    }
    for (uint32_t p = 0; p < d->planes; p++, in += d->in_stride, out += d->out_stride) {
        if (taps == 0 && d->in_w % 16u == 0 && plain_origin(d) % 8u == 0) {
            plain_bytes(d, in, out);
        } else if (taps == 0) {
            plain(d, in, out);
        } else {
            bw_planar_split_bits(&split, in, phases);
            general(d, phases, taps, window, segments, out);
        }
    }
}
