/* int8 convolution with two 16-bit lanes: two pixels by two filters.
 *
 * Both patches are spread to 16 bits once: of every four samples k..k+3 come the words (k, k+2) and
 * (k+1, k+3) of the first pixel, then the same of the second, in the order that one ldm reads them.
 * Filters stay bytes; the same two extensions of a filter word give the matching pairs, so nothing
 * is reordered. A step of four samples is ldm, two ldr, four sxtb16 and eight smlad: 15
 * instructions for 16 products.
 */
#include "bw_add_i8.h"
#include "bw_conv2d_i8.h"
#include "bw_simd32.h"

#if defined(BW_CONV2D_I8_DSP)

typedef struct {
    int32_t a0, a1, b0, b1; /* pixel a and b, filter 0 and 1 */
} sums;

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
static inline void step(sums *s, const uint32_t *x, const int8_t *w0, const int8_t *w1)
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
static inline void products(sums *s, const uint32_t *x, const int8_t *w0, const int8_t *w1,
                            uint32_t row)
{
    uint32_t turns = row >> 4, rest = row >> 2 & 3u;
#if defined(BW_LOOPS_IN_ASSEMBLY)
    sums t = *s;
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

/* n bytes spread into the two words of each step that belong to one pixel; zeros up to a step. */
static uint32_t *spread(uint32_t *to, const int8_t *from, uint32_t n)
{
    for (; n >= 4u; n -= 4u, from += 4, to += 4) {
        const uint32_t x = bw_load4(from);
        to[0] = bw_even(x);
        to[1] = bw_odd(x);
    }
    if (n > 0) {
        uint32_t x = 0;
        memcpy(&x, from, n);
        to[0] = bw_even(x);
        to[1] = bw_odd(x);
        to += 4;
    }
    return to;
}

static uint32_t *spread_zero(uint32_t *to, int8_t zero, uint32_t n)
{
    const uint32_t pair = (uint32_t)(uint16_t)zero * 0x10001u;
    for (; n >= 4u; n -= 4u, to += 4) {
        to[0] = to[1] = pair;
    }
    return to;
}

/* The patch at (y, x) of a map whose pixels are whole steps, straight from the map. */
static void spread_patch(const bw_conv2d_i8 *d, const int8_t *in, uint32_t y, uint32_t x,
                         uint32_t *to)
{
    const uint32_t c = d->in_c;
    const int32_t top = (int32_t)(y * d->stride_h) - d->pad_top;
    const int32_t left = (int32_t)(x * d->stride_w) - d->pad_left;
    const bool whole = d->dilation_w == 1 && left >= 0 && left + d->k_w <= d->in_w;
    for (uint32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t iy = top + (int32_t)(ky * d->dilation_h);
        if (iy < 0 || iy >= d->in_h) {
            to = spread_zero(to, d->in_zero, d->k_w * c);
            continue;
        }
        const int8_t *line = in + (uint32_t)iy * d->in_w * c;
        if (whole) {
            to = spread(to, line + (uint32_t)left * c, d->k_w * c);
            continue;
        }
        for (uint32_t kx = 0; kx < d->k_w; kx++) {
            const int32_t ix = left + (int32_t)(kx * d->dilation_w);
            const bool outside = ix < 0 || ix >= d->in_w;
            to = outside ? spread_zero(to, d->in_zero, c) : spread(to, line + (uint32_t)ix * c, c);
        }
    }
}

/* One pixel's patch into `to`, whichever way the layer allows; `bytes` is room for a plain patch.
 */
static void prepare(const bw_conv2d_i8 *d, const int8_t *in, uint32_t y, uint32_t x, uint32_t *to,
                    int8_t *bytes)
{
    const bool pointwise = d->k_h == 1 && d->k_w == 1 && d->pad_top == 0 && d->pad_left == 0;
    if (pointwise) {
        const uint32_t at = y * d->stride_h * d->in_w + x * d->stride_w;
        spread(to, in + at * d->in_c, d->in_c);
    } else if ((d->in_c & 3u) == 0u) {
        spread_patch(d, in, y, x, to);
    } else {
        bw_conv2d_i8_patch(d, in, y, x, bytes);
        spread(to, bytes, (uint32_t)d->k_h * d->k_w * d->in_c);
    }
}

static inline int8_t clamped(const bw_conv2d_i8 *d, int32_t q)
{
    q = q < d->act_min ? d->act_min : q;
    return (int8_t)(q > d->act_max ? d->act_max : q);
}

/* One pixel of the map that is made: where it goes, and what is added to it. */
typedef struct {
    const int8_t *residual;
    int8_t *out;
} target;

/* The rest of a function whose caller decides what is a constant. */
#define INLINE static inline __attribute__((always_inline))

/* Four additions side by side, so that each constant is loaded once for all. */
INLINE sums added(const bw_residual *r, const sums *q, const sums *residual)
{
    const bw_add_operand *a = &r->a, *b = &r->b;
    sums s = {bw_add_common(q->a0, a), bw_add_common(q->a1, a), bw_add_common(q->b0, a),
              bw_add_common(q->b1, a)};
    s = (sums){s.a0 + bw_add_common(residual->a0, b), s.a1 + bw_add_common(residual->a1, b),
               s.b0 + bw_add_common(residual->b0, b), s.b1 + bw_add_common(residual->b1, b)};
    s = (sums){bw_narrow(s.a0, r->multiplier, r->shift, r->centre),
               bw_narrow(s.a1, r->multiplier, r->shift, r->centre),
               bw_narrow(s.b0, r->multiplier, r->shift, r->centre),
               bw_narrow(s.b1, r->multiplier, r->shift, r->centre)};
    if (r->clamps) {
        const int32_t low = r->low, high = r->high;
        s = (sums){bw_clamp_i8(s.a0, low, high), bw_clamp_i8(s.a1, low, high),
                   bw_clamp_i8(s.b0, low, high), bw_clamp_i8(s.b1, low, high)};
    }
    return s;
}

static inline int32_t ended(const bw_conv2d_i8 *d, bool clamp, int32_t centre, int32_t acc,
                            const int32_t *channel)
{
    const int32_t q = bw_narrow(acc, channel[4], channel[8], centre);
    return clamp ? clamped(d, q) : q;
}

/* Both pixels through all filters. `clamp`, and whether there is an addition, are constants where
 * this is inlined. Residuals are read before anything is written onto them, since the last pixel
 * may stand for both. */
INLINE void meet(const bw_conv2d_i8 *d, const uint32_t *x, target a, target b, bool clamp,
                 const bw_residual *sum)
{
    const int8_t *w = d->weights;
    const int32_t *channel = d->channels;
    const int32_t centre = 1 + 2 * d->out_zero;
    const uint32_t row = d->row;
    for (uint32_t o = 0; o < d->out_c; o += 2, w += 2u * row) {
        const bool both = o + 1u < d->out_c;
        sums s = {channel[0], channel[1], channel[0], channel[1]};
        products(&s, x, w, both ? w + row : w, row);
        if (sum != NULL) {
            const uint32_t p = both ? o + 1u : o;
            const sums q = {
                ended(d, clamp, centre, s.a0, channel), ended(d, clamp, centre, s.a1, channel + 1),
                ended(d, clamp, centre, s.b0, channel), ended(d, clamp, centre, s.b1, channel + 1)};
            const sums r = {a.residual[o], a.residual[p], b.residual[o], b.residual[p]};
            const sums y = added(sum, &q, &r);
            a.out[o] = (int8_t)y.a0;
            b.out[o] = (int8_t)y.b0;
            if (both) {
                a.out[p] = (int8_t)y.a1;
                b.out[p] = (int8_t)y.b1;
            }
        } else {
            int32_t qa = bw_narrow(s.a0, channel[4], channel[8], centre);
            int32_t qb = bw_narrow(s.b0, channel[4], channel[8], centre);
            a.out[o] = clamp ? clamped(d, qa) : (int8_t)qa;
            b.out[o] = clamp ? clamped(d, qb) : (int8_t)qb;
            if (both) {
                qa = bw_narrow(s.a1, channel[5], channel[9], centre);
                qb = bw_narrow(s.b1, channel[5], channel[9], centre);
                a.out[o + 1u] = clamp ? clamped(d, qa) : (int8_t)qa;
                b.out[o + 1u] = clamp ? clamped(d, qb) : (int8_t)qb;
            }
        }
        channel += (o & 2u) != 0u ? 10 : 2;
    }
}

/* Four filters meet whole words of one pixel: 26 instructions for 16 products. */
static inline void four(int32_t *acc, const int8_t **in, const int8_t **w, const int8_t *end,
                        uint32_t row)
{
#if defined(BW_LOOPS_IN_ASSEMBLY)
#define FILTER(a, address)                                                                         \
    "ldr   %[f], " address "\n"                                                                    \
    "sxtb16 %[g], %[f]\n"                                                                          \
    "sxtb16 %[f], %[f], ror #8\n"                                                                  \
    "smlad %[" a "], %[e], %[g], %[" a "]\n"                                                       \
    "smlad %[" a "], %[o], %[f], %[" a "]\n"
    uint32_t e, o, f, g;
    __asm volatile(
        "1:\n"
        "ldr   %[o], [%[in]], #4\n"
        "sxtb16 %[e], %[o]\n"
        "sxtb16 %[o], %[o], ror #8\n" FILTER("a0", "[%[w]]") FILTER("a1", "[%[w], %[row]]")
            FILTER("a2", "[%[w], %[row], lsl #1]")
                FILTER("a3", "[%[w], %[row3]]") "adds  %[w], %[w], #4\n"
                                                "cmp   %[in], %[end]\n"
                                                "bne   1b\n"
        : [a0] "+r"(acc[0]), [a1] "+r"(acc[1]), [a2] "+r"(acc[2]), [a3] "+r"(acc[3]),
          [in] "+r"(*in), [w] "+r"(*w), [e] "=&r"(e), [o] "=&r"(o), [f] "=&r"(f), [g] "=&r"(g)
        : [end] "r"(end), [row] "r"(row), [row3] "r"(3u * row)
        : "cc", "memory");
#else
    for (; *in != end; *in += 4, *w += 4) {
        const uint32_t x = bw_load4(*in), even = bw_even(x), odd = bw_odd(x);
        for (uint32_t k = 0; k < 4u; k++) {
            const uint32_t f = bw_load4(*w + k * row);
            acc[k] = bw_smlad(odd, bw_odd(f), bw_smlad(even, bw_even(f), acc[k]));
        }
    }
#endif
}

/* n filters (1, 2 or 4, a constant where this is inlined) meet one pixel read as bytes. */
static inline void dense_n(const bw_conv2d_i8 *d, const int8_t *in, const int8_t *w,
                           const int32_t *channel, uint32_t n, int8_t *out)
{
    const int32_t centre = 1 + 2 * d->out_zero;
    const uint32_t row = d->row;
    const int8_t *end = in + (d->in_c & ~3u);
    int32_t acc[4];
    for (uint32_t k = 0; k < n; k++) {
        acc[k] = channel[k];
    }
    if (n == 4u && in != end) {
        four(acc, &in, &w, end, row);
    }
    for (; in != end; in += 4, w += 4) {
        const uint32_t x = bw_load4(in), even = bw_even(x), odd = bw_odd(x);
        for (uint32_t k = 0; k < n; k++) {
            const uint32_t f = bw_load4(w + k * row);
            acc[k] = bw_smlad(even, bw_even(f), acc[k]);
            acc[k] = bw_smlad(odd, bw_odd(f), acc[k]);
        }
    }
    if ((d->in_c & 3u) != 0u) {
        uint32_t x = 0;
        memcpy(&x, in, d->in_c & 3u);
        for (uint32_t k = 0; k < n; k++) {
            const uint32_t f = bw_load4(w + k * row);
            acc[k] = bw_smlad(bw_even(x), bw_even(f), acc[k]);
            acc[k] = bw_smlad(bw_odd(x), bw_odd(f), acc[k]);
        }
    }
    for (uint32_t k = 0; k < n; k++) {
        out[k] = clamped(d, bw_narrow(acc[k], channel[4u + k], channel[8u + k], centre));
    }
}

/* One pixel of a 1x1 layer: four filters share an extended sample, then two, then one. */
static void dense(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out)
{
    const int8_t *w = d->weights;
    uint32_t o = 0;
    for (; o + 4u <= d->out_c; o += 4, w += 4u * d->row) {
        dense_n(d, in, w, d->channels + 3u * o, 4, out + o);
    }
    if (o + 2u <= d->out_c) {
        dense_n(d, in, w, bw_channel(d, o), 2, out + o);
        o += 2;
        w += 2u * d->row;
    }
    if (o < d->out_c) {
        dense_n(d, in, w, bw_channel(d, o), 1, out + o);
    }
}

/* All pixels, two at a time. */
INLINE void convolve(const bw_conv2d_i8 *d, const int8_t *in, const int8_t *residual, int8_t *out,
                     int16_t *scratch, const bw_residual *sum)
{
    uint32_t *spread_both = (uint32_t *)(void *)scratch;
    int8_t *bytes = (int8_t *)(spread_both + d->row);
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w;
    const bool full = d->act_min == -128 && d->act_max == 127;
    uint32_t y = 0, x = 0;
    for (uint32_t p = 0; p < pixels; p += 2) {
        const target a = {residual + p * d->out_c, out + p * d->out_c};
        target b = {a.residual + d->out_c, a.out + d->out_c};
        prepare(d, in, y, x, spread_both, bytes);
        if (p + 1u < pixels) {
            x++;
            if (x == d->out_w) {
                x = 0;
                y++;
            }
        } else {
            b = a; /* the last pixel stands for both */
        }
        prepare(d, in, y, x, spread_both + 2, bytes);
        x++;
        if (x == d->out_w) {
            x = 0;
            y++;
        }
        if (full) {
            meet(d, spread_both, a, b, false, sum);
        } else {
            meet(d, spread_both, a, b, true, sum);
        }
    }
}

bool bw_conv2d_i8_fast(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int16_t *scratch)
{
    if (d->narrow == 0) {
        return false;
    }
    if (scratch == NULL) {
        dense(d, in, out);
    } else {
        convolve(d, in, out, out, scratch, NULL);
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
