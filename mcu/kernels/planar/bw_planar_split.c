/* Planes into phase planes: rows by number, columns by parting bits. */
#include "bitwake/bw_planar.h"

#include <stdbool.h>

#include "bw_planar_bits.h"
#include "bw_planar_split_mve.h"

/* n bits of one row, from column x on, to the phases of that row. `to` is phase x = 0. */
static void columns(const bw_planar_split *d, uint32_t bits, uint32_t x, uint32_t n, uint32_t *to,
                    uint32_t at)
{
    if (d->stride_w == 1) {
        bw_bits_put(to, at + x, n, bits);
    } else {
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t phase = (x + i) % d->stride_w;
            if (phase < d->keep_w) {
                const uint32_t place = at + (x + i) / d->stride_w;
                bw_bits_put(to + phase * d->out_stride, place, 1, (bits >> i) & 1u);
            }
        }
    }
}

/* Rows py, py + stride_h, ... of one plane to the phases of these rows, two columns apart: a phase
 * is written word after word, both with the same filling. */
static void by_two(const bw_planar_split *d, const uint32_t *in, uint32_t py, uint32_t *to)
{
    uint32_t *other = d->keep_w > 1 ? to + d->out_stride : 0;
    uint32_t even = 0, odd = 0, filled = 0;
    for (uint32_t y = py; y < d->in_h; y += d->stride_h) {
        uint32_t at = d->in_origin + y * d->in_w;
        for (uint32_t left = d->in_w; left != 0;) {
            const uint32_t n = left < 32u ? left : 32u, pixels = (n + 1u) / 2u;
            const uint32_t parted = bw_bits_part(bw_bits_get(in, at, n));
            even |= (parted & 0xffffu) << filled;
            odd |= (parted >> 16) << filled;
            filled += pixels;
            if (filled >= 32u) {
                filled -= 32u;
                *to++ = even;
                even = (parted & 0xffffu) >> (pixels - filled);
                if (other) {
                    *other++ = odd;
                }
                odd = (parted >> 16) >> (pixels - filled);
            }
            at += n;
            left -= n;
        }
    }
    if (filled != 0) {
        *to = even;
        if (other) {
            *other = odd;
        }
    }
}

/* The same for rows of whole pairs of bytes: every row of a phase begins with a byte. */
static void by_two_bytes(const bw_planar_split *d, const uint32_t *in, uint32_t py, uint32_t *to)
{
    const uint32_t row = d->in_w / 8u;
    const uint8_t *from = (const uint8_t *)in + d->in_origin / 8u + py * row;
    uint8_t *even = (uint8_t *)to;
    uint8_t *odd = d->keep_w > 1 ? (uint8_t *)(to + d->out_stride) : even;
    for (uint32_t y = py; y < d->in_h; y += d->stride_h) {
        /* Where both are one, the even half is written last. */
        for (const uint8_t *end = from + (row & ~3u); from != end; from += 4, even += 2, odd += 2) {
            const uint32_t parted = bw_bits_part(bw_bits_load32(from));
            bw_bits_store16(odd, parted >> 16);
            bw_bits_store16(even, parted);
        }
        if (row & 2u) {
            const uint32_t parted = bw_bits_part(bw_bits_load16(from));
            *odd++ = (uint8_t)(parted >> 16);
            *even++ = (uint8_t)parted;
            from += 2;
        }
        from += (d->stride_h - 1u) * row;
    }
}

/* The W <= 32 bits of a row of 1 or 3 bytes. */
static uint32_t short_row(const uint8_t *from, uint32_t bytes)
{
    return bytes == 1u ? *from : bw_bits_load16(from) | (uint32_t)from[2] << 16;
}

