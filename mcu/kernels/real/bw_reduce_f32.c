/* float32 reductions over any axes. */
#include <float.h>

#include "bitwake/bw_real.h"

/* Loop bounds and steps: kept axes outside, reduced axes inside. */
typedef struct {
    uint32_t kept[4], reduced[4], step[4];
} plan;

static plan split(const bw_reduce_f32 *d)
{
    plan p;
    uint32_t step = 1;
    for (uint32_t k = 4; k-- > 0;) {
        const int gone = (d->reduce >> k & 1) != 0;
        p.kept[k] = gone ? 1u : d->dims[k];
        p.reduced[k] = gone ? d->dims[k] : 1u;
        p.step[k] = step;
        step *= d->dims[k];
    }
    return p;
}

/* Runs STEP on every reduced x of each output, from START to FINISH; acc is the state. */
#define REDUCE(d, in, out, START, STEP, FINISH)                                                    \
    do {                                                                                           \
        const plan p = split(d);                                                                   \
        for (uint32_t i = 0; i < p.kept[0]; i++) {                                                 \
            for (uint32_t j = 0; j < p.kept[1]; j++) {                                             \
                for (uint32_t k = 0; k < p.kept[2]; k++) {                                         \
                    for (uint32_t l = 0; l < p.kept[3]; l++) {                                     \
                        const float *base =                                                        \
                            (in) + i * p.step[0] + j * p.step[1] + k * p.step[2] + l * p.step[3];  \
                        float acc = (START);                                                       \
                        for (uint32_t r = 0; r < p.reduced[0]; r++) {                              \
                            for (uint32_t s = 0; s < p.reduced[1]; s++) {                          \
                                for (uint32_t t = 0; t < p.reduced[2]; t++) {                      \
                                    const float *at =                                              \
                                        base + r * p.step[0] + s * p.step[1] + t * p.step[2];      \
                                    for (uint32_t u = 0; u < p.reduced[3]; u++) {                  \
                                        const float x = *at++;                                     \
                                        STEP;                                                      \
                                    }                                                              \
                                }                                                                  \
                            }                                                                      \
                        }                                                                          \
                        *(out)++ = (FINISH);                                                       \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

void bw_mean_f32(const bw_reduce_f32 *d, const float *in, float *out)
{
    REDUCE(d, in, out, 0.0f, acc += x, acc / d->count);
}

void bw_sum_f32(const bw_reduce_f32 *d, const float *in, float *out)
{
    REDUCE(d, in, out, 0.0f, acc += x, acc);
}

void bw_reduce_max_f32(const bw_reduce_f32 *d, const float *in, float *out)
{
    REDUCE(d, in, out, -FLT_MAX, acc = x > acc ? x : acc, acc);
}

void bw_reduce_min_f32(const bw_reduce_f32 *d, const float *in, float *out)
{
    REDUCE(d, in, out, FLT_MAX, acc = x < acc ? x : acc, acc);
}
