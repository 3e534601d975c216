/* The signs of an int8 convolution of a single channel by 3x3 filters.
 *
 * An output is below a number where its accumulator is, so the bias has that bound taken off and
 * the accumulator's sign is the bit: there is nothing to scale, round or store as a byte. A filter
 * is one ldm, five smlad and two instructions that put the sign into its word.
 */
#include "bw_nine_i8.h"

#define TOP 0x80000000u

/* Filters, a word's worth at a time, and where the words go. */
typedef struct {
    const int32_t *filters;
    uint32_t n;
    uint32_t *out;
} signs;

/* One filter's sign enters the word at its top. */
BW_INLINE uint32_t filter(bw_nine x, const int32_t *f, uint32_t word)
{
    return word >> 1 | ((uint32_t)bw_nine_sum(x, f) & TOP);
}

#if defined(BW_LOOPS_IN_ASSEMBLY) && !defined(__ARM_FEATURE_MVE)
#define FILTER                                                                                     \
    BW_NINE_SUM                                                                                    \
    "and   r4, r4, #0x80000000\n"                                                                  \
    "orr   %[word], r4, %[word], lsr #1\n"
#endif

/* The signs of n filters, 1 .. 32, the first the lowest bit. */
BW_LOOP uint32_t word_of(bw_nine x, const int32_t *f, uint32_t n)
{
    uint32_t word = 0;
#if defined(FILTER)
    const int32_t *end = f + BW_NINE_BITS * n;
    if ((n & 7u) == 0u) {
        __asm volatile("1:\n" FILTER FILTER FILTER FILTER FILTER FILTER FILTER FILTER
                       "ldr   r4, %[end]\n"
                       "cmp   %[f], r4\n"
                       "bne   1b\n"
                       : [f] "+&r"(f), [word] "+&r"(word)
                       : [x0] "r"(x.x0), [x1] "r"(x.x1), [x2] "r"(x.x2), [x3] "r"(x.x3),
                         [x4] "r"(x.x4), [end] "m"(end)
                       : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
        return word >> (32u - n);
    }
#endif
    for (uint32_t k = n; k > 0; k--, f += BW_NINE_BITS) {
        word = filter(x, f, word);
    }
    return word >> (32u - n);
}

BW_INLINE void meet(const bw_nine *window, void *to)
{
    signs *s = to;
    const int32_t *f = s->filters;
    for (uint32_t left = s->n, n; left > 0; left -= n) {
        n = left < 32u ? left : 32u;
        *s->out++ = word_of(*window, f, n);
        f += BW_NINE_BITS * n;
    }
}

void bw_conv2d_i8_bits(const bw_conv2d_i8 *d, const int8_t *in, uint32_t *out)
{
    int8_t patch[12];
    signs s = {d->packed, d->out_c, out};
    bw_nine_map(d, in, patch, meet, &s);
}
