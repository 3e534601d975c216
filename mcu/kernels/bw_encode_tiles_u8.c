/* Bytes -> packed bits by tables that depend on the place in a tile. */
#include "bitwake/bw_kernels.h"

void bw_encode_tiles_u8(const bw_encode_tiles *d, const uint8_t *in, uint32_t *out)
{
    const uint32_t words = d->out_words, row = (uint32_t)d->tile_w * d->samples;
    for (uint32_t y = 0, ty = 0; y < d->out_h; y++) {
        const uint8_t *tile = in;
        for (uint32_t x = 0; x < d->out_w; x += d->tile_w, tile += d->right) {
            uint32_t k = ty * row; /* which sample of which place */
            for (uint32_t tx = 0; tx < d->tile_w; tx++, out += words) {
                for (uint32_t w = 0; w < words; w++) {
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
        if (++ty == d->tile_h) {
            ty = 0;
            in += d->down;
        }
    }
}