/* The same for rows of 8 or 24 bits: two rows of a phase together fill bytes. */
static void by_two_short(const bw_planar_split *d, const uint32_t *in, uint32_t py, uint32_t *to)
{
    const uint32_t row = d->in_w / 8u, next = d->stride_h * row, half = d->in_w / 2u;
    const uint8_t *from = (const uint8_t *)in + d->in_origin / 8u + py * row;
    uint8_t *even = (uint8_t *)to;
    uint8_t *odd = d->keep_w > 1 ? (uint8_t *)(to + d->out_stride) : even;
    for (uint32_t y = py; y < d->in_h; y += 2u * d->stride_h, from += 2u * next) {
        const uint32_t first = bw_bits_part(short_row(from, row));
        const bool two = y + d->stride_h < d->in_h;
        const uint32_t second = two ? bw_bits_part(short_row(from + next, row)) : 0;
        const uint32_t odds = first >> 16 | second >> 16 << half;
        const uint32_t evens = (first & 0xffffu) | (second & 0xffffu) << half;
        /* Where both are one, the even half is written last. */
        *odd = (uint8_t)odds;
        *even = (uint8_t)evens;
        if (row == 3u) {
            odd[1] = (uint8_t)(odds >> 8);
            even[1] = (uint8_t)(evens >> 8);
            if (two) {
                odd[2] = (uint8_t)(odds >> 16);
                even[2] = (uint8_t)(evens >> 16);
            }
        }
        odd += row;
        even += row;
    }
}

/* The same for any other distance of columns. */
static void by_any(const bw_planar_split *d, const uint32_t *in, uint32_t py, uint32_t *to)
{
    const uint32_t width = ((uint32_t)d->in_w + d->stride_w - 1u) / d->stride_w;
    uint32_t at = 0;
    for (uint32_t y = py; y < d->in_h; y += d->stride_h, at += width) {
        for (uint32_t x = 0; x < d->in_w; x += 32u) {
            const uint32_t left = d->in_w - x, n = left < 32u ? left : 32u;
            columns(d, bw_bits_get(in, d->in_origin + y * d->in_w + x, n), x, n, to, at);
        }
    }
}

typedef void (*split_rows)(const bw_planar_split *d, const uint32_t *in, uint32_t py, uint32_t *to);

/* The fastest way to part rows; *whole when it writes every byte of a row without reading it. */
static split_rows way(const bw_planar_split *d, bool *whole)
{
    *whole = d->stride_w == 2 && d->in_origin % 8u == 0;
    if (*whole && d->in_w % 16u == 0) {
        return by_two_bytes;
    }
    if (*whole && (d->in_w == 8u || d->in_w == 24u)) {
        return by_two_short;
    }
    *whole = false;
    return d->stride_w == 2 ? by_two : by_any;
}

void bw_planar_split_bits(const bw_planar_split *d, const uint32_t *in, uint32_t *out)
{
    const uint32_t rows = ((uint32_t)d->in_h + d->stride_h - 1u) / d->stride_h;
    const uint32_t width = ((uint32_t)d->in_w + d->stride_w - 1u) / d->stride_w;
    const uint32_t words = BW_PLANE_WORDS(rows, width);
    bool whole;
    const split_rows part = way(d, &whole);

    uint32_t p = 0;
#ifdef BW_PLANAR_SPLIT_MVE
    p = bw_planar_split_by_four(d, in, out);
    in += p * d->in_stride;
    out += p * d->keep_h * d->keep_w * d->out_stride;
#endif
    const uint32_t apart = d->keep_h * d->keep_w * d->out_stride;
    for (uint32_t py = 0; py < d->keep_h; py++, out += d->keep_w * d->out_stride) {
        /* Rows that this phase lacks, and pixels after the last one, are 0. */
        const uint32_t real = d->in_h > py ? (d->in_h - py + d->stride_h - 1u) / d->stride_h : 0;
        const uint32_t clear = whole ? real * width / 32u : 0;
        const uint32_t *from = in;
        uint32_t *to = out;
        for (uint32_t n = p; n < d->planes; n++, from += d->in_stride, to += apart) {
            for (uint32_t k = 0; k < d->keep_w; k++) {
                for (uint32_t i = clear; i < words; i++) {
                    to[k * d->out_stride + i] = 0;
                }
            }
            part(d, from, py, to);
        }
    }
}
