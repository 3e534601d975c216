/* Planes into phase planes: rows by number, columns by parting bits. */
#include "bitwake/bw_planar.h"

#include "bw_planar_bits.h"

/* n bits of one row, from column x on, to the phases of that row. `to` is phase x = 0. */
static void columns(const bw_planar_split *d, uint32_t bits, uint32_t x, uint32_t n, uint32_t *to,
                    uint32_t at)
{
    if (d->stride_w == 1) {
        bw_bits_put(to, at + x, n, bits);
    } else if (d->stride_w == 2) {
        const uint32_t parted = bw_bits_part(bits);
        bw_bits_put(to, at + x / 2u, (n + 1u) / 2u, parted & 0xffffu);
        if (d->keep_w > 1 && n > 1) {
            bw_bits_put(to + d->out_stride, at + x / 2u, n / 2u, parted >> 16);
        }
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

void bw_planar_split_bits(const bw_planar_split *d, const uint32_t *in, uint32_t *out)
{
    const uint32_t rows = ((uint32_t)d->in_h + d->stride_h - 1u) / d->stride_h;
    const uint32_t width = ((uint32_t)d->in_w + d->stride_w - 1u) / d->stride_w;
    const uint32_t words = BW_PLANE_WORDS(rows, width);
    const uint32_t kept = (uint32_t)d->keep_h * d->keep_w;

    for (uint32_t p = 0; p < d->planes; p++, in += d->in_stride, out += kept * d->out_stride) {
        for (uint32_t k = 0; k < kept; k++) {
            for (uint32_t i = 0; i < words; i++) {
                out[k * d->out_stride + i] = 0;
            }
        }
        for (uint32_t y = 0; y < d->in_h; y++) {
            const uint32_t phase = y % d->stride_h;
            if (phase >= d->keep_h) {
                continue;
            }
            uint32_t *to = out + phase * d->keep_w * d->out_stride;
            for (uint32_t x = 0; x < d->in_w; x += 32u) {
                const uint32_t left = d->in_w - x, n = left < 32u ? left : 32u;
                const uint32_t bits = bw_bits_get(in, y * d->in_w + x, n);
                columns(d, bits, x, n, to, y / d->stride_h * width);
            }
        }
    }
}
