/* Two float32 maps, element by element. */
#include "../bw_walk.h"
#include "bitwake/bw_real.h"
#include "bw_clamp_f32.h"

#define WALK(d, a, b, out, EXPR) BW_WALK(float, float, d, a, b, out, EXPR)

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
