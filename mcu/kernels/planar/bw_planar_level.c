/* A table convolution straight to planes: 32 pixels of a phase as words, then turned. */
#include "../bw_level_conv.h"
#include "bitwake/bw_planar.h"

#define RUN        32u
#define MOST_WORDS BW_WORDS(BW_LEVEL_MOST_CHANNELS)

/* Exchanges the bits `mask << s` of x with the bits `mask` of y. */
#define SWAP(x, y, s, mask)                                                                        \
    do {                                                                                           \
        const uint32_t t_ = (((x) >> (s)) ^ (y)) & (mask);                                         \
        (y) ^= t_;                                                                                 \
        (x) ^= t_ << (s);                                                                          \
    } while (0)

/* Swaps bit i of word j with bit j of word i of 32 words, `step` apart. Four words 8 apart first
 * trade halves and bytes; then eight neighbours trade smaller fields. Either fits registers. */
static inline void turn(uint32_t *m, uint32_t step)
{
    for (uint32_t *w = m; w != m + 8u * step; w += step) {
        uint32_t a = w[0], b = w[8u * step], c = w[16u * step], d = w[24u * step];
        SWAP(a, c, 16, 0x0000ffffu);
        SWAP(b, d, 16, 0x0000ffffu);
        SWAP(a, b, 8, 0x00ff00ffu);
        SWAP(c, d, 8, 0x00ff00ffu);
        w[0] = a;
        w[8u * step] = b;
        w[16u * step] = c;
        w[24u * step] = d;
    }
    for (uint32_t *w = m; w != m + 32u * step; w += 8u * step) {
        uint32_t a = w[0], b = w[step], c = w[2u * step], d = w[3u * step];
        uint32_t e = w[4u * step], f = w[5u * step], g = w[6u * step], h = w[7u * step];
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
        w[step] = b;
        w[2u * step] = c;
        w[3u * step] = d;
        w[4u * step] = e;
        w[5u * step] = f;
        w[6u * step] = g;
        w[7u * step] = h;
    }
}

/* 32 pixels [32][words] become a word of each plane. */
static void store(const bw_level_conv *d, uint32_t *bits, uint32_t words, uint32_t *out)
{
    const uint32_t apart = d->out_stride * d->phases_h * d->phases_w;
    for (uint32_t first = 0; first < d->out_c; first += 32u, bits++) {
        const uint32_t left = d->out_c - first, *from = bits;
        if (words == 1u) {
            turn(bits, 1);
        } else {
            turn(bits, words);
        }
        for (uint32_t many = left < 32u ? left : 32u; many > 0; many--) {
            *out = *from;
            from += words;
            out += apart;
        }
    }
}

/* Planes of one phase: every `phases_w`-th pixel of every `phases_h`-th row. Pixels that a smaller
 * phase lacks, and those behind the last, are 0. */
static void phase(const bw_level_conv *d, const uint8_t *in, uint32_t y0, uint32_t x0,
                  uint32_t *out)
{
    const uint32_t rows = (d->out_h + d->phases_h - 1u) / d->phases_h;
    const uint32_t columns = (d->out_w + d->phases_w - 1u) / d->phases_w;
    const uint32_t inside = x0 < d->out_w ? (d->out_w - x0 + d->phases_w - 1u) / d->phases_w : 0u;
    const uint32_t words = BW_WORDS((uint32_t)d->out_c);
    uint32_t bits[RUN * MOST_WORDS], *to = bits, *const end = bits + RUN * words;
    for (uint32_t y = y0; y < y0 + rows * d->phases_h; y += d->phases_h) {
        const uint32_t made = y < d->out_h ? inside : 0u;
        for (uint32_t column = 0; column < columns;) {
            const uint32_t room = (uint32_t)(end - to) / words;
            const uint32_t wanted = column < made ? made - column : columns - column;
            const uint32_t many = wanted < room ? wanted : room;
            if (column < made) {
                bw_level_conv_run(d, in, y, x0 + column * d->phases_w, d->phases_w, many, to);
                to += many * words;
            } else {
                for (uint32_t k = many * words; k > 0; k--) {
                    *to++ = 0;
                }
            }
            column += many;
            if (to == end) {
                store(d, bits, words, out++);
                to = bits;
            }
        }
    }
    if (to != bits) {
        while (to != end) {
            *to++ = 0;
        }
        store(d, bits, words, out);
    }
}

void bw_planar_level_conv_u8(const bw_level_conv *d, const uint8_t *in, uint32_t *out)
{
    for (uint32_t y = 0; y < d->phases_h; y++) {
        for (uint32_t x = 0; x < d->phases_w; x++, out += d->out_stride) {
            phase(d, in, y, x, out);
        }
    }
}
