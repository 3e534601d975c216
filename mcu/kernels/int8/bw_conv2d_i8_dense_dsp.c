/* int8 convolution of a single pixel by 1x1 filters with two 16-bit lanes: a dense layer. */
#include "bw_conv2d_i8.h"
#include "bw_simd32.h"

#if defined(BW_CONV2D_I8_DSP)

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
        const int32_t q = bw_narrow(acc[k], channel[4u + k], channel[8u + k], centre);
        out[k] = bw_clamp_i8(q, d->act_min, d->act_max);
    }
}

/* One pixel of a 1x1 layer: four filters share an extended sample, then two, then one. */
void bw_conv2d_i8_dense(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out)
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

#endif
