/* int8 convolution with two 16-bit lanes: two pixels by two filters.
 *
 * Both patches are spread to 16 bits once: of every four samples k..k+3 come the words (k, k+2) and
 * (k+1, k+3) of the first pixel, then the same of the second, in the order that one ldm reads them.
 * Filters stay bytes; the same two extensions of a filter word give the matching pairs, so nothing
 * is reordered. A step of four samples is ldm, two ldr, four sxtb16 and eight smlad: 15
 * instructions for 16 products.
 */
#include "bw_conv2d_i8_spread.h"
#include "bw_four_i8.h"

#if defined(BW_CONV2D_I8_DSP)

#if defined(BW_LOOPS_IN_ASSEMBLY)
#define STEP(offset)                                                                               \
    "ldm   %[x]!, {r4, r5, r6, r8}\n"                                                              \
    "ldr   %[w], [%[w0], #" #offset "]\n"                                                          \
    "sxtb16 %[e], %[w]\n"                                                                          \
    "sxtb16 %[w], %[w], ror #8\n"                                                                  \
    "smlad %[a0], r4, %[e], %[a0]\n"                                                               \
    "smlad %[b0], r6, %[e], %[b0]\n"                                                               \
    "smlad %[a0], r5, %[w], %[a0]\n"                                                               \
    "smlad %[b0], r8, %[w], %[b0]\n"                                                               \
    "ldr   %[w], [%[w1], #" #offset "]\n"                                                          \
    "sxtb16 %[e], %[w]\n"                                                                          \
    "sxtb16 %[w], %[w], ror #8\n"                                                                  \
    "smlad %[a1], r4, %[e], %[a1]\n"                                                               \
    "smlad %[b1], r6, %[e], %[b1]\n"                                                               \
    "smlad %[a1], r5, %[w], %[a1]\n"                                                               \
    "smlad %[b1], r8, %[w], %[b1]\n"

/* BODY `turns` times, `words` of x a turn; where x ends is kept in memory, for every register is
 * taken. */
#define LOOP(s, px, pw0, pw1, turns, words, BODY)                                                  \
    do {                                                                                           \
        const uint32_t *end = (px) + (words) * (turns);                                            \
        uint32_t e, w;                                                                             \
        __asm volatile(                                                                            \
            "1:\n" BODY "ldr   %[w], %[end]\n"                                                     \
            "cmp   %[x], %[w]\n"                                                                   \
            "bne   1b\n"                                                                           \
            : [x] "+r"(px), [w0] "+r"(pw0), [w1] "+r"(pw1), [a0] "+r"((s).a0), [a1] "+r"((s).a1),  \
              [b0] "+r"((s).b0), [b1] "+r"((s).b1), [e] "=&r"(e), [w] "=&r"(w)                     \
            : [end] "m"(end)                                                                       \
            : "r4", "r5", "r6", "r8", "cc", "memory");                                             \
    } while (0)
#define ADVANCE(bytes)                                                                             \
    "adds  %[w0], %[w0], #" #bytes "\n"                                                            \
    "adds  %[w1], %[w1], #" #bytes "\n"
#else
/* One step of four samples; x holds both pixels. */
static inline void step(bw_four *s, const uint32_t *x, const int8_t *w0, const int8_t *w1)
{
    uint32_t w = bw_load4(w0);
    uint32_t even = bw_even(w), odd = bw_odd(w);
    s->a0 = bw_smlad(x[0], even, s->a0);
    s->a0 = bw_smlad(x[1], odd, s->a0);
    s->b0 = bw_smlad(x[2], even, s->b0);
    s->b0 = bw_smlad(x[3], odd, s->b0);
    w = bw_load4(w1);
    even = bw_even(w);
    odd = bw_odd(w);
    s->a1 = bw_smlad(x[0], even, s->a1);
    s->a1 = bw_smlad(x[1], odd, s->a1);
    s->b1 = bw_smlad(x[2], even, s->b1);
    s->b1 = bw_smlad(x[3], odd, s->b1);
}
#endif

/* Both pixels through two filters of `row` bytes. */
static inline void products(bw_four *s, const uint32_t *x, const int8_t *w0, const int8_t *w1,
                            uint32_t row)
{
    uint32_t turns = row >> 4, rest = row >> 2 & 3u;
#if defined(BW_LOOPS_IN_ASSEMBLY)
    bw_four t = *s;
    if (turns > 0) {
        LOOP(t, x, w0, w1, turns, 16u, STEP(0) STEP(4) STEP(8) STEP(12) ADVANCE(16));
    }
    if (rest > 0) {
        LOOP(t, x, w0, w1, rest, 4u, STEP(0) ADVANCE(4));
    }
    *s = t;
#else
    for (rest += 4u * turns; rest > 0; rest--, x += 4, w0 += 4, w1 += 4) {
        step(s, x, w0, w1);
    }
#endif
}

