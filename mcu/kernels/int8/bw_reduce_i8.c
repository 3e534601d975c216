/* int8 reductions over any axes, in portable C. */
#include <stdbool.h>

#include "bitwake/bw_int8.h"
#include "bw_requant.h"

/* Loop bounds and steps: kept axes outside, reduced axes inside. */
typedef struct {
    uint32_t kept[4], reduced[4], step[4];
} plan;

static plan split(const bw_reduce_i8 *d)
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

/* Runs STEP on every reduced q of each output, between START and FINISH; acc is the state. */
#define REDUCE(d, in, out, START, STEP, FINISH)                                                    \
    do {                                                                                           \
        const plan p = split(d);                                                                   \
        for (uint32_t i = 0; i < p.kept[0]; i++) {                                                 \
            for (uint32_t j = 0; j < p.kept[1]; j++) {                                             \
                for (uint32_t k = 0; k < p.kept[2]; k++) {                                         \
                    for (uint32_t l = 0; l < p.kept[3]; l++) {                                     \
                        const int8_t *base =                                                       \
                            (in) + i * p.step[0] + j * p.step[1] + k * p.step[2] + l * p.step[3];  \
                        int32_t acc = (START);                                                     \
                        for (uint32_t r = 0; r < p.reduced[0]; r++) {                              \
                            for (uint32_t s = 0; s < p.reduced[1]; s++) {                          \
                                for (uint32_t t = 0; t < p.reduced[2]; t++) {                      \
                                    const int8_t *at =                                             \
                                        base + r * p.step[0] + s * p.step[1] + t * p.step[2];      \
                                    for (uint32_t u = 0; u < p.reduced[3]; u++) {                  \
                                        const int32_t q = *at++;                                   \
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

static int8_t averaged(const bw_reduce_i8 *d, int32_t acc)
{
    return bw_clamp_i8(bw_rescale(acc, d->multiplier, d->shift) + d->out_zero, -128, 127);
}

/* Everything but the last axis is reduced: global pooling, four channels at a time. */
static void pooled(const bw_reduce_i8 *d, const int8_t *in, int8_t *out)
{
    const uint32_t c = d->dims[3], n = (uint32_t)d->dims[0] * d->dims[1] * d->dims[2];
    const int32_t offset = (int32_t)n * d->in_zero;
    uint32_t o = 0;
    for (; o + 4u <= c; o += 4) {
        int32_t sums[4] = {0, 0, 0, 0};
        bw_sum4(in + o, c, n, sums);
        for (uint32_t k = 0; k < 4u; k++) {
            out[o + k] = averaged(d, sums[k] - offset);
        }
    }
    for (; o < c; o++) {
        int32_t sum = -offset;
        for (uint32_t i = 0; i < n; i++) {
            sum += in[i * c + o];
        }
        out[o] = averaged(d, sum);
    }
}

void bw_mean_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out)
{
    const bool alone = d->dims[0] == 1 || (d->reduce & 1u) != 0u;
    if (alone && (d->reduce & 0xEu) == 0x6u) {
        pooled(d, in, out);
        return;
    }
    REDUCE(d, in, out, 0, acc += q - d->in_zero, averaged(d, acc));
}

static int8_t summed(const bw_reduce_i8 *d, int32_t sum)
{
    const float product = (float)sum * d->scale; /* of its own, so that it is rounded */
    return bw_clamp_i8(bw_round_away(product + d->bias) + d->out_zero, -128, 127);
}

void bw_sum_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out)
{
    REDUCE(d, in, out, 0, acc += q, summed(d, acc));
}

void bw_reduce_max_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out)
{
    REDUCE(d, in, out, -128, acc = q > acc ? q : acc, (int8_t)acc);
}

void bw_reduce_min_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out)
{
    REDUCE(d, in, out, 127, acc = q < acc ? q : acc, (int8_t)acc);
}
