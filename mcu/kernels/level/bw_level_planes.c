/* A table convolution straight to planes: 32 pixels of a phase as words, then turned. */
#include "bw_level_conv.h"
#include "bw_level_square.h"

#define RUN        32u
#define MOST_WORDS BW_WORDS(BW_LEVEL_MOST_CHANNELS)

/* 32 pixels [32][words] become a word of each plane; they are lost. */
static void store(const bw_level_conv *d, uint32_t *bits, uint32_t words, uint32_t *out)
{
    const uint32_t apart = d->out_stride * d->phases_h * d->phases_w;
    if (words == 1u) {
        bw_level_square(bits, d->out_c, out, apart);
        return;
    }
    for (uint32_t first = 0; first < d->out_c; first += 32u, bits++, out += 32u * apart) {
        const uint32_t left = d->out_c - first;
        uint32_t one[RUN];
        for (uint32_t k = 0; k < RUN; k++) {
            one[k] = bits[k * words];
        }
        bw_level_square(one, left < 32u ? left : 32u, out, apart);
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
