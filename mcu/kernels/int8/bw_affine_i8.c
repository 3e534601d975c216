/* Between float32 and int8. */
#include "bitwake/bw_int8.h"
#include "bw_requant.h"

void bw_quantize_f32_i8(const bw_affine *d, const float *in, int8_t *out)
{
    for (uint32_t i = 0; i < d->count; i++) {
        const float x = in[i] / d->scale;
        int32_t q = x >= 512.0f && x < 2147483648.0f ? 127 : -128;
        if (x > -512.0f && x < 512.0f) { /* zero moves it by 128 at most: beyond, it saturates */
            q = bw_clamp_i8(bw_round_away(x) + d->zero, -128, 127);
        }
        out[i] = (int8_t)q;
    }
}

void bw_dequantize_i8_f32(const bw_affine *d, const int8_t *in, float *out)
{
    for (uint32_t i = 0; i < d->count; i++) {
        out[i] = (float)(in[i] - d->zero) * d->scale;
    }
}
