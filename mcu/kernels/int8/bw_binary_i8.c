/* Two int8 maps, element by element, in portable C. */
#include "bw_binary_i8.h"

#include "bitwake/bw_int8.h"
#include "bw_requant.h"
#include "bw_simd32.h"

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

/* What a rounding shift by `exponent` adds first: half a step, and -1 below zero; nothing for 0. */
typedef struct {
    int32_t zero, multiplier, half, sign;
    uint32_t exponent;
} operand;

static operand operand_of(int32_t zero, int32_t multiplier, int32_t shift)
{
    const uint32_t e = (uint32_t)-shift;
    return (operand){zero, multiplier, e == 0u ? 0 : (int32_t)(1u << (e - 1u)), e == 0u ? 0 : -1,
                     e};
}

/* (q - zero) * 2^20 rescaled. Doubled it is below 2^29, so the high product is one instruction. */
static inline int32_t common(int32_t q, const operand *p)
{
    const int32_t t = bw_smmulr((q - p->zero) * (1 << (BW_LEFT_SHIFT + 1)), p->multiplier);
    return (t + p->half + (-(t < 0) & p->sign)) >> p->exponent;
}

static inline int8_t finish(const bw_binary_i8 *d, int32_t acc)
{
    const int32_t y = bw_rescale(acc, d->multiplier_out, d->shift_out);
    return bw_clamp_i8(y + d->zero_out, d->act_min, d->act_max);
}

/* A sum of two operands is below 2^29. */
static inline int8_t finish_sum(const bw_binary_i8 *d, int32_t sum, int32_t low, int32_t high)
{
    const int32_t centre = 1 + 2 * d->zero_out;
    return bw_clamp_i8(bw_narrow(sum, d->multiplier_out, d->shift_out, centre), low, high);
}

static bool add_rows(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out,
                     int32_t sign)
{
    bool done = true;
    for (uint32_t i = 0; i < d->dims[0] && done; i++) {
        for (uint32_t j = 0; j < d->dims[1] && done; j++) {
            for (uint32_t k = 0; k < d->dims[2] && done; k++, out += d->dims[3]) {
                done = bw_add_row_i8(d, a + i * d->step_a[0] + j * d->step_a[1] + k * d->step_a[2],
                                     b + i * d->step_b[0] + j * d->step_b[1] + k * d->step_b[2],
                                     out, sign);
            }
        }
    }
    return done;
}

static inline void add_or_sub(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out,
                              int32_t sign)
{
    const operand left = operand_of(d->zero_a, d->multiplier_a, d->shift_a);
    const operand right = operand_of(d->zero_b, d->multiplier_b, d->shift_b);
    const bw_binary_i8 local = *d; /* `out` could point anywhere */
    if (add_rows(&local, a, b, out, sign)) {
        return;
    }
    if (d->shift_out < 0) {
        WALK(&local, a, b, out,
             finish_sum(&local, common(qa, &left) + sign * common(qb, &right), local.act_min,
                        local.act_max));
    } else {
        WALK(&local, a, b, out, finish(&local, common(qa, &left) + sign * common(qb, &right)));
    }
}

void bw_add_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    add_or_sub(d, a, b, out, 1);
}

void bw_sub_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    add_or_sub(d, a, b, out, -1);
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
