/* Movement of bytes: one strided copy for every operator that only rearranges. */
#include <string.h>

#include "bitwake/bw_int8.h"

static inline int32_t source(const bw_move *d, uint32_t k, uint32_t i)
{
    return (int32_t)(d->index[k] != NULL ? d->index[k][i] : i) * d->from[k];
}

static inline void copy(uint8_t *to, const uint8_t *from, uint32_t run)
{
    if (run == 1u) {
        *to = *from;
    } else if (run == 4u) {
        memcpy(to, from, 4);
    } else {
        memcpy(to, from, run);
    }
}

void bw_move_run(const bw_move *d, const void *in, void *out)
{
    const uint8_t *from = (const uint8_t *)in + d->from_start;
    uint8_t *to = (uint8_t *)out + d->to_start;
    for (uint32_t a = 0; a < d->count[0]; a++) {
        const int32_t fa = source(d, 0, a), ta = (int32_t)a * d->to[0];
        for (uint32_t b = 0; b < d->count[1]; b++) {
            const int32_t fb = fa + source(d, 1, b), tb = ta + (int32_t)b * d->to[1];
            for (uint32_t c = 0; c < d->count[2]; c++) {
                const int32_t fc = fb + source(d, 2, c), tc = tb + (int32_t)c * d->to[2];
                for (uint32_t e = 0; e < d->count[3]; e++) {
                    const int32_t fe = fc + source(d, 3, e), te = tc + (int32_t)e * d->to[3];
                    for (uint32_t f = 0; f < d->count[4]; f++) {
                        copy(to + te + (int32_t)f * d->to[4], from + fe + source(d, 4, f), d->run);
                    }
                }
            }
        }
    }
}

void bw_fill_run(const bw_fill *d, void *out)
{
    if (d->unit == 1) {
        memset(out, (int)d->value, d->count);
        return;
    }
    uint32_t *word = out;
    for (uint32_t i = 0; i < d->count; i++) {
        word[i] = d->value;
    }
}
