/* Bytes to planes, 32 pixels of a phase at a time. */
#include "bitwake/bw_planar.h"

#include <stdbool.h>

#include "bw_planar_turn.h"

/* Samples of 32 pixels of a phase to `line`, from its pixel (row, column) on; the mask of those
 * that exist. */
static uint32_t gather(const bw_planar_encode *d, const uint8_t *in, uint32_t py, uint32_t px,
                       uint32_t row, uint32_t column, uint8_t *line)
{
    const uint32_t width = (d->w + d->stride_w - 1u) / d->stride_w;
    const uint32_t real = (d->w + d->stride_w - 1u - px) / d->stride_w;
    const uint32_t step = (uint32_t)d->in_c * d->stride_w;
    uint32_t mask = 0;

    for (uint32_t lane = 0; lane < 32u; row++, column = 0) {
        const uint32_t y = row * d->stride_h + py;
        const uint32_t n = width - column < 32u - lane ? width - column : 32u - lane;
        uint32_t exist = 0;
        if (y < d->h && column < real) {
            const uint8_t *from = in + (y * d->w + column * d->stride_w + px) * d->in_c;
            exist = real - column < n ? real - column : n;
            for (uint8_t *to = line + lane, *end = to + exist; to != end; from += step) {
                *to++ = *from;
            }
            mask |= (UINT32_MAX >> (32u - exist)) << lane;
        }
        for (uint32_t i = exist; i < n; i++) {
            line[lane + i] = 0;
        }
        lane += n;
    }
    return mask;
}

/* The planes of one part of one sample in one phase: `out` is the first of them. */
static void phase(const bw_planar_encode *d, const uint8_t *table, const uint8_t *in, uint32_t py,
                  uint32_t px, uint32_t planes, uint32_t *out)
{
    const uint32_t width = (d->w + d->stride_w - 1u) / d->stride_w;
    const uint32_t rows = (d->h + d->stride_h - 1u) / d->stride_h;
    const uint32_t apart = d->out_stride * d->stride_h * d->stride_w;
    const uint32_t step = (uint32_t)d->in_c * d->stride_w;
    const bool contiguous = d->stride_h == 1 && d->stride_w == 1;
    uint32_t row = 0, column = 0; /* of the block's first pixel in the phase */

    for (uint32_t p = 0; p < rows * width; p += 32u, out++) {
        const uint32_t y = row * d->stride_h + py, x = column * d->stride_w + px;
        uint32_t w[8], mask = UINT32_MAX;
        if (contiguous ? p + 32u <= rows * width
                       : column + 32u <= width && y < d->h && x + 31u * d->stride_w < d->w) {
            const uint8_t *from = in + (y * d->w + x) * d->in_c;
            bw_planar_turn(table, from, step, w);
        } else {
            uint8_t line[32];
            mask = gather(d, in, py, px, row, column, line);
            bw_planar_turn(table, line, 1, w);
        }
        uint32_t *to = out;
        for (uint32_t m = 0; m < planes; m++, to += apart) {
            *to = w[m] & mask;
        }
        for (column += 32u; column >= width; column -= width) {
            row++;
        }
    }
}

void bw_planar_encode_u8(const bw_planar_encode *d, const uint8_t *in, uint32_t *out)
{
    const uint32_t phases = (uint32_t)d->stride_h * d->stride_w;
    const uint8_t *table = d->table;
    for (uint32_t c = 0; c < d->in_c; c++, in++) {
        for (uint32_t first = 0; first < d->planes; first += 8u, table += 256) {
            const uint32_t left = d->planes - first, planes = left < 8u ? left : 8u;
            for (uint32_t k = 0; k < phases; k++) {
                phase(d, table, in, k / d->stride_w, k % d->stride_w, planes,
                      out + ((c * d->planes + first) * phases + k) * d->out_stride);
            }
        }
    }
}
