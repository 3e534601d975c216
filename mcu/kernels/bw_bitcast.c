/* Between bits and numbers. */
#include "bitwake/bw_kernels.h"

#define TOP 0x80000000u

/* One element: its bit, the highest of BIT, enters at the top of the word. */
#define TAKE(in, word, BIT) (word) = (word) >> 1 | (BIT), (in)++

/* A pixel's channels fill its words from the lowest bit on. A full word has each bit in its place;
 * a shorter one is moved down. Four elements a turn: the loop costs as much as one of them. */
#define PACK(d, in, out, BIT)                                                                      \
    do {                                                                                           \
        for (uint32_t p = 0; p < (d)->pixels; p++) {                                               \
            for (uint32_t c = 0; c < (d)->channels; c += 32u) {                                    \
                const uint32_t n = (d)->channels - c < 32u ? (d)->channels - c : 32u;              \
                uint32_t word = 0, i = n;                                                          \
                for (; i >= 4u; i -= 4u) {                                                         \
                    TAKE(in, word, BIT);                                                           \
                    TAKE(in, word, BIT);                                                           \
                    TAKE(in, word, BIT);                                                           \
                    TAKE(in, word, BIT);                                                           \
                }                                                                                  \
                for (; i > 0; i--) {                                                               \
                    TAKE(in, word, BIT);                                                           \
                }                                                                                  \
                *(out)++ = word >> (32u - n);                                                      \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#define UNPACK(d, in, out, PLUS, MINUS)                                                            \
    do {                                                                                           \
        const uint32_t words = BW_WORDS((d)->channels);                                            \
        for (uint32_t p = 0; p < (d)->pixels; p++, (in) += words) {                                \
            for (uint32_t c = 0; c < (d)->channels; c++) {                                         \
                *(out)++ = ((in)[c >> 5] >> (c & 31u) & 1u) != 0u ? (MINUS) : (PLUS);              \
            }                                                                                      \
        }                                                                                          \
    } while (0)

void bw_quantize_f32(const bw_bitcast *d, const float *in, uint32_t *out)
{
    PACK(d, in, out, *in < 0.0f ? TOP : 0u);
}

void bw_quantize_i8(const bw_bitcast *d, const int8_t *in, uint32_t *out)
{
    const int32_t zero_point = d->zero_point; /* the difference of two bytes: its sign is the bit */
    PACK(d, in, out, (uint32_t)(*in - zero_point) & TOP);
}

void bw_dequantize_f32(const bw_bitcast *d, const uint32_t *in, float *out)
{
    UNPACK(d, in, out, 1.0f, -1.0f);
}

void bw_dequantize_i8(const bw_bitcast *d, const uint32_t *in, int8_t *out)
{
    UNPACK(d, in, out, d->plus, d->minus);
}
