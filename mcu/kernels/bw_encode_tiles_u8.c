/* Bytes -> packed bits by tables that depend on the place in a tile. */
#include "bitwake/bw_kernels.h"

/* A row of output pixels of one word: `k` is the first sample of the row of places. */
static uint32_t *narrow(const bw_encode_tiles *d, const uint8_t *tile, uint32_t k, uint32_t *out)
{
    const uint32_t samples = (uint32_t)d->tile_w * d->samples;
    const uint32_t *const table = d->table + k * 256u, *const offset = d->offset + k;
    for (uint32_t x = 0; x < d->out_w; x += d->tile_w, tile += d->right) {
        const uint32_t *from = table;
        for (uint32_t n = 0; n < samples; out++) {
            uint32_t word = 0;
            for (uint32_t i = d->samples; i > 0; i--, from += 256) {
                word |= from[tile[offset[n++]]];
            }
            *out = word;
        }
    }
    return out;
}

/* The same for any number of words. */
static uint32_t *wide(const bw_encode_tiles *d, const uint8_t *tile, uint32_t first, uint32_t *out)
{
    for (uint32_t x = 0; x < d->out_w; x += d->tile_w, tile += d->right) {
        uint32_t k = first;
        for (uint32_t tx = 0; tx < d->tile_w; tx++, out += d->out_words) {
            for (uint32_t w = 0; w < d->out_words; w++) {
                out[w] = 0;
            }
            for (uint32_t i = 0; i < d->samples; i++, k++) {
                const uint32_t byte = tile[d->offset[k]];
                const uint32_t *from = d->table + (k * 256u + byte) * d->span;
                for (uint32_t w = 0; w < d->span; w++) {
                    out[d->first_word[k] + w] |= from[w];
                }
            }
        }
    }
    return out;
}

void bw_encode_tiles_u8(const bw_encode_tiles *d, const uint8_t *in, uint32_t *out)
{
    const uint32_t row = (uint32_t)d->tile_w * d->samples;
    for (uint32_t y = 0, ty = 0; y < d->out_h; y++) {
        out = d->out_words == 1 ? narrow(d, in, ty * row, out) : wide(d, in, ty * row, out);
        if (++ty == d->tile_h) {
            ty = 0;
            in += d->down;
        }
    }
}
