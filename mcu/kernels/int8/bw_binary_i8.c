/* Two int8 maps, element by element, in portable C. */
#include "bw_binary_i8.h"

#include "../bw_walk.h"
#include "bitwake/bw_int8.h"

#define WALK(d, a, b, out, EXPR) BW_WALK(int8_t, int32_t, d, a, b, out, EXPR)

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
    const bw_add_operand left = bw_add_operand_of(d->zero_a, d->multiplier_a, d->shift_a);
    const bw_add_operand right = bw_add_operand_of(d->zero_b, d->multiplier_b, d->shift_b);
    const bw_binary_i8 local = *d; /* `out` could point anywhere */
    if (add_rows(&local, a, b, out, sign)) {
        return;
    }
    if (d->shift_out < 0) {
        WALK(&local, a, b, out,
             bw_add_finish_sum(&local, bw_add_common(xa, &left) + sign * bw_add_common(xb, &right),
                               local.act_min, local.act_max));
    } else {
        WALK(&local, a, b, out,
             bw_add_finish(&local, bw_add_common(xa, &left) + sign * bw_add_common(xb, &right)));
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
    WALK(d, a, b, out, bw_add_finish(d, (xa - d->zero_a) * (xb - d->zero_b)));
}

void bw_minimum_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    WALK(d, a, b, out, (int8_t)(xa < xb ? xa : xb));
}

void bw_maximum_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out)
{
    WALK(d, a, b, out, (int8_t)(xa > xb ? xa : xb));
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
    WALK(d, a, b, out, slope(d, xa, xb));
}
