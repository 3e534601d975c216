/* int8 transposed convolution in portable C: each output gathers the inputs that reach it. */
#include "bw_conv2d_i8.h"

static int32_t gathered(const bw_conv2d_i8 *d, const int8_t *in, int32_t y, int32_t x, uint32_t o)
{
    const uint32_t c = d->in_c;
    const int32_t zero = d->in_zero;
    int32_t acc = *bw_channel(d, o);
    for (int32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t ty = y + d->pad_top - ky;
        if (ty < 0 || ty % d->stride_h != 0 || ty / d->stride_h >= d->in_h) {
            continue;
        }
        for (int32_t kx = 0; kx < d->k_w; kx++) {
            const int32_t tx = x + d->pad_left - kx;
            if (tx < 0 || tx % d->stride_w != 0 || tx / d->stride_w >= d->in_w) {
                continue;
            }
            const uint32_t at =
                (uint32_t)(ty / d->stride_h) * d->in_w + (uint32_t)(tx / d->stride_w);
            const int8_t *s = in + at * c;
            const uint32_t tap = (o * d->k_h + (uint32_t)ky) * d->k_w + (uint32_t)kx;
            const int8_t *w = d->weights + tap * c;
            for (uint32_t k = 0; k < c; k++) {
                acc += (s[k] - zero) * w[k];
            }
        }
    }
    return acc;
}

void bw_transpose_conv_i8(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < d->out_h; y++) {
        for (int32_t x = 0; x < d->out_w; x++) {
            for (uint32_t o = 0; o < d->out_c; o++) {
                *out++ = bw_finish_i8(d, bw_channel(d, o), gathered(d, in, y, x, o));
            }
        }
    }
}
