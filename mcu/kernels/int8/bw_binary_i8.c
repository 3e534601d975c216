/* Two int8 maps, element by element, in portable C. */
#include "bitwake/bw_int8.h"
#include "bw_requant.h"

#define LEFT_SHIFT 20 /* of both operands of ADD and SUB, as in the reference */

/* Walks all elements; EXPR sees the operands as qa and qb. */
#define WALK(d, a, b, out, EXPR)                                                                   \
    do {                                                                                           \
        for (uint32_t i = 0; i < (d)->dims[0]; i++) {                                              \
            for (uint32_t j = 0; j < (d)->dims[1]; j++) {                                          \
                for (uint32_t k = 0; k < (d)->dims[2]; k++) {                                      \
                    const int8_t *pa =                                                             \
                        (a) + i * (d)->step_a[0] + j * (d)->step_a[1] + k * (d)->step_a[2];        \
                    const int8_t *pb =                                                             \
                        (b) + i * (d)->step_b[0] + j * (d)->step_b[1] + k * (d)->step_b[2];        \
                    for (uint32_t l = 0; l < (d)->dims[3]; l++) {                                  \
                        const int32_t qa = *pa, qb = *pb;                                          \
                        pa += (d)->step_a[3];                                                      \
                        pb += (d)->step_b[3];                                                      \
                        *(out)++ = (EXPR);                                                         \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static inline int32_t common(int32_t q, int32_t zero, int32_t multiplier, int32_t shift)
{
    const int32_t x = (int32_t)((uint32_t)(q - zero) << LEFT_SHIFT);
    return bw_rounding_shift(bw_high_mul(x, multiplier), (uint32_t)-shift);
}

static inline int8_t finish(const bw_binary_i8 *d, int32_t acc)
{
    const int32_t y = bw_rescale(acc, d->multiplier_out, d->shift_out);
    return bw_clamp_i8(y + d->zero_out, d->act_min, d->act_max);
}

void bw_add_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    WALK(d, a, b, out,
         finish(d, common(qa, d->zero_a, d->multiplier_a, d->shift_a) +
                       common(qb, d->zero_b, d->multiplier_b, d->shift_b)));
}

void bw_sub_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    WALK(d, a, b, out,
         finish(d, common(qa, d->zero_a, d->multiplier_a, d->shift_a) -
                       common(qb, d->zero_b, d->multiplier_b, d->shift_b)));
}

void bw_mul_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    WALK(d, a, b, out, finish(d, (qa - d->zero_a) * (qb - d->zero_b)));
}

void bw_minimum_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    WALK(d, a, b, out, (int8_t)(qa < qb ? qa : qb));
}

void bw_maximum_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    WALK(d, a, b, out, (int8_t)(qa > qb ? qa : qb));
}

static inline int8_t slope(const bw_binary_i8 *d, int32_t qa, int32_t qb)
{
    const int32_t x = qa - d->zero_a;
    const int32_t y = x >= 0 ? bw_rescale(x, d->multiplier_out, d->shift_out)
                             : bw_rescale(x * (qb - d->zero_b), d->multiplier_b, d->shift_b);
    return bw_clamp_i8(y + d->zero_out, d->act_min, d->act_max);
}

void bw_prelu_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    WALK(d, a, b, out, slope(d, qa, qb));
}
