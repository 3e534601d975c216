/* int8 convolution of signs: one pixel by four filters, an instruction for four products.
 *
 * usada8 adds four absolute differences of bytes, which are products here (bitwake/bw_int8.h). A
 * step of eight taps is three ldm and eight usada8. Where a window leaves the map, only the taps
 * within are walked; each of them adds 127 too many.
 */
#include "bw_conv2d_i8_spread.h"
#include "bw_four_i8.h"

/* The taps of a window that lie in the map. */
typedef struct {
    const int8_t *in;        /* the first */
    uint32_t rows, down;     /* lines, and bytes from one to the next */
    uint32_t bytes;          /* of a line: a multiple of 8 */
    uint32_t first, further; /* taps of a filter before the first line, and from line to line */
    int32_t surplus;         /* what all of them add */
} taps;

BW_INLINE taps taps_of(const bw_conv2d_i8 *d, const int8_t *in, int32_t top, int32_t left)
{
    const int32_t dy = d->dilation_h, lines = d->in_h - top, columns = d->in_w - left;
    const int32_t y0 = top < 0 ? (dy - 1 - top) / dy : 0, x0 = left < 0 ? -left : 0;
    const int32_t y1 = lines < d->k_h * dy ? (lines + dy - 1) / dy : d->k_h;
    const int32_t x1 = columns < d->k_w ? columns : d->k_w;
    const uint32_t c = d->in_c, width = (uint32_t)(x1 - x0) * c, rows = (uint32_t)(y1 - y0);
    const int32_t start = ((top + y0 * dy) * d->in_w + left + x0) * d->in_c;
    if (y1 <= y0 || x1 <= x0) {
        return (taps){in, 0, 0, 0, 0, 0, 0};
    }
    return (taps){in + start,
                  rows,
                  (uint32_t)dy * d->in_w * c,
                  width,
                  (uint32_t)(y0 * d->k_w + x0) * c,
                  d->k_w * c,
                  127 * (int32_t)(rows * width)};
}

