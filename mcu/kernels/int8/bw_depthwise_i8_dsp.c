/* int8 depthwise convolution with two 16-bit lanes: four channels of a pixel at a time. */
#include "bw_conv2d_i8.h"
#include "bw_simd32.h"

#if defined(BW_CONV2D_I8_DSP)

/* Where one tap reads: at sample + (channel & mask). A tap outside the map reads four bytes of
 * in_zero whatever the channel, with a mask of 0. */
typedef struct {
    const int8_t *sample;
    uint32_t mask;
} place;

#define MOST_TAPS 49u

typedef struct {
    int32_t s0, s1, s2, s3;
} sums;

/* Four products of four channels. As one piece of assembly the compiler cannot spread it, which
 * would cost it the registers. */
#define TAP                                                                                        \
    "sxtb16 %[e], %[x]\n"                                                                          \
    "sxtb16 %[f], %[w]\n"                                                                          \
    "sxtb16 %[x], %[x], ror #8\n"                                                                  \
    "sxtb16 %[w], %[w], ror #8\n"                                                                  \
    "smlabb %[s0], %[e], %[f], %[s0]\n"                                                            \
    "smlatt %[s2], %[e], %[f], %[s2]\n"                                                            \
    "smlabb %[s1], %[x], %[w], %[s1]\n"                                                            \
    "smlatt %[s3], %[x], %[w], %[s3]\n"

static inline void tap(sums *s, uint32_t x, uint32_t w)
{
#if defined(BW_LOOPS_IN_ASSEMBLY)
    uint32_t e, f;
    __asm volatile(TAP
                   : [s0] "+r"(s->s0), [s1] "+r"(s->s1), [s2] "+r"(s->s2), [s3] "+r"(s->s3),
                     [x] "+r"(x), [w] "+r"(w), [e] "=&r"(e), [f] "=&r"(f));
#else
    const uint32_t xe = bw_even(x), xo = bw_odd(x), we = bw_even(w), wo = bw_odd(w);
    s->s0 = bw_smlabb(xe, we, s->s0);
    s->s1 = bw_smlabb(xo, wo, s->s1);
    s->s2 = bw_smlatt(xe, we, s->s2);
    s->s3 = bw_smlatt(xo, wo, s->s3);
#endif
}

/* The nine taps of an undilated 3x3 window: 94 instructions. A pixel is c bytes, a line `down`. */
static inline void nine(sums *s, const int8_t *sample, const int8_t *weight, uint32_t c,
                        uint32_t down)
{
#if defined(BW_LOOPS_IN_ASSEMBLY)
#define LINE                                                                                       \
    "ldr %[x], [%[p]]\nldr %[w], [%[q]]\n" TAP                                                     \
    "ldr %[x], [%[p], %[c]]\nldr %[w], [%[q], %[c]]\n" TAP                                         \
    "ldr %[x], [%[p], %[c], lsl #1]\nldr %[w], [%[q], %[c], lsl #1]\n" TAP
#define NEXT                                                                                       \
    "add %[p], %[p], %[down]\n"                                                                    \
    "add %[q], %[q], %[c], lsl #1\n"                                                               \
    "add %[q], %[q], %[c]\n"
    uint32_t x, w, e, f;
    __asm volatile(
        LINE NEXT LINE NEXT LINE
        : [s0] "+r"(s->s0), [s1] "+r"(s->s1), [s2] "+r"(s->s2), [s3] "+r"(s->s3), [p] "+r"(sample),
          [q] "+r"(weight), [x] "=&r"(x), [w] "=&r"(w), [e] "=&r"(e), [f] "=&r"(f)
        : [c] "r"(c), [down] "r"(down)
        : "memory");
#else
    for (uint32_t k = 0; k < 9u; k++, weight += c) {
        tap(s, bw_load4(sample + k / 3u * down + k % 3u * c), bw_load4(weight));
    }
#endif
}

/* n taps at their places; weights of a tap are c bytes behind those of the one before. */
static inline void listed(sums *s, const place *at, uint32_t n, const int8_t *weight, uint32_t c,
                          uint32_t channel)
{
#if defined(BW_LOOPS_IN_ASSEMBLY)
    uint32_t x, w, e, f;
    __asm volatile(
        "1:\n"
        "ldrd  %[x], %[e], [%[at]], #8\n"
        "ands  %[e], %[e], %[o]\n"
        "ldr   %[x], [%[x], %[e]]\n"
        "ldr   %[w], [%[q]]\n"
        "add   %[q], %[q], %[c]\n" TAP "subs  %[n], %[n], #1\n"
        "bne   1b\n"
        : [s0] "+r"(s->s0), [s1] "+r"(s->s1), [s2] "+r"(s->s2), [s3] "+r"(s->s3), [at] "+r"(at),
          [q] "+r"(weight), [n] "+r"(n), [x] "=&r"(x), [w] "=&r"(w), [e] "=&r"(e), [f] "=&r"(f)
        : [c] "r"(c), [o] "r"(channel)
        : "cc", "memory");
#else
    for (; n > 0; n--, at++, weight += c) {
        tap(s, bw_load4(at->sample + (channel & at->mask)), bw_load4(weight));
    }
#endif
}

