/* Bytes -> packed bits by table. */
#include "bitwake/bw_kernels.h"

/* One word a pixel, as most encoders make. */
static void narrow(const bw_encode *d, const uint8_t *in, uint32_t *out)
{
    for (uint32_t p = d->pixels; p > 0; p--) {
        const uint32_t *table = d->table;
        uint32_t word = 0;
        for (uint32_t c = d->in_c; c > 0; c--, table += 256) {
            word |= table[*in++];
        }
        *out++ = word;
    }
}

void bw_encode_u8(const bw_encode *d, const uint8_t *in, uint32_t *out)
{
    if (d->out_words == 1) {
        narrow(d, in, out);
        return;
    }
    for (uint32_t p = 0; p < d->pixels; p++, out += d->out_words) {
        const uint32_t *table = d->table;
        for (uint32_t w = 0; w < d->out_words; w++) {
            out[w] = 0;
        }
        for (uint32_t c = 0; c < d->in_c; c++, table += 256u * d->span) {
            const uint32_t *row = table + (uint32_t)*in++ * d->span;
            for (uint32_t w = 0; w < d->span; w++) {
                out[d->first_word[c] + w] |= row[w];
            }
        }
    }
}
