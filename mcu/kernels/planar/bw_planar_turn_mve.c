/* Look-ups of 16 samples at once, and one plane after another by comparing with zero. */
#include "bw_planar_turn.h"

#ifdef BW_PLANAR_TURN_MVE

#include <arm_mve.h>

#include "bw_planar_bits.h"

/* Bits 7 ... 0 of 16 bytes each are the signs of the bytes, shifted to the left one by one. */
void bw_planar_turn_mve(const uint8_t *table, const uint8_t *const *in, uint32_t step,
                        uint32_t *words)
{
    const uint32_t low = (uint32_t)(in[1] - in[0]), high = (uint32_t)(in[3] - in[2]);
    const uint32_t most = 255u - 7u * (step < 32u ? step : 32u);
    if (low > most || high > most) { /* offsets of a gathering load are bytes */
        (bw_planar_turn)(table, in, step, words);
        return;
    }
    const uint8x16_t number = vidupq_n_u8(0, 1), half = vshrq_n_u8(number, 3);
    const uint8x16_t column = vmulq_n_u8(vandq_u8(number, vdupq_n_u8(7)), (uint8_t)step);
    const uint8x16_t a = vldrbq_gather_offset_u8(in[0], vmlaq_n_u8(column, half, (uint8_t)low));
    const uint8x16_t b = vldrbq_gather_offset_u8(in[2], vmlaq_n_u8(column, half, (uint8_t)high));
    int8x16_t x = vreinterpretq_s8_u8(vldrbq_gather_offset_u8(table, a));
    int8x16_t y = vreinterpretq_s8_u8(vldrbq_gather_offset_u8(table, b));
    uint8_t *to = (uint8_t *)words;
#pragma GCC unroll 8
    for (uint32_t m = 8; m-- != 0;) {
        bw_bits_store16(to + 4u * m, vcmpltq_n_s8(x, 0));
        bw_bits_store16(to + 4u * m + 2u, vcmpltq_n_s8(y, 0));
        x = vaddq_s8(x, x);
        y = vaddq_s8(y, y);
    }
}

static inline void turn_rows(const bw_turn_rows *r, uint32_t planes)
{
    const uint8x16_t column = vmulq_n_u8(vidupq_n_u8(0, 1), (uint8_t)r->step);
    const uint8_t *from = r->from;
    uint8_t *to = (uint8_t *)(r->out + (planes - 1u) * r->apart);
    for (uint32_t row = r->rows; row != 0; row--, from += r->line) {
        const uint8_t *at = from;
        for (uint32_t n = r->width / 16u; n != 0; n--, at += 16u * r->step, to += 2) {
            const uint8x16_t bits =
                vldrbq_gather_offset_u8(r->table, vldrbq_gather_offset_u8(at, column));
            int8x16_t x = vreinterpretq_s8_u8(bits);
            uint8_t *plane = to;
            if (planes < 8u) {
                x = vshlq_r_s8(x, (int32_t)(8u - planes));
            }
#pragma GCC unroll 8
            for (uint32_t m = planes; m != 0; m--, plane -= 4u * r->apart) {
                bw_bits_store16(plane, vcmpltq_n_s8(x, 0));
                x = vaddq_s8(x, x);
            }
        }
    }
}

void bw_planar_turn_rows_mve(const bw_turn_rows *r)
{
    if (r->planes == 8u) {
        turn_rows(r, 8u);
    } else {
        turn_rows(r, r->planes);
    }
}

#endif
