/* int8 convolution of a single channel by 3x3 filters with two 16-bit lanes.
 *
 * Nine products are too few to pay for a walk over memory. So the window of an output pixel stays
 * in five registers, and the filters come to it as the compiler has packed them: bias, pairs of
 * taps, multiplier, shift and zero point in a row, bias and taps doubled, because the scaling that
 * follows takes twice the sum. A filter is two ldm, five smlad and six instructions of scaling and
 * storing.
 */
#include "bw_nine_i8.h"

#if defined(BW_CONV2D_I8_DSP)

#if defined(BW_LOOPS_IN_ASSEMBLY)
#define FILTER                                                                                     \
    BW_NINE_SUM                                                                                    \
    "ldm   %[f]!, {r5, r6, r8}\n"                                                                  \
    "smmulr r4, r4, r5\n"                                                                          \
    "sub   r4, r4, r4, lsr #31\n"                                                                  \
    "asr   r4, r4, r6\n"                                                                           \
    "add   r4, r4, r8\n"                                                                           \
    "ssat  r4, #8, r4, asr #1\n"                                                                   \
    "strb  r4, [%[out]], #1\n"

/* BODY until the filters reach `last`. */
#define LOOP(last, BODY)                                                                           \
    __asm volatile("1:\n" BODY "ldr   r4, %[end]\n"                                                \
                   "cmp   %[f], r4\n"                                                              \
                   "bne   1b\n"                                                                    \
                   : [f] "+&r"(f), [out] "+&r"(out)                                                \
                   : [x0] "r"(x.x0), [x1] "r"(x.x1), [x2] "r"(x.x2), [x3] "r"(x.x3),               \
                     [x4] "r"(x.x4), [end] "m"(last)                                               \
                   : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory")
#endif

/* The filters: fours of them up to `fours`, then up to `end`; and where their outputs go. */
typedef struct {
    const int32_t *first, *fours, *end;
    int8_t *out;
} filters;

/* All filters meet one window. */
BW_INLINE void meet(const bw_nine *window, void *to)
{
    filters *all = to;
    const bw_nine x = *window;
    const int32_t *f = all->first;
    int8_t *out = all->out;
#if defined(BW_LOOPS_IN_ASSEMBLY)
    if (f != all->fours) {
        LOOP(all->fours, FILTER FILTER FILTER FILTER);
    }
    if (f != all->end) {
        LOOP(all->end, FILTER);
    }
#else
    for (; f != all->end; f += BW_NINE) {
        *out++ = (int8_t)bw_narrow_twice(bw_nine_sum(x, f), f[6], (uint32_t)f[7], f[8]);
    }
#endif
    all->out = out;
}

void bw_conv2d_i8_nine(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int8_t *patch)
{
    const uint32_t n = d->out_c;
    const int32_t *f = d->packed;
    filters all = {f, f + BW_NINE * (n & ~3u), f + BW_NINE * n, out};
    bw_nine_map(d, in, patch, meet, &all);
    bw_clamp_map_i8(d, out);
}

#endif
