/* int8 bilinear resizing. */
#include "bitwake/bw_int8.h"

#define ONE  1024 /* a weight of 1 */
#define HALF (1 << 19)

void bw_bilinear_i8_run(const bw_bilinear_i8 *d, const int8_t *in, int8_t *out)
{
    const uint32_t n = d->channels;
    for (uint32_t y = 0; y < d->out_h; y++) {
        const int8_t *above = in + (uint32_t)d->y0[y] * d->in_w * n;
        const int8_t *below = in + (uint32_t)d->y1[y] * d->in_w * n;
        const int32_t wy = d->wy[y];
        for (uint32_t x = 0; x < d->out_w; x++) {
            const uint32_t left = d->x0[x] * n, right = d->x1[x] * n;
            const int32_t wx = d->wx[x];
            for (uint32_t c = 0; c < n; c++) {
                const int32_t top = above[left + c] * (ONE - wx) + above[right + c] * wx;
                const int32_t bottom = below[left + c] * (ONE - wx) + below[right + c] * wx;
                const int32_t sum = top * (ONE - wy) + bottom * wy;
                *out++ = (int8_t)((sum > 0 ? sum + HALF : sum - HALF) / (2 * HALF));
            }
        }
    }
}
