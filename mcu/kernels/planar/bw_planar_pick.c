/* Planes in another order. */
#include "bitwake/bw_planar.h"

void bw_planar_pick_bits(const bw_planar_pick *d, const uint32_t *in, uint32_t *out)
{
    for (uint32_t p = 0; p < d->planes; p++, out += d->out_stride) {
        const uint32_t *from = in + d->source[p] * d->in_stride;
        for (uint32_t i = 0; i < d->words; i++) {
            out[i] = from[i];
        }
    }
}
