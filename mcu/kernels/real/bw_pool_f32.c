/* Pooling of float32 maps. */
#include <float.h>

#include "bitwake/bw_real.h"
#include "bw_clamp_f32.h"

/* The part of a window that lies inside the map. */
typedef struct {
    uint32_t y0, y1, x0, x1;
} window;

static uint32_t inside(int32_t at, uint32_t size)
{
    const int32_t low = at < 0 ? 0 : at;
    return (uint32_t)low < size ? (uint32_t)low : size;
}

static window clipped(const bw_pool_f32 *d, uint32_t y, uint32_t x)
{
    const int32_t top = (int32_t)(y * d->stride_h) - d->pad_top;
    const int32_t left = (int32_t)(x * d->stride_w) - d->pad_left;
    return (window){inside(top, d->in_h), inside(top + d->k_h, d->in_h), inside(left, d->in_w),
                    inside(left + d->k_w, d->in_w)};
}

void bw_average_pool_f32(const bw_pool_f32 *d, const float *in, float *out)
{
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++) {
            const window w = clipped(d, y, x);
            const float n = (float)((w.y1 - w.y0) * (w.x1 - w.x0));
            for (uint32_t c = 0; c < d->channels; c++) {
                float sum = 0.0f;
                for (uint32_t iy = w.y0; iy < w.y1; iy++) {
                    for (uint32_t ix = w.x0; ix < w.x1; ix++) {
                        sum += in[(iy * d->in_w + ix) * d->channels + c];
                    }
                }
                *out++ = bw_within(sum / n, d->low, d->high);
            }
        }
    }
}

void bw_max_pool_f32(const bw_pool_f32 *d, const float *in, float *out)
{
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++) {
            const window w = clipped(d, y, x);
            for (uint32_t c = 0; c < d->channels; c++) {
                float best = -FLT_MAX;
                for (uint32_t iy = w.y0; iy < w.y1; iy++) {
                    for (uint32_t ix = w.x0; ix < w.x1; ix++) {
                        const float v = in[(iy * d->in_w + ix) * d->channels + c];
                        best = best < v ? v : best;
                    }
                }
                *out++ = bw_within(best, d->low, d->high);
            }
        }
    }
}
