/* Private to the int8 convolutions with two 16-bit lanes: four outputs side by side, so that each
 * constant is loaded once for all. */
#ifndef BITWAKE_BW_FOUR_I8_H
#define BITWAKE_BW_FOUR_I8_H

#include "bw_add_i8.h"
#include "bw_conv2d_i8_spread.h"

typedef struct {
    int32_t a0, a1, b0, b1; /* pixel a and b by filter 0 and 1, or one pixel by four filters */
} bw_four;

BW_INLINE bw_four bw_four_clamped(const bw_four *q, int32_t low, int32_t high)
{
    return (bw_four){bw_clamp_i8(q->a0, low, high), bw_clamp_i8(q->a1, low, high),
                     bw_clamp_i8(q->b0, low, high), bw_clamp_i8(q->b1, low, high)};
}

BW_INLINE bw_four bw_four_added(const bw_residual *r, const bw_four *q, const bw_four *residual)
{
    const bw_add_operand *a = &r->a, *b = &r->b;
    bw_four s = {bw_add_common(q->a0, a), bw_add_common(q->a1, a), bw_add_common(q->b0, a),
                 bw_add_common(q->b1, a)};
    s = (bw_four){s.a0 + bw_add_common(residual->a0, b), s.a1 + bw_add_common(residual->a1, b),
                  s.b0 + bw_add_common(residual->b0, b), s.b1 + bw_add_common(residual->b1, b)};
    s = (bw_four){bw_narrow(s.a0, r->multiplier, r->shift, r->centre),
                  bw_narrow(s.a1, r->multiplier, r->shift, r->centre),
                  bw_narrow(s.b0, r->multiplier, r->shift, r->centre),
                  bw_narrow(s.b1, r->multiplier, r->shift, r->centre)};
    if (r->clamps) {
        s = bw_four_clamped(&s, r->low, r->high);
    }
    return s;
}

#endif
