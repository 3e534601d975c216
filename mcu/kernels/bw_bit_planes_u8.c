/* Bit planes of bytes through binary convolutions: sums of bytes XOR masks. */
#include "bitwake/bw_kernels.h"

#define MOST_WORDS    16u /* of a window of 64 taps */
#define MOST_CHANNELS 4u

/* acc + the sum of the four bytes. */
static inline uint32_t add_bytes(uint32_t acc, uint32_t four)
{
#if defined(__ARM_FEATURE_SIMD32)
    uint32_t sum;
    __asm("usada8 %0, %1, %2, %3" : "=r"(sum) : "r"(four), "r"(0), "r"(acc));
    return sum;
#else
    const uint32_t two = (four & 0x00ff00ffu) + (four >> 8 & 0x00ff00ffu);
    return acc + (two & 0xffffu) + (two >> 16);
#endif
}

/* The taps of one output pixel, four a word, for each channel of the picture. */
static void gather(const bw_bit_planes *d, const uint8_t *in, int32_t y0, int32_t x0,
                   uint32_t window[MOST_CHANNELS][MOST_WORDS])
{
    for (uint32_t c = 0; c < d->in_c; c++) {
        uint32_t word = 0, n = 0;
        for (int32_t y = y0; y < y0 + d->k_h; y++) {
            for (int32_t x = x0; x < x0 + d->k_w; x++, n++) {
                uint32_t byte = d->outside;
                if (y >= 0 && y < d->in_h && x >= 0 && x < d->in_w) {
                    byte = in[((uint32_t)y * d->in_w + (uint32_t)x) * d->in_c + c];
                }
                word |= byte << (8u * (n & 3u));
                if ((n & 3u) == 3u) {
                    window[c][n / 4u] = word;
                    word = 0;
                }
            }
        }
        if ((n & 3u) != 0) {
            window[c][n / 4u] = word;
        }
    }
}

void bw_bit_planes_u8(const bw_bit_planes *d, const uint8_t *in, uint32_t *out)
{
    const uint32_t taps = ((uint32_t)d->k_h * d->k_w + 3u) / 4u;
    uint32_t window[MOST_CHANNELS][MOST_WORDS];
    for (int32_t y = 0; y < d->out_h; y++) {
        for (int32_t x = 0; x < d->out_w; x++) {
            const uint32_t *mask = d->masks;
            uint32_t word = 0;
            gather(d, in, y * d->stride_h - d->pad_top, x * d->stride_w - d->pad_left, window);
            for (uint32_t o = 0; o < d->out_c; o++) {
                const uint32_t *four = window[d->channel[o]];
                uint32_t sum = 0;
                for (uint32_t k = 0; k < taps; k++) {
                    sum = add_bytes(sum, four[k] ^ *mask++);
                }
                word |= (uint32_t)((int32_t)sum > d->thresholds[o]) << (o & 31u);
                if ((o & 31u) == 31u || o + 1u == d->out_c) {
                    *out++ = word;
                    word = 0;
                }
            }
        }
    }
}