/* Low and high ends of the output, and 1 + 2 * out_zero. */
typedef struct {
    int32_t low, high, centre;
} ends;

static inline int8_t ended(int32_t acc, const int32_t *channel, const ends *e)
{
    int32_t q = bw_narrow(acc, channel[4], channel[8], e->centre);
    q = q < e->low ? e->low : q;
    return (int8_t)(q > e->high ? e->high : q);
}

static inline void finish(const sums *s, const int32_t *channel, const ends *e, bool clamp,
                          int8_t *out)
{
    if (clamp) {
        out[0] = ended(s->s0, channel, e);
        out[1] = ended(s->s1, channel + 1, e);
        out[2] = ended(s->s2, channel + 2, e);
        out[3] = ended(s->s3, channel + 3, e);
    } else {
        out[0] = (int8_t)bw_narrow(s->s0, channel[4], channel[8], e->centre);
        out[1] = (int8_t)bw_narrow(s->s1, channel[5], channel[9], e->centre);
        out[2] = (int8_t)bw_narrow(s->s2, channel[6], channel[10], e->centre);
        out[3] = (int8_t)bw_narrow(s->s3, channel[7], channel[11], e->centre);
    }
}

/* One output pixel: `at` is the sample under the first tap of an undilated 3x3 window inside the
 * map, or NULL, and then `list` has the places. `clamp` is a constant where this is inlined. */
static inline void pixel(const bw_conv2d_i8 *d, const int8_t *at, const place *list, uint32_t taps,
                         bool clamp, int8_t *out)
{
    const uint32_t c = d->in_c, down = d->in_w * c;
    const ends e = {d->act_min, d->act_max, 1 + 2 * d->out_zero};
    const int32_t *channel = d->channels;
    const int8_t *w = d->weights;
    for (uint32_t o = 0; o < c; o += 4, channel += 12, w += 4) {
        sums s = {channel[0], channel[1], channel[2], channel[3]};
        if (at != NULL) {
            nine(&s, at + o, w, c, down);
        } else {
            listed(&s, list, taps, w, c, o);
        }
        finish(&s, channel, &e, clamp, out + o);
    }
}

/* Fills the places of one output pixel. */
static void places(const bw_conv2d_i8 *d, const int8_t *in, int32_t top, int32_t left,
                   const uint32_t *outside, place *list)
{
    for (uint32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t iy = top + (int32_t)(ky * d->dilation_h);
        for (uint32_t kx = 0; kx < d->k_w; kx++, list++) {
            const int32_t ix = left + (int32_t)(kx * d->dilation_w);
            if (iy < 0 || iy >= d->in_h || ix < 0 || ix >= d->in_w) {
                *list = (place){(const int8_t *)outside, 0};
            } else {
                const uint32_t at = (uint32_t)iy * d->in_w + (uint32_t)ix;
                *list = (place){in + at * d->in_c, UINT32_MAX};
            }
        }
    }
}

bool bw_depthwise_i8_fast(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out)
{
    const uint32_t taps = (uint32_t)d->k_h * d->k_w;
    if (d->narrow == 0 || d->in_c != d->out_c || (d->in_c & 3u) != 0u || taps > MOST_TAPS) {
        return false;
    }
    const bool full = d->act_min == -128 && d->act_max == 127;
    const bool three = d->k_h == 3 && d->k_w == 3 && d->dilation_h == 1 && d->dilation_w == 1;
    const uint32_t outside = (uint32_t)(uint8_t)d->in_zero * 0x01010101u;
    place list[MOST_TAPS];
    for (uint32_t y = 0; y < d->out_h; y++) {
        const int32_t top = (int32_t)(y * d->stride_h) - d->pad_top;
        const bool rows = three && top >= 0 && top + 3 <= d->in_h;
        for (uint32_t x = 0; x < d->out_w; x++, out += d->out_c) {
            const int32_t left = (int32_t)(x * d->stride_w) - d->pad_left;
            const int8_t *at = NULL;
            if (rows && left >= 0 && left + 3 <= d->in_w) {
                at = in + ((uint32_t)top * d->in_w + (uint32_t)left) * d->in_c;
            } else {
                places(d, in, top, left, &outside, list);
            }
            if (full) {
                pixel(d, at, list, taps, false, out);
            } else {
                pixel(d, at, list, taps, true, out);
            }
        }
    }
    return true;
}

#endif
