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

/* All outputs of one pixel. */
static uint32_t *decide(const bw_bit_planes *d, uint32_t window[MOST_CHANNELS][MOST_WORDS],
                        uint32_t *out)
{
    const uint32_t taps = ((uint32_t)d->k_h * d->k_w + 3u) / 4u;
    const uint32_t *mask = d->masks;
    uint32_t word = 0;
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
    return out;
}

/* The same for 3x3 taps of a gray picture, all of them inside: `in` is the first. */
static uint32_t *decide_nine(const bw_bit_planes *d, const uint8_t *in, uint32_t *out)
{
    const uint8_t *second = in + d->in_w, *third = second + d->in_w;
    const uint32_t a =
        (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)second[0] << 24;
    const uint32_t b = (uint32_t)second[1] | (uint32_t)second[2] << 8 | (uint32_t)third[0] << 16 |
                       (uint32_t)third[1] << 24;
    const uint32_t c = third[2], *mask = d->masks;
    const int32_t *threshold = d->thresholds;
    for (uint32_t left = d->out_c; left > 0;) {
        const uint32_t many = left < 32u ? left : 32u;
        uint32_t word = 0;
        for (uint32_t o = 0; o < many; o++, mask += 3) {
            const uint32_t sum = add_bytes(add_bytes(c ^ mask[2], a ^ mask[0]), b ^ mask[1]);
            word |= (uint32_t)((int32_t)sum > *threshold++) << o;
        }
        *out++ = word;
        left -= many;
    }
    return out;
}

void bw_bit_planes_u8(const bw_bit_planes *d, const uint8_t *in, uint32_t *out)
{
    const int nine = d->k_h == 3 && d->k_w == 3 && d->in_c == 1;
    uint32_t window[MOST_CHANNELS][MOST_WORDS];
    for (int32_t y = 0; y < d->out_h; y++) {
        const int32_t y0 = y * d->stride_h - d->pad_top;
        const int inside = nine && y0 >= 0 && y0 + 3 <= d->in_h;
        for (int32_t x = 0; x < d->out_w; x++) {
            const int32_t x0 = x * d->stride_w - d->pad_left;
            if (inside && x0 >= 0 && x0 + 3 <= d->in_w) {
                out = decide_nine(d, in + (uint32_t)y0 * d->in_w + (uint32_t)x0, out);
            } else {
                gather(d, in, y0, x0, window);
                out = decide(d, window, out);
            }
        }
    }
}
