#include "bitwake/bw_kernels.h"
__attribute__((weak)) void bw_encode_u8(const bw_encode *d, const uint8_t *in, uint32_t *out)
{
    for (uint32_t p = 0; p < d->pixels; p++) out[p] = d->table[in[p]];
}
static int32_t acc(const bw_bconv2d *d, const uint32_t *in, uint32_t y, uint32_t x, uint32_t o)
{
    int32_t n = 0;
    for (uint32_t i = 0; i < d->k_h; i++)
        for (uint32_t j = 0; j < d->k_w; j++)
            n += __builtin_popcount(in[(y + i) * d->in_w + x + j] ^ d->weights[(o * d->k_h + i) * d->k_w + j]);
    return n;
}
__attribute__((weak)) void bw_bconv2d_bits(const bw_bconv2d *d, const uint32_t *in, uint32_t *out)
{
    for (uint32_t y = 0; y < d->out_h; y++)
        for (uint32_t x = 0; x < d->out_w; x++)
            out[y * d->out_w + x] = acc(d, in, y, x, 0) > d->thresholds[0];
}
__attribute__((weak)) void bw_bconv2d_f32(const bw_bconv2d *d, const uint32_t *in, float *out)
{
    for (uint32_t o = 0; o < d->out_c; o++)
        out[o] = (float)(2 * acc(d, in, 0, 0, o)) * d->multiplier[o] + d->bias[o];
}
