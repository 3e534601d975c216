/* A float32 dense layer. */
#include <stddef.h>

#include "bitwake/bw_real.h"
#include "bw_clamp_f32.h"

void bw_dense_f32_run(const bw_dense_f32 *d, const float *in, float *out)
{
    for (uint32_t r = 0; r < d->rows; r++, in += d->in_c) {
        const float *w = d->weights;
        for (uint32_t o = 0; o < d->out_c; o++) {
            float sum = 0.0f;
            for (uint32_t k = 0; k < d->in_c; k++) {
                const float product = in[k] * *w++; /* rounded before it is added */
                sum += product;
            }
            *out++ = bw_within(sum + (d->bias != NULL ? d->bias[o] : 0.0f), d->low, d->high);
        }
    }
}
