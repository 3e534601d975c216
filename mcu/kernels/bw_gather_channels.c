/* Bit movement along channels. */
#include "bitwake/bw_kernels.h"

void bw_gather_channels_bits(const bw_gather_channels *d, const uint32_t *in, uint32_t *out)
{
    for (uint32_t p = 0; p < d->pixels; p++, in += d->in_words) {
        uint32_t word = 0;
        for (uint32_t c = 0; c < d->out_c; c++) {
            const uint32_t s = d->source[c];
            word |= (in[s >> 5] >> (s & 31u) & 1u) << (c & 31u);
            if ((c & 31u) == 31u || c + 1u == d->out_c) {
                *out++ = word;
                word = 0;
            }
        }
    }
}
