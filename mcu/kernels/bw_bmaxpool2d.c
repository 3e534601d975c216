/* Max pooling of bits: AND, since a set bit is -1; taps outside the map are left out. */
#include "bitwake/bw_kernels.h"

void bw_bmaxpool2d_bits(const bw_bmaxpool2d *d, const uint32_t *in, uint32_t *out)
{
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++, out += d->words) {
            for (uint32_t w = 0; w < d->words; w++) {
                out[w] = UINT32_MAX;
            }
            for (uint32_t ky = 0; ky < d->k_h; ky++) {
                const int32_t iy = (int32_t)(y * d->stride_h + ky) - d->pad_top;
                if (iy < 0 || iy >= d->in_h) {
                    continue;
                }
                for (uint32_t kx = 0; kx < d->k_w; kx++) {
                    const int32_t ix = (int32_t)(x * d->stride_w + kx) - d->pad_left;
                    if (ix < 0 || ix >= d->in_w) {
                        continue;
                    }
                    const uint32_t *a = in + ((uint32_t)iy * d->in_w + (uint32_t)ix) * d->words;
                    for (uint32_t w = 0; w < d->words; w++) {
                        out[w] &= a[w];
                    }
                }
            }
        }
    }
}
