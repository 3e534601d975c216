/* Between bits and numbers. */
#include "bitwake/bw_kernels.h"

#define PACK(d, in, out, NEGATIVE)                                                                 \
    do {                                                                                           \
        for (uint32_t p = 0; p < (d)->pixels; p++) {                                               \
            uint32_t word = 0;                                                                     \
            for (uint32_t c = 0; c < (d)->channels; c++, (in)++) {                                 \
                word |= (uint32_t)(NEGATIVE) << (c & 31u);                                         \
                if ((c & 31u) == 31u || c + 1u == (d)->channels) {                                 \
                    *(out)++ = word;                                                               \
                    word = 0;                                                                      \
                }                                                                                  \
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
    PACK(d, in, out, *in < 0.0f);
}

void bw_quantize_i8(const bw_bitcast *d, const int8_t *in, uint32_t *out)
{
    PACK(d, in, out, *in < d->zero_point);
}

void bw_dequantize_f32(const bw_bitcast *d, const uint32_t *in, float *out)
{
    UNPACK(d, in, out, 1.0f, -1.0f);
}

void bw_dequantize_i8(const bw_bitcast *d, const uint32_t *in, int8_t *out)
{
    UNPACK(d, in, out, d->plus, d->minus);
}
