/* Private to the int8 convolutions of a single channel by 3x3 filters: the window of an output
 * pixel in five words of two 16-bit lanes.
 *
 * The lanes are those of sxtb16 on the words of three lines: taps 0 and 2, 3 and 5, 6 and 8, then 1
 * and 4, then 7 and a sample that no tap is for.
 */
#ifndef BITWAKE_BW_NINE_I8_H
#define BITWAKE_BW_NINE_I8_H

#include "bw_conv2d_i8_spread.h"

typedef struct {
    uint32_t x0, x1, x2, x3, x4;
} bw_nine;

/* Of four samples of each of three lines. */
static inline bw_nine bw_nine_of(uint32_t a, uint32_t b, uint32_t c)
{
    return (bw_nine){bw_even(a), bw_even(b), bw_even(c), bw_lows(bw_odd(a), bw_odd(b)), bw_odd(c)};
}

/* A window on the border: of each line, four samples that it has are read and shifted to their
 * places. Lines that are shorter or read with gaps go through memory. */
static inline bw_nine bw_nine_border(const bw_conv2d_i8 *d, const int8_t *in, const bw_window *w,
                                     int8_t *patch)
{
    const int32_t left = w->left, last = d->in_w - 4;
    if (last < 0 || left < -3 || left > last + 3 || d->dilation_w != 1) {
        bw_conv2d_i8_patch(d, in, w->y, w->x, patch);
        return bw_nine_of(bw_load4(patch), bw_load4(patch + 3), bw_load4(patch + 6));
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
    return bw_nine_of(lines[0], lines[1], lines[2]);
}

/* Bias and products of a filter that lies there as bias and five lanes. */
BW_INLINE int32_t bw_nine_sum(bw_nine x, const int32_t *f)
{
    int32_t acc = bw_smlad(x.x0, (uint32_t)f[1], f[0]);
    acc = bw_smlad(x.x1, (uint32_t)f[2], acc);
    acc = bw_smlad(x.x2, (uint32_t)f[3], acc);
    acc = bw_smlad(x.x3, (uint32_t)f[4], acc);
    acc = bw_smlad(x.x4, (uint32_t)f[5], acc);
    return acc;
}

/* The same into r4, as instructions: f is behind the filter then, r5 to r10 are lost. */
#define BW_NINE_SUM                                                                                \
    "ldm   %[f]!, {r4, r5, r6, r8, r9, r10}\n"                                                     \
    "smlad r4, %[x0], r5, r4\n"                                                                    \
    "smlad r4, %[x1], r6, r4\n"                                                                    \
    "smlad r4, %[x2], r8, r4\n"                                                                    \
    "smlad r4, %[x3], r9, r4\n"                                                                    \
    "smlad r4, %[x4], r10, r4\n"

/* What becomes of one window; `to` is the caller's own. */
typedef void bw_nine_meet(const bw_nine *x, void *to);

/* All windows of a map, in order of the output pixels. `patch`: room for 12 bytes. */
BW_INLINE void bw_nine_map(const bw_conv2d_i8 *d, const int8_t *in, int8_t *patch,
                           bw_nine_meet *meet, void *to)
{
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w;
    const uint32_t down = (uint32_t)d->dilation_h * d->in_w;
    bw_window w = bw_window_first(d);
    for (uint32_t p = 0, run; p < pixels; p += run) {
        run = bw_window_run(d, &w);
        if (run > 0) {
            const int8_t *from = in + (uint32_t)w.top * d->in_w + (uint32_t)w.left;
            for (uint32_t k = run; k > 0; k--, from += d->stride_w) {
                const uint32_t a = bw_load4(from), b = bw_load4(from + down);
                const bw_nine x = bw_nine_of(a, b, bw_load4(from + 2u * down));
                meet(&x, to);
            }
        } else {
            const bw_nine x = bw_nine_border(d, in, &w, patch);
            meet(&x, to);
            run = 1;
        }
        bw_window_next(d, &w, run);
    }
}

#endif
