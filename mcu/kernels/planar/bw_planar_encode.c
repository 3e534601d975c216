/* Bytes to planes: look-ups that leave eight 8 x 8 bit matrices side by side, turned at once. */
#include "bitwake/bw_planar.h"

#include <stdbool.h>

/* Exchanges the bits `mask << s` of x with the bits `mask` of y. */
#define SWAP(x, y, s, mask)                                                                        \
    do {                                                                                           \
        const uint32_t t_ = (((x) >> (s)) ^ (y)) & (mask);                                         \
        (y) ^= t_;                                                                                 \
        (x) ^= t_ << (s);                                                                          \
    } while (0)

/* Part of the planes of 32 samples, `step` bytes apart. Word j first holds the bits of pixels j,
 * j + 8, j + 16 and j + 24, a byte each; turning the matrix of word number and bit of byte leaves
 * bit m of every pixel in word m. */
static inline void turn(const uint8_t *table, const uint8_t *in, uint32_t step, uint32_t *w)
{
#define LOOK(j)                                                                                    \
    (uint32_t) table[in[(j)*step]] | (uint32_t)table[in[((j) + 8u) * step]] << 8 |                 \
        (uint32_t)table[in[((j) + 16u) * step]] << 16 |                                            \
        (uint32_t)table[in[((j) + 24u) * step]] << 24
    uint32_t a = LOOK(0u), b = LOOK(1u), c = LOOK(2u), d = LOOK(3u);
    uint32_t e = LOOK(4u), f = LOOK(5u), g = LOOK(6u), h = LOOK(7u);
    SWAP(a, e, 4, 0x0f0f0f0fu);
    SWAP(b, f, 4, 0x0f0f0f0fu);
    SWAP(c, g, 4, 0x0f0f0f0fu);
    SWAP(d, h, 4, 0x0f0f0f0fu);
    SWAP(a, c, 2, 0x33333333u);
    SWAP(b, d, 2, 0x33333333u);
    SWAP(e, g, 2, 0x33333333u);
    SWAP(f, h, 2, 0x33333333u);
    SWAP(a, b, 1, 0x55555555u);
    SWAP(c, d, 1, 0x55555555u);
    SWAP(e, f, 1, 0x55555555u);
    SWAP(g, h, 1, 0x55555555u);
    w[0] = a;
    w[1] = b;
    w[2] = c;
    w[3] = d;
    w[4] = e;
    w[5] = f;
    w[6] = g;
    w[7] = h;
}

/* Samples of 32 pixels of a phase from pixel p on, to `line`; the mask of those that exist. */
static uint32_t gather(const bw_planar_encode *d, const uint8_t *in, uint32_t py, uint32_t px,
                       uint32_t p, uint8_t *line)
{
    const uint32_t width = (d->w + d->stride_w - 1u) / d->stride_w;
    uint32_t y = p / width * d->stride_h + py, x = p % width * d->stride_w + px, mask = 0;
    for (uint32_t i = 0; i < 32u; i++) {
        line[i] = 0;
        if (y < d->h && x < d->w) {
            line[i] = in[(y * d->w + x) * d->in_c];
            mask |= 1u << i;
        }
        x += d->stride_w;
        if (x >= width * d->stride_w) {
            x = px;
            y += d->stride_h;
        }
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
            if (step == 1) {
                turn(table, from, 1, w);
            } else if (step == 2) {
                turn(table, from, 2, w);
            } else {
                turn(table, from, step, w);
            }
        } else {
            uint8_t line[32];
            mask = gather(d, in, py, px, p, line);
            turn(table, line, 1, w);
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
