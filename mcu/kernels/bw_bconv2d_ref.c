/* Binary convolution, the reference: one output at a time, nothing clever.
 *
 * Arithmetic. A bit stands for -1 when set, so a product of activation a and weight w is -1 exactly
 * where a XOR w is set. With acc set bits among the K = k_h * k_w * in_c / groups products, K - acc
 * of them are +1 and the dot product is (K - acc) - acc = K - 2 * acc.
 *
 * Real outputs want clamp(K - 2 * acc, lo, hi) * m + b. The converter's runtime folds K into the
 * bias and the sign into the multiplier, y = t * (-m) + (b + K * m) with t = clamp(2 * acc, K - hi,
 * K - lo), and so do the constants in the descriptor: clamp_min = K - hi, clamp_max = K - lo.
 *
 * Padding. An out-of-map tap reads words of 0 (+1). Zero padding must contribute 0 to the dot
 * product, half of the tap's channels to acc.
 */
#include "bw_bconv2d.h"

static uint32_t popcount(uint32_t x)
{
    uint32_t n = 0;
    for (; x != 0u; x &= x - 1u) {
        n++;
    }
    return n;
}

int32_t bw_bconv2d_count_ref(const bw_bconv2d *d, const uint32_t *in, uint32_t y, uint32_t x,
                             uint32_t o)
{
    const uint32_t channels = (uint32_t)d->in_c / d->groups, words = BW_WORDS(channels);
    const uint32_t in_words = BW_WORDS((uint32_t)d->in_c);
    const uint32_t group = o / ((uint32_t)d->out_c / d->groups);
    const uint32_t *w = d->weights + o * d->k_h * d->k_w * words;
    uint32_t count = 0;

    for (uint32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t iy = (int32_t)(y * d->stride_h + ky * d->dilation_h) - d->pad_top;
        for (uint32_t kx = 0; kx < d->k_w; kx++, w += words) {
            const int32_t ix = (int32_t)(x * d->stride_w + kx * d->dilation_w) - d->pad_left;
            const bool inside = iy >= 0 && iy < d->in_h && ix >= 0 && ix < d->in_w;
            if (!inside && d->zero_padding != 0u) {
                count += channels / 2u;
                continue;
            }
            const uint32_t at = inside ? (uint32_t)iy * d->in_w + (uint32_t)ix : 0u;
            const uint32_t *a = in + at * in_words + group * words;
            for (uint32_t i = 0; i < words; i++) {
                count += popcount((inside ? a[i] : 0u) ^ w[i]);
            }
        }
    }
    return (int32_t)count;
}
