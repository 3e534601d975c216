/* int8 convolution of few channels with two 16-bit lanes: two pixels by two filters.
 *
 * As in bw_conv2d_i8_dsp.c, but filters are there as lanes, and what scales the sums lies behind
 * them, so that one pointer runs through everything: a step of four samples is three ldm and eight
 * smlad, 11 instructions for 16 products, and some 36 begin and end four outputs.
 */
#include "bw_conv2d_i8_spread.h"

#if defined(BW_CONV2D_I8_DSP)

/* Where the outputs of both pixels go. */
typedef struct {
    int8_t *a, *b;
} places;

/* Both pixels' samples, and the packed filters that they meet. */
typedef struct {
    const uint32_t *x;
    const int32_t *f;
    places to;
} job;

#if defined(BW_LOOPS_IN_ASSEMBLY)
/* Sums of the first pixel are in r0 and r1, its samples in r4 and r5, the second pixel's in r6 and
 * r8; filters in r9 and r10. */
#define STEP                                                                                       \
    "ldm   %[x]!, {r4, r5, r6, r8}\n"                                                              \
    "ldm   %[f]!, {r9, r10}\n"                                                                     \
    "smlad r0, r4, r9, r0\n"                                                                       \
    "smlad r1, r4, r10, r1\n"                                                                      \
    "smlad %[b0], r6, r9, %[b0]\n"                                                                 \
    "smlad %[b1], r6, r10, %[b1]\n"                                                                \
    "ldm   %[f]!, {r9, r10}\n"                                                                     \
    "smlad r0, r5, r9, r0\n"                                                                       \
    "smlad r1, r5, r10, r1\n"                                                                      \
    "smlad %[b0], r8, r9, %[b0]\n"                                                                 \
    "smlad %[b1], r8, r10, %[b1]\n"

/* A sum to an output; the centre is in r9. */
#define SCALE(sum, multiplier, first)                                                              \
    "smmulr " sum ", " sum ", " multiplier "\n"                                                    \
    "sub   " sum ", " sum ", " sum ", lsr #31\n"                                                   \
    "asr   " sum ", " sum ", " first "\n"                                                          \
    "add   " sum ", " sum ", r9\n"                                                                 \
    "ssat  " sum ", #8, " sum ", asr #1\n"

#define SCALE_AND_STORE                                                                            \
    "ldm   %[f]!, {r4, r5, r6, r8, r9}\n" SCALE("r0", "r4", "r5") SCALE("%[b0]", "r4", "r5")       \
        SCALE("r1", "r6", "r8") SCALE("%[b1]", "r6", "r8") "ldrd  r4, r5, %[to]\n"                 \
                                                           "strb  r0, [r4], #1\n"                  \
                                                           "strb  %[b0], [r5], #1\n"               \
                                                           "strb  r1, [r4], #1\n"                  \
                                                           "strb  %[b1], [r5], #1\n"               \
                                                           "strd  r4, r5, %[to]\n"

/* All pairs of filters up to `last`: two steps a turn until x is at `middle`, then REST. ldrd and
 * strd reach `to` within 1,020 bytes of the stack pointer: the frame is far smaller. */
#define PAIRS(REST)                                                                                \
    __asm volatile("1:\n"                                                                          \
                   "ldm   %[f]!, {r0, r1}\n"                                                       \
                   "ldr   %[x], %[from]\n"                                                         \
                   "mov   %[b0], r0\n"                                                             \
                   "mov   %[b1], r1\n"                                                             \
                   "cmp   %[x], %[middle]\n"                                                       \
                   "beq   3f\n"                                                                    \
                   "2:\n" STEP STEP "cmp   %[x], %[middle]\n"                                      \
                   "bne   2b\n"                                                                    \
                   "3:\n" REST SCALE_AND_STORE "ldr   r4, %[last]\n"                               \
                   "cmp   %[f], r4\n"                                                              \
                   "bne   1b\n"                                                                    \
                   : [f] "+&r"(f), [x] "=&r"(x), [b0] "=&r"(b0), [b1] "=&r"(b1), [to] "+m"(to)     \
                   : [from] "m"(from), [middle] "r"(middle), [last] "m"(last)                      \
                   : "r0", "r1", "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory")

/* Both pixels meet 2 * n filters, n > 0; what is left. */
static job pairs(job j, uint32_t row, uint32_t n)
{
    const uint32_t *from = j.x, *middle = j.x + (row & ~7u), *x;
    const int32_t *f = j.f, *last = f + n * (row + BW_PAIR);
    places to = j.to;
    int32_t b0, b1;
    if ((row & 4u) != 0u) {
        PAIRS(STEP);
    } else {
        PAIRS();
    }
    return (job){from, f, to};
}
#endif

/* One filter of two (1: the second) meets both pixels. */
static void single(const job *j, uint32_t row, uint32_t which)
{
    const int32_t *f = j->f + which, *end = j->f + row + 2u;
    const uint32_t *x = j->x;
    int32_t a = f[0], b = f[0];
    for (f += 2; f < end; f += 4, x += 4) {
        a = bw_smlad(x[1], (uint32_t)f[2], bw_smlad(x[0], (uint32_t)f[0], a));
        b = bw_smlad(x[3], (uint32_t)f[2], bw_smlad(x[2], (uint32_t)f[0], b));
    }
    const int32_t multiplier = end[2u * which], centre = end[4];
    const uint32_t first = (uint32_t)end[2u * which + 1u];
    j->to.a[which] = (int8_t)bw_narrow_twice(a, multiplier, first, centre);
    j->to.b[which] = (int8_t)bw_narrow_twice(b, multiplier, first, centre);
}

/* Both pixels meet n filters. */
static inline void meet(job j, uint32_t row, uint32_t n)
{
#if defined(BW_LOOPS_IN_ASSEMBLY)
    if (n > 1u) {
        j = pairs(j, row, n >> 1);
    }
#else
    for (uint32_t k = n >> 1; k > 0; k--) {
        single(&j, row, 0);
        single(&j, row, 1);
        j = (job){j.x, j.f + row + BW_PAIR, {j.to.a + 2, j.to.b + 2}};
    }
#endif
    if ((n & 1u) != 0u) {
        single(&j, row, 0);
    }
}

void bw_conv2d_i8_packed(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int16_t *scratch)
{
    if (d->k_h == 3 && d->k_w == 3 && d->in_c == 1) {
        bw_conv2d_i8_nine(d, in, out, (int8_t *)scratch);
        return;
    }
    uint32_t *both = (uint32_t *)(void *)scratch;
    int8_t *bytes = (int8_t *)(both + d->row);
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w, n = d->out_c;
    bw_window w = bw_window_first(d);
    int8_t *to = out;
    for (uint32_t p = 0; p < pixels; p += 2, to += 2u * n) {
        const bool two = p + 1u < pixels; /* else the last pixel stands for both */
        bw_spread_window(d, in, &w, both, bytes);
        if (two) {
            bw_window_next(d, &w, 1);
        }
        bw_spread_window(d, in, &w, both + 2, bytes);
        bw_window_next(d, &w, 1);
        meet((job){both, d->packed, {to, two ? to + n : to}}, d->row, n);
    }
    bw_clamp_map_i8(d, out);
}

#endif
