/* Between bits and numbers. */
#include <string.h>

#include "bitwake/bw_kernels.h"

#define TOP   0x80000000u
#define BYTES 0x01010101u
#define TOPS  0x80808080u

/* One element: its bit, the highest of BIT, enters at the top of the word. */
#define TAKE(in, word, BIT) (word) = (word) >> 1 | (BIT), (in)++
#define TAKE_REAL(in, word) TAKE(in, word, *(in) < 0.0f ? TOP : 0u)

/* A pixel's channels fill its words from the lowest bit on. A full word has each bit in its place;
 * a shorter one is moved down. Four elements a turn: the loop costs as much as one of them. */
void bw_quantize_f32(const bw_bitcast *d, const float *in, uint32_t *out)
{
    for (uint32_t p = 0; p < d->pixels; p++) {
        for (uint32_t left = d->channels, n; left > 0; left -= n) {
            uint32_t word = 0;
            n = left < 32u ? left : 32u;
            uint32_t i = n;
            for (; i >= 4u; i -= 4u) {
                TAKE_REAL(in, word);
                TAKE_REAL(in, word);
                TAKE_REAL(in, word);
                TAKE_REAL(in, word);
            }
            for (; i > 0; i--) {
                TAKE_REAL(in, word);
            }
            *out++ = word >> (32u - n);
        }
    }
}

/* The highest bit of each byte: whether the byte of q is below that of z, both signed. */
static inline uint32_t below(uint32_t q, uint32_t z)
{
#if defined(__ARM_FEATURE_DSP)
    uint32_t y; /* differences that saturate keep their signs */
    __asm("qsub8 %0, %1, %2" : "=r"(y) : "r"(q), "r"(z));
    return y & TOPS;
#else
    /* of equal signs, the one with the smaller lower bits; otherwise the negative one */
    const uint32_t reaches = (q | TOPS) - (z & ~TOPS);
    return ((q & ~z) | (~(q ^ z) & ~reaches)) & TOPS;
#endif
}

/* Bits 7, 15, 23 and 31 come to 28 .. 31: they are shifted by 21, 14, 7 and 0, and no two of the
 * sixteen products meet in one bit, so that nothing carries. */
#define TAKE_FOUR(in, word, z)                                                                     \
    do {                                                                                           \
        uint32_t four_;                                                                            \
        memcpy(&four_, (in), 4);                                                                   \
        (word) = (word) >> 4 | ((below(four_, (z)) * 0x00204081u) & 0xF0000000u);                  \
        (in) += 4;                                                                                 \
    } while (0)

#define TAKE_SIXTEEN(in, word, z)                                                                  \
    do {                                                                                           \
        TAKE_FOUR(in, word, z);                                                                    \
        TAKE_FOUR(in, word, z);                                                                    \
        TAKE_FOUR(in, word, z);                                                                    \
        TAKE_FOUR(in, word, z);                                                                    \
    } while (0)

void bw_quantize_i8(const bw_bitcast *d, const int8_t *in, uint32_t *out)
{
    const int32_t zero_point = d->zero_point;
    const uint32_t zeros = (uint32_t)(uint8_t)zero_point * BYTES;
    for (uint32_t p = 0; p < d->pixels; p++) {
        for (uint32_t left = d->channels, n; left > 0; left -= n) {
            uint32_t word = 0;
            n = left < 32u ? left : 32u;
            uint32_t i = n;
            if (i == 32u) {
                TAKE_SIXTEEN(in, word, zeros);
                TAKE_SIXTEEN(in, word, zeros);
                i = 0;
            }
            for (; i >= 4u; i -= 4u) {
                TAKE_FOUR(in, word, zeros);
            }
            for (; i > 0; i--) { /* the difference of two bytes: its sign is the bit */
                TAKE(in, word, (uint32_t)(*in - zero_point) & TOP);
            }
            *out++ = word >> (32u - n);
        }
    }
}

void bw_dequantize_f32(const bw_bitcast *d, const uint32_t *in, float *out)
{
    const uint32_t words = BW_WORDS(d->channels);
    for (uint32_t p = 0; p < d->pixels; p++, in += words) {
        for (uint32_t c = 0; c < d->channels; c++) {
            *out++ = (in[c >> 5] >> (c & 31u) & 1u) != 0u ? -1.0f : 1.0f;
        }
    }
}

/* Four bits at a time, their bytes from a table. */
void bw_dequantize_i8(const bw_bitcast *d, const uint32_t *in, int8_t *out)
{
    const uint32_t plus = (uint32_t)(uint8_t)d->plus * BYTES;
    const uint32_t change = (uint8_t)d->plus ^ (uint8_t)d->minus;
    uint32_t fours[16];
    for (uint32_t k = 0; k < 16u; k++) { /* bits 0 .. 3 to bits 0, 8, 16 and 24 */
        fours[k] = plus ^ ((k * 0x00204081u) & BYTES) * change;
    }
    for (uint32_t p = 0; p < d->pixels; p++) {
        for (uint32_t left = d->channels, n; left > 0; left -= n) {
            uint32_t word = *in++;
            n = left < 32u ? left : 32u;
            uint32_t i = n;
            for (; i >= 16u; i -= 16u, out += 16, word >>= 16) {
                memcpy(out, &fours[word & 15u], 4);
                memcpy(out + 4, &fours[word >> 4 & 15u], 4);
                memcpy(out + 8, &fours[word >> 8 & 15u], 4);
                memcpy(out + 12, &fours[word >> 12 & 15u], 4);
            }
            for (; i >= 4u; i -= 4u, out += 4, word >>= 4) {
                memcpy(out, &fours[word & 15u], 4);
            }
            memcpy(out, &fours[word & 15u], i);
            out += i;
        }
    }
}
