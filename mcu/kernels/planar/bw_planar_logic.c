/* Element-wise functions of two planar maps. */
#include "bitwake/bw_planar.h"

/* All ones where bit n of a channel's terms is set. */
static uint32_t mask(uint32_t terms, uint32_t n)
{
    return 0u - (terms >> n & 1u);
}

void bw_planar_logic_bits(const bw_planar_logic *d, const uint32_t *a, const uint32_t *b,
                          uint32_t *out)
{
    const uint32_t words = BW_PLANE_WORDS(d->pixels, 1u), rest = d->pixels % 32u;
    for (uint32_t n = 0; n < d->planes; n++, out += d->out_stride) {
        const uint32_t *x = a + (d->source_a != 0 ? d->source_a[n] : n) * d->a_stride;
        const uint32_t *y = b + (d->source_b != 0 ? d->source_b[n] : n) * d->b_stride;
        const uint32_t terms = d->terms[n];
        const uint32_t constant = mask(terms, 0), first = mask(terms, 1), second = mask(terms, 2),
                       both = mask(terms, 3);
        for (uint32_t i = 0; i < words; i++) {
            out[i] = constant ^ (first & x[i]) ^ (second & y[i]) ^ (both & x[i] & y[i]);
        }
        if (rest != 0u) {
            out[words - 1u] &= UINT32_MAX >> (32u - rest);
        }
    }
}
