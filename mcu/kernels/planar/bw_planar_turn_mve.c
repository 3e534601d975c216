/* Look-ups of 16 samples at once, and one plane after another by comparing with zero. */
#include "bw_planar_turn.h"

#ifdef BW_PLANAR_TURN_MVE

#include <arm_mve.h>
#include <stdbool.h>

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

/* The largest offset of a gathering load of half-words, and the largest product of small numbers
 * that `row_of` divides exactly. */
#define MOST 65535u

/* Looks up sixteen samples, eight at half-word offsets `even` (low bytes) and eight at `odd`. */
static inline uint8x16_t look_up(const uint8_t *table, const uint8_t *from, uint16x8_t even,
                                 uint16x8_t odd)
{
    const uint16x8_t a = vldrbq_gather_offset_u16(table, vldrbq_gather_offset_u16(from, even));
    const uint16x8_t b = vldrbq_gather_offset_u16(table, vldrbq_gather_offset_u16(from, odd));
    return vreinterpretq_u8_u16(vsliq_n_u16(a, b, 8));
}

/* Exchanges the bits of a above those of the mask with the bits of b below them. */
#define SWAP(a, b, n, mask)                                                                        \
    do {                                                                                           \
        const uint8x16_t t_ = vandq_u8(veorq_u8(vshrq_n_u8(a, n), b), mask);                       \
        (b) = veorq_u8(b, t_);                                                                     \
        (a) = veorq_u8(a, vshlq_n_u8(t_, n));                                                      \
    } while (0)

/* The last two steps of turning eight vectors: four planes of one half of the bits. */
static inline void store_half(uint8x16_t *v, uint32_t planes, uint8_t *to, uint32_t apart,
                              mve_pred16_t p)
{
    const uint8x16_t two = vdupq_n_u8(0x33), one = vdupq_n_u8(0x55);
    SWAP(v[0], v[2], 2, two);
    SWAP(v[1], v[3], 2, two);
    SWAP(v[0], v[1], 1, one);
    SWAP(v[2], v[3], 1, one);
#pragma GCC unroll 4
    for (uint32_t m = 0; m < 4u; m++, to += apart) {
        if (m < planes) {
            vstrbq_p_u8(to, v[m], p);
        }
    }
}

/* 128 pixels at once, as sixteen groups of eight neighbours: sample k of all groups is a vector,
 * and turning the eight vectors, bit m of the k-th to bit k of the m-th, gives sixteen bytes of
 * each plane. */
static void turn_blocks(const bw_turn_rows *r)
{
    const uint32_t a_row = r->width / 8u, groups = r->rows * a_row;
    /* Of the groups in a row, rounded up: its product's high half is the row, as long as groups
     * times groups in a row are below 2^16. In a single row there is nothing to divide. */
    const uint16_t inverse = (uint16_t)(r->rows == 1u ? 0u : 65535u / a_row + 1u);
    const uint16_t back = (uint16_t)(r->line - r->width * r->step);
    const uint16_t last = (uint16_t)(groups - 1u), apart = (uint16_t)(8u * r->step);
    uint16x8_t number = vidupq_n_u16(0, 2);
    uint8_t *out = (uint8_t *)r->out;
    for (uint32_t left = groups; left != 0u; out += 16) {
        uint16x8_t at[2];
        uint8x16_t low[4], high[4];
        for (uint16_t k = 0; k < 2u; k++) {
            const uint16x8_t g = vminq_u16(vaddq_n_u16(number, k), vdupq_n_u16(last));
            const uint16x8_t row = vmulhq_u16(g, vdupq_n_u16(inverse));
            at[k] = vmlaq_n_u16(vmulq_n_u16(g, apart), row, back);
        }
        const uint8_t *from = r->from;
#pragma GCC unroll 4
        for (uint32_t k = 0; k < 4u; k++, from += r->step) { /* four bits of pixels k and k + 4 */
            const uint8x16_t x = look_up(r->table, from, at[0], at[1]);
            const uint8x16_t y = look_up(r->table, from + 4u * r->step, at[0], at[1]);
            low[k] = vsliq_n_u8(x, y, 4);
            high[k] = vsriq_n_u8(y, x, 4);
        }
        const mve_pred16_t p = vctp8q(left);
        store_half(low, r->planes, out, 4u * r->apart, p);
        if (r->planes > 4u) {
            store_half(high, r->planes - 4u, out + 16u * r->apart, 4u * r->apart, p);
        }
        number = vaddq_n_u16(number, 16);
        left -= left < 16u ? left : 16u;
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
    const uint32_t a_row = r->width / 8u;
    const uint32_t bytes = (r->rows - 1u) * r->line + r->width * r->step;
    const bool divides = r->rows == 1u || r->rows * a_row * a_row <= MOST;
    const bool small = bytes <= MOST && divides;
    if (small) {
        turn_blocks(r);
    } else {
        turn_rows(r, r->planes);
    }
}

#endif
