/* Functions of one float32 map, and softmax. */
#include <float.h>

#include "bitwake/bw_real.h"

void bw_relu_f32(const bw_unary_f32 *d, const float *in, float *out)
{
    for (uint32_t i = 0; i < d->count; i++) {
        out[i] = in[i] < 0.0f ? 0.0f : in[i];
    }
}

void bw_clamp_f32(const bw_unary_f32 *d, const float *in, float *out)
{
    for (uint32_t i = 0; i < d->count; i++) {
        const float x = d->low < in[i] ? in[i] : d->low; /* -0.0 becomes 0.0 */
        out[i] = d->high < x ? d->high : x;
    }
}

void bw_leaky_f32(const bw_unary_f32 *d, const float *in, float *out)
{
    for (uint32_t i = 0; i < d->count; i++) {
        out[i] = in[i] > 0.0f ? in[i] : in[i] * d->slope;
    }
}

void bw_logistic_f32(const bw_unary_f32 *d, const float *in, float *out)
{
    for (uint32_t i = 0; i < d->count; i++) {
        const float x = in[i];
        if (x > 16.619047164916992188f) {
            out[i] = 1.0f;
        } else if (x < -9.0f) {
            out[i] = bw_expf(x);
        } else {
            out[i] = 1.0f / (1.0f + bw_expf(-x));
        }
    }
}

void bw_softmax_f32_run(const bw_softmax_f32 *d, const float *in, float *out)
{
    for (uint32_t r = 0; r < d->rows; r++, in += d->depth, out += d->depth) {
        float top = -FLT_MAX;
        for (uint32_t c = 0; c < d->depth; c++) {
            top = top < in[c] ? in[c] : top;
        }
        float sum = 0.0f;
        for (uint32_t c = 0; c < d->depth; c++) {
            out[c] = bw_expf((in[c] - top) * d->beta);
            sum += out[c];
        }
        for (uint32_t c = 0; c < d->depth; c++) {
            out[c] = out[c] / sum;
        }
    }
}
