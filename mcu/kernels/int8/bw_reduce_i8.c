/* int8 reductions over any axes, in portable C. */
#include <stdbool.h>

#include "../bw_walk.h"
#include "bitwake/bw_int8.h"
#include "bw_requant.h"

#define REDUCE(d, in, out, START, STEP, FINISH)                                                    \
    BW_REDUCE(int8_t, int32_t, d, in, out, START, STEP, FINISH)

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
    REDUCE(d, in, out, 0, acc += x - d->in_zero, averaged(d, acc));
}

static int8_t summed(const bw_reduce_i8 *d, int32_t sum)
{
    const float product = (float)sum * d->scale; /* of its own, so that it is rounded */
    return bw_clamp_i8(bw_round_away(product + d->bias) + d->out_zero, -128, 127);
}

void bw_sum_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out)
{
    REDUCE(d, in, out, 0, acc += x, summed(d, acc));
}

void bw_reduce_max_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out)
{
    REDUCE(d, in, out, -128, acc = x > acc ? x : acc, (int8_t)acc);
}

void bw_reduce_min_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out)
{
    REDUCE(d, in, out, 127, acc = x < acc ? x : acc, (int8_t)acc);
}