/* A line from x up to `end` by four filters. */
BW_LOOP void four(bw_four *s, const int8_t *x, const int8_t *end, const int8_t *w)
{
#if defined(BW_LOOPS_IN_ASSEMBLY) && !defined(__ARM_FEATURE_MVE) /* low-overhead loops take lr */
#define STEP                                                                                       \
    "ldm    %[x]!, {r4, r5}\n"                                                                     \
    "ldm    %[w]!, {r6, r8, r9, r10}\n"                                                            \
    "usada8 %[a0], r4, r6, %[a0]\n"                                                                \
    "usada8 %[a1], r4, r8, %[a1]\n"                                                                \
    "usada8 %[b0], r4, r9, %[b0]\n"                                                                \
    "usada8 %[b1], r4, r10, %[b1]\n"                                                               \
    "ldm    %[w]!, {r6, r8, r9, r10}\n"                                                            \
    "usada8 %[a0], r5, r6, %[a0]\n"                                                                \
    "usada8 %[a1], r5, r8, %[a1]\n"                                                                \
    "usada8 %[b0], r5, r9, %[b0]\n"                                                                \
    "usada8 %[b1], r5, r10, %[b1]\n"
    bw_four t = *s;
    __asm volatile("ldr    r4, %[end]\n"
                   "subs   r4, r4, %[x]\n" /* an odd number of steps? */
                   "tst    r4, #8\n"
                   "beq    1f\n" STEP "ldr    r4, %[end]\n"
                   "cmp    %[x], r4\n"
                   "beq    2f\n"
                   "1:\n" STEP STEP "ldr    r4, %[end]\n"
                   "cmp    %[x], r4\n"
                   "bne    1b\n"
                   "2:\n"
                   : [x] "+&r"(x), [w] "+&r"(w), [a0] "+&r"(t.a0), [a1] "+&r"(t.a1),
                     [b0] "+&r"(t.b0), [b1] "+&r"(t.b1)
                   : [end] "m"(end)
                   : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
    *s = t;
#else
    for (; x != end; x += 4, w += 16) {
        const uint32_t signs = bw_load4(x);
        s->a0 = bw_usada8(signs, bw_load4(w), s->a0);
        s->a1 = bw_usada8(signs, bw_load4(w + 4), s->a1);
        s->b0 = bw_usada8(signs, bw_load4(w + 8), s->b0);
        s->b1 = bw_usada8(signs, bw_load4(w + 12), s->b1);
    }
#endif
}

/* All lines by four filters. */
BW_INLINE bw_four four_sums(const taps *t, const int8_t *w, const int32_t *channel)
{
    const int32_t less = t->surplus;
    bw_four s = {channel[0] - less, channel[1] - less, channel[2] - less, channel[3] - less};
    const int8_t *x = t->in;
    w += 4u * t->first;
    for (uint32_t row = t->rows; row > 0; row--, x += t->down, w += 4u * t->further) {
        four(&s, x, x + t->bytes, w);
    }
    return s;
}

/* By a single one. */
BW_INLINE int32_t single_sum(const taps *t, const int8_t *w, int32_t bias)
{
    int32_t sum = bias - t->surplus;
    const int8_t *line = t->in;
    w += t->first;
    for (uint32_t row = t->rows; row > 0; row--, line += t->down, w += t->further) {
        for (uint32_t k = 0; k < t->bytes; k += 8) {
            sum = bw_usada8(bw_load4(line + k), bw_load4(w + k), sum);
            sum = bw_usada8(bw_load4(line + k + 4), bw_load4(w + k + 4), sum);
        }
    }
    return sum;
}

/* One pixel by all filters. Whether there is an addition is a constant where this is inlined. */
BW_INLINE void meet(const bw_conv2d_i8 *d, const taps *t, const int8_t *residual, int8_t *out,
                    const bw_residual *sum)
{
    const uint32_t filter = (uint32_t)d->k_h * d->k_w * d->in_c;
    const int32_t centre = 1 + 2 * d->out_zero;
    const bool clamps = d->act_min != -128 || d->act_max != 127;
    const int8_t *w = d->weights;
    const int32_t *c = d->channels;
    uint32_t o = 0;
    for (; o + 4u <= d->out_c; o += 4, w += 4u * filter, c += 12) {
        bw_four s = four_sums(t, w, c);
        s = (bw_four){bw_narrow(s.a0, c[4], c[8], centre), bw_narrow(s.a1, c[5], c[9], centre),
                      bw_narrow(s.b0, c[6], c[10], centre), bw_narrow(s.b1, c[7], c[11], centre)};
        if (clamps) {
            s = bw_four_clamped(&s, d->act_min, d->act_max);
        }
        if (sum != NULL) {
            const bw_four r = {residual[o], residual[o + 1], residual[o + 2], residual[o + 3]};
            s = bw_four_added(sum, &s, &r);
        }
        out[o] = (int8_t)s.a0;
        out[o + 1] = (int8_t)s.a1;
        out[o + 2] = (int8_t)s.b0;
        out[o + 3] = (int8_t)s.b1;
    }
    for (; o < d->out_c; o++, w += filter, c++) {
        const int8_t q = bw_finish_i8(d, c, single_sum(t, w, c[0]));
        out[o] = sum == NULL ? q : bw_residual_add(sum, q, residual[o]);
    }
}

BW_INLINE void convolve(const bw_conv2d_i8 *d, const int8_t *in, const int8_t *residual,
                        int8_t *out, const bw_residual *sum)
{
    const uint32_t n = d->out_c;
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++, out += n, residual += n) {
            const int32_t top = (int32_t)(y * d->stride_h) - d->pad_top;
            const int32_t left = (int32_t)(x * d->stride_w) - d->pad_left;
            const taps t = taps_of(d, in, top, left);
            meet(d, &t, residual, out, sum);
        }
    }
}

void bw_conv2d_i8_signs(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out)
{
    convolve(d, in, out, out, NULL);
}

void bw_conv2d_add_i8_signs(const bw_conv2d_add_i8 *d, const int8_t *in, const int8_t *residual,
                            int8_t *out)
{
    const bw_residual sum = bw_residual_of(&d->add);
    convolve(&d->conv, in, residual, out, &sum);
}
