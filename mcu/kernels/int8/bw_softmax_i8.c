/* int8 softmax: exponentials from a table, the reciprocal of their sum in fixed point. */
#include "bitwake/bw_int8.h"
#include "bw_requant.h"

#define SUM_INTEGER_BITS 12

static int32_t saturate(int64_t x)
{
    return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x;
}

/* gemmlowp's one_over_one_plus_x_for_x_in_0_1: a in Q0.31 in [0, 1) -> 1 / (1 + a) in Q0.31.
 * Newton's iteration x += x * (1 - d * x) on d = (1 + a) / 2, x in Q2.29, from 48/17 - 32/17 * d.
 */
static int32_t one_over_one_plus(int32_t a)
{
    const int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
    int32_t x = 1515870810 + bw_high_mul(half, -1010580540);
    for (int i = 0; i < 3; i++) {
        const int32_t rest = (1 << 29) - bw_high_mul(half, x);
        x += saturate((int64_t)bw_high_mul(x, rest) * 4);
    }
    return saturate((int64_t)x * 2); /* 1 / (2 * d) = 1 / (1 + a), Q2.29 / 2 as Q0.31 */
}

static uint32_t leading_zeros(uint32_t x)
{
    uint32_t n = 0;
    for (; (x & 0x80000000u) == 0u && n < 32u; n++) {
        x <<= 1;
    }
    return n;
}

static void row(const bw_softmax_i8 *d, const int8_t *in, int8_t *out)
{
    int32_t top = -128;
    for (uint32_t c = 0; c < d->depth; c++) {
        top = in[c] > top ? in[c] : top;
    }
    int32_t sum = 0;
    for (uint32_t c = 0; c < d->depth; c++) {
        const uint32_t k = (uint32_t)(top - in[c]);
        if (k < d->terms) {
            sum += bw_rounding_shift(d->exp[k], SUM_INTEGER_BITS);
        }
    }
    const uint32_t headroom = leading_zeros((uint32_t)sum);
    const int32_t shifted = (int32_t)(((uint32_t)sum << headroom) - 0x80000000u);
    const int32_t scale = one_over_one_plus(shifted);
    const uint32_t exponent = SUM_INTEGER_BITS - headroom + 31u - 8u;
    for (uint32_t c = 0; c < d->depth; c++) {
        const uint32_t k = (uint32_t)(top - in[c]);
        int32_t y = -128;
        if (k < d->terms && exponent < 32u) { /* beyond, every share is under half a step */
            y += bw_rounding_shift(bw_high_mul(scale, d->exp[k]), exponent);
        }
        out[c] = bw_clamp_i8(y, -128, 127);
    }
}

void bw_softmax_i8_run(const bw_softmax_i8 *d, const int8_t *in, int8_t *out)
{
    for (uint32_t r = 0; r < d->rows; r++, in += d->depth, out += d->depth) {
        row(d, in, out);
    }
}
