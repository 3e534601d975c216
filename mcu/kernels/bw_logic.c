/* Element-wise functions of two maps of bits, packed layout. */
#include "bitwake/bw_kernels.h"

void bw_logic_bits(const bw_logic *d, const uint32_t *a, const uint32_t *b, uint32_t *out)
{
    for (uint32_t p = 0; p < d->pixels; p++) {
        for (uint32_t w = 0; w < d->words; w++) {
            const uint32_t x = *a++, y = *b++;
            *out++ = d->constant[w] ^ (d->first[w] & x) ^ (d->second[w] & y) ^ (d->both[w] & x & y);
        }
    }
}
