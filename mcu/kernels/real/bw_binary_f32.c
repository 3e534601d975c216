/* Two float32 maps, element by element. */
#include "bitwake/bw_real.h"
#include "bw_clamp_f32.h"

/* Walks all elements; EXPR sees the operands as xa and xb. */
#define WALK(d, a, b, out, EXPR)                                                                   \
    do {                                                                                           \
        for (uint32_t i = 0; i < (d)->dims[0]; i++) {                                              \
            for (uint32_t j = 0; j < (d)->dims[1]; j++) {                                          \
                for (uint32_t k = 0; k < (d)->dims[2]; k++) {                                      \
                    const float *pa =                                                              \
                        (a) + i * (d)->step_a[0] + j * (d)->step_a[1] + k * (d)->step_a[2];        \
                    const float *pb =                                                              \
                        (b) + i * (d)->step_b[0] + j * (d)->step_b[1] + k * (d)->step_b[2];        \
                    for (uint32_t l = 0; l < (d)->dims[3]; l++) {                                  \
                        const float xa = *pa, xb = *pb;                                            \
                        pa += (d)->step_a[3];                                                      \
                        pb += (d)->step_b[3];                                                      \
                        *(out)++ = (EXPR);                                                         \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

void bw_add_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out)
{
    WALK(d, a, b, out, bw_within(xa + xb, d->low, d->high));
}

void bw_sub_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out)
{
    WALK(d, a, b, out, bw_within(xa - xb, d->low, d->high));
}

void bw_mul_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out)
{
    WALK(d, a, b, out, bw_within(xa * xb, d->low, d->high));
}

void bw_minimum_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out)
{
    WALK(d, a, b, out, xa < xb ? xa : xb);
}

void bw_maximum_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out)
{
    WALK(d, a, b, out, xa > xb ? xa : xb);
}

void bw_prelu_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out)
{
    WALK(d, a, b, out, xa >= 0.0f ? xa : xa * xb);
}
