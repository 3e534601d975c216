/* int8 depthwise convolution in portable C. */
#include "bw_conv2d_i8.h"

static int32_t window(const bw_conv2d_i8 *d, const int8_t *in, uint32_t y, uint32_t x, uint32_t o)
{
    const uint32_t c = o / ((uint32_t)d->out_c / d->in_c);
    const int8_t *w = d->weights + o;
    int32_t acc = *bw_channel(d, o);
    for (uint32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t iy = (int32_t)(y * d->stride_h + ky * d->dilation_h) - d->pad_top;
        for (uint32_t kx = 0; kx < d->k_w; kx++, w += d->out_c) {
            const int32_t ix = (int32_t)(x * d->stride_w + kx * d->dilation_w) - d->pad_left;
            const bool outside = iy < 0 || iy >= d->in_h || ix < 0 || ix >= d->in_w;
            const int32_t sample =
                outside ? d->in_zero : in[((uint32_t)iy * d->in_w + (uint32_t)ix) * d->in_c + c];
            acc += sample * *w;
        }
    }
    return acc;
}

void bw_depthwise_i8(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out)
{
    if (bw_depthwise_i8_fast(d, in, out)) {
        return;
    }
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++) {
            for (uint32_t o = 0; o < d->out_c; o++) {
                *out++ = bw_finish_i8(d, bw_channel(d, o), window(d, in, y, x, o));
            }
        }
    }
}
