/* int8 convolution of a single channel by 3x3 filters with two 16-bit lanes.
 *
 * Nine products are too few to pay for a walk over memory. So the window of an output pixel stays
 * in five registers, and the filters come to it as the compiler has packed them: bias, pairs of
 * taps, multiplier, shift and zero point in a row, bias and taps doubled, because the scaling that
 * follows takes twice the sum. A filter is two ldm, five smlad and six instructions of scaling and
 * storing.
 *
 * The lanes are those of sxtb16 on the words of three lines: taps 0 and 2, 3 and 5, 6 and 8, then 1
 * and 4, then 7 and a sample that no tap is for.
 */
#include "bw_conv2d_i8_spread.h"

#if defined(BW_CONV2D_I8_DSP)

typedef struct {
    uint32_t x0, x1, x2, x3, x4;
} lanes;

/* Of four samples of each of three lines. */
static inline lanes lanes_of(uint32_t a, uint32_t b, uint32_t c)
{
    return (lanes){bw_even(a), bw_even(b), bw_even(c), bw_lows(bw_odd(a), bw_odd(b)), bw_odd(c)};
}

/* A window on the border: of each line, four samples that it has are read and shifted to their
 * places. Lines that are shorter or read with gaps go through memory. */
static lanes border(const bw_conv2d_i8 *d, const int8_t *in, const bw_window *w, int8_t *patch)
{
    const int32_t left = w->left, last = d->in_w - 4;
    if (last < 0 || left < -3 || left > last + 3 || d->dilation_w != 1) {
        bw_conv2d_i8_patch(d, in, w->y, w->x, patch);
        return lanes_of(bw_load4(patch), bw_load4(patch + 3), bw_load4(patch + 6));
    }
    const uint32_t zero = (uint32_t)(uint8_t)d->in_zero * 0x01010101u;
    const int32_t from = left < 0 ? 0 : left > last ? last : left;
    const uint32_t down = left > from ? 8u * (uint32_t)(left - from) : 0;
    const uint32_t up = left < from ? 8u * (uint32_t)(from - left) : 0;
    const uint32_t beside = zero & ~((0xFFFFFFFFu >> down) << up);
    uint32_t lines[3];
    for (uint32_t k = 0; k < 3u; k++) {
        const int32_t iy = w->top + (int32_t)(k * d->dilation_h);
        lines[k] = zero;
        if (iy >= 0 && iy < d->in_h) {
            const uint32_t x = bw_load4(in + (uint32_t)iy * d->in_w + (uint32_t)from);
            lines[k] = (x >> down) << up | beside;
        }
    }
    return lanes_of(lines[0], lines[1], lines[2]);
}

#if defined(BW_LOOPS_IN_ASSEMBLY)
#define FILTER                                                                                     \
    "ldm   %[f]!, {r4, r5, r6, r8, r9, r10}\n"                                                     \
    "smlad r4, %[x0], r5, r4\n"                                                                    \
    "smlad r4, %[x1], r6, r4\n"                                                                    \
    "smlad r4, %[x2], r8, r4\n"                                                                    \
    "smlad r4, %[x3], r9, r4\n"                                                                    \
    "smlad r4, %[x4], r10, r4\n"                                                                   \
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

/* The filters: fours of them up to `fours`, then up to `end`. */
typedef struct {
    const int32_t *first, *fours, *end;
} filters;

/* All filters meet one window; the place behind what they made. */
BW_INLINE int8_t *meet(lanes x, const filters *all, int8_t *out)
{
    const int32_t *f = all->first;
#if defined(BW_LOOPS_IN_ASSEMBLY)
    if (f != all->fours) {
        LOOP(all->fours, FILTER FILTER FILTER FILTER);
    }
    if (f != all->end) {
        LOOP(all->end, FILTER);
    }
#else
    for (; f != all->end; f += BW_NINE) {
        int32_t acc = bw_smlad(x.x0, (uint32_t)f[1], f[0]);
        acc = bw_smlad(x.x1, (uint32_t)f[2], acc);
        acc = bw_smlad(x.x2, (uint32_t)f[3], acc);
        acc = bw_smlad(x.x3, (uint32_t)f[4], acc);
        acc = bw_smlad(x.x4, (uint32_t)f[5], acc);
        *out++ = (int8_t)bw_narrow_twice(acc, f[6], (uint32_t)f[7], f[8]);
    }
#endif
    return out;
}

void bw_conv2d_i8_nine(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int8_t *patch)
{
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w, n = d->out_c;
    const int32_t *f = d->packed;
    const filters all = {f, f + BW_NINE * (n & ~3u), f + BW_NINE * n};
    int8_t *to = out;
    bw_window w = bw_window_first(d);
    for (uint32_t p = 0, run; p < pixels; p += run) {
        run = bw_window_run(d, &w);
        if (run > 0) {
            const int8_t *from = in + (uint32_t)w.top * d->in_w + (uint32_t)w.left;
            const uint32_t down = (uint32_t)d->dilation_h * d->in_w;
            for (uint32_t k = run; k > 0; k--, from += d->stride_w) {
                const uint32_t a = bw_load4(from), b = bw_load4(from + down);
                to = meet(lanes_of(a, b, bw_load4(from + 2u * down)), &all, to);
            }
        } else {
            to = meet(border(d, in, &w, patch), &all, to);
            run = 1;
        }
        bw_window_next(d, &w, run);
    }
    bw_clamp_map_i8(d, out);
}

#endif
