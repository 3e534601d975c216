/* float32 reductions over any axes. */
#include <float.h>

#include "../bw_walk.h"
#include "bitwake/bw_real.h"

#define REDUCE(d, in, out, START, STEP, FINISH)                                                    \
    BW_REDUCE(float, float, d, in, out, START, STEP, FINISH)

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