/* One pixel of the map that is made: where it goes, and what is added to it. */
typedef struct {
    const int8_t *residual;
    int8_t *out;
} target;

/* Four accumulators to outputs. */
BW_INLINE bw_four scaled(const bw_four *s, const int32_t *c0, const int32_t *c1, int32_t centre)
{
    return (bw_four){bw_narrow(s->a0, c0[4], c0[8], centre), bw_narrow(s->a1, c1[4], c1[8], centre),
                     bw_narrow(s->b0, c0[4], c0[8], centre),
                     bw_narrow(s->b1, c1[4], c1[8], centre)};
}

/* Both pixels through filter o and the one behind it (more: 1), or through o alone (0), which then
 * stands for both, as a last pixel does. So everything is read before anything is written onto it.
 * Whether there is an addition, and `more`, are constants where this is inlined; without an
 * addition, clamping is left to the caller. */
BW_INLINE void outputs(const bw_conv2d_i8 *d, const uint32_t *x, const int8_t *w, target a,
                       target b, uint32_t o, uint32_t more, const int32_t *channel, int32_t centre,
                       const bw_residual *sum)
{
    const uint32_t row = d->row, p = o + more;
    const int32_t *other = channel + more;
    bw_four s = {channel[0], other[0], channel[0], other[0]};
    products(&s, x, w, w + more * row, row);
    s = scaled(&s, channel, other, centre);
    if (sum != NULL) {
        if (d->act_min != -128 || d->act_max != 127) {
            s = bw_four_clamped(&s, d->act_min, d->act_max);
        }
        const bw_four r = {a.residual[o], a.residual[p], b.residual[o], b.residual[p]};
        s = bw_four_added(sum, &s, &r);
    }
    a.out[o] = (int8_t)s.a0;
    b.out[o] = (int8_t)s.b0;
    a.out[p] = (int8_t)s.a1;
    b.out[p] = (int8_t)s.b1;
}

/* Both pixels through all filters. */
BW_INLINE void meet(const bw_conv2d_i8 *d, const uint32_t *x, target a, target b,
                    const bw_residual *sum)
{
    const int8_t *w = d->weights;
    const int32_t *channel = d->channels;
    const int32_t centre = 1 + 2 * d->out_zero;
    const uint32_t row = d->row, n = d->out_c;
    uint32_t o = 0;
    for (; o + 1u < n; o += 2, w += 2u * row) {
        outputs(d, x, w, a, b, o, 1, channel, centre, sum);
        channel += (o & 2u) != 0u ? 10 : 2;
    }
    if (o < n) {
        outputs(d, x, w, a, b, o, 0, channel, centre, sum);
    }
}

/* All pixels, two at a time. */
BW_INLINE void convolve(const bw_conv2d_i8 *d, const int8_t *in, const int8_t *residual,
                        int8_t *out, int16_t *scratch, const bw_residual *sum)
{
    uint32_t *both = (uint32_t *)(void *)scratch;
    int8_t *bytes = (int8_t *)(both + d->row);
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w;
    bw_window w = bw_window_first(d);
    for (uint32_t p = 0; p < pixels; p += 2) {
        const target a = {residual + p * d->out_c, out + p * d->out_c};
        target b = {a.residual + d->out_c, a.out + d->out_c};
        bw_spread_window(d, in, &w, both, bytes);
        if (p + 1u < pixels) {
            bw_window_next(d, &w, 1);
        } else {
            b = a;
        }
        bw_spread_window(d, in, &w, both + 2, bytes);
        bw_window_next(d, &w, 1);
        meet(d, both, a, b, sum);
    }
}

bool bw_conv2d_i8_fast(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int16_t *scratch)
{
    if (d->narrow == 0) {
        return false;
    }
    if (d->packed != NULL) {
        bw_conv2d_i8_packed(d, in, out, scratch);
    } else if (scratch == NULL) {
        bw_conv2d_i8_dense(d, in, out);
    } else {
        convolve(d, in, out, out, scratch, NULL);
        bw_clamp_map_i8(d, out);
    }
    return true;
}

bool bw_conv2d_add_i8_fast(const bw_conv2d_add_i8 *d, const int8_t *in, const int8_t *residual,
                           int8_t *out, int16_t *scratch)
{
    if (d->conv.narrow == 0) {
        return false;
    }
    const bw_residual sum = bw_residual_of(&d->add);
    convolve(&d->conv, in, residual, out, scratch, &sum);
    return true;
}

#endif
