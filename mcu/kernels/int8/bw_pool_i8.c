/* int8 pooling in portable C. */
#include "bitwake/bw_int8.h"
#include "bw_requant.h"

/* The part of a window that lies inside the map. */
typedef struct {
    uint32_t y0, y1, x0, x1;
} window;

static uint32_t inside(int32_t at, uint32_t size)
{
    const int32_t low = at < 0 ? 0 : at;
    return (uint32_t)low < size ? (uint32_t)low : size;
}

static window clipped(const bw_pool_i8 *d, uint32_t y, uint32_t x)
{
    const int32_t top = (int32_t)(y * d->stride_h) - d->pad_top;
    const int32_t left = (int32_t)(x * d->stride_w) - d->pad_left;
    return (window){inside(top, d->in_h), inside(top + d->k_h, d->in_h), inside(left, d->in_w),
                    inside(left + d->k_w, d->in_w)};
}

void bw_average_pool_i8(const bw_pool_i8 *d, const int8_t *in, int8_t *out)
{
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++) {
            const window w = clipped(d, y, x);
            const int32_t n = (int32_t)((w.y1 - w.y0) * (w.x1 - w.x0));
            uint32_t c = 0;
            for (; c + 4u <= d->channels; c += 4, out += 4) {
                const int8_t *at = in + (w.y0 * d->in_w + w.x0) * d->channels + c;
                int32_t sums[4] = {0, 0, 0, 0};
                for (uint32_t iy = w.y0; iy < w.y1; iy++, at += d->in_w * d->channels) {
                    bw_sum4(at, d->channels, w.x1 - w.x0, sums);
                }
                for (uint32_t k = 0; k < 4u; k++) {
                    const int32_t half = sums[k] > 0 ? n / 2 : -(n / 2);
                    out[k] = bw_clamp_i8((sums[k] + half) / n, d->act_min, d->act_max);
                }
            }
            for (; c < d->channels; c++) {
                int32_t acc = 0;
                for (uint32_t iy = w.y0; iy < w.y1; iy++) {
                    for (uint32_t ix = w.x0; ix < w.x1; ix++) {
                        acc += in[(iy * d->in_w + ix) * d->channels + c];
                    }
                }
                acc = (acc > 0 ? acc + n / 2 : acc - n / 2) / n;
                *out++ = bw_clamp_i8(acc, d->act_min, d->act_max);
            }
        }
    }
}

void bw_max_pool_i8(const bw_pool_i8 *d, const int8_t *in, int8_t *out)
{
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++) {
            const window w = clipped(d, y, x);
            for (uint32_t c = 0; c < d->channels; c++) {
                int32_t best = -128;
                for (uint32_t iy = w.y0; iy < w.y1; iy++) {
                    for (uint32_t ix = w.x0; ix < w.x1; ix++) {
                        const int32_t q = in[(iy * d->in_w + ix) * d->channels + c];
                        best = q > best ? q : best;
                    }
                }
                *out++ = bw_clamp_i8(best, d->act_min, d->act_max);
            }
        }
    }
}
