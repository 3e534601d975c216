/* Every portable kernel over random shapes, against definitions written down plainly here, on heap
 * blocks of exactly the documented size, so that AddressSanitizer sees a step too far in either
 * direction. Prints the number of checks; the first difference ends the program with status 1.
 */
#include <math.h>
#include <string.h>

#include "bitwake/bw_kernels.h"
#include "bw_bconv2d.h"
#include "random_blocks.h"

/* Packed maps keep the bits beyond the last channel at 0. */
static void clear_tails(uint32_t *words, uint32_t pixels, uint32_t channels)
{
    const uint32_t n = BW_WORDS(channels);
    for (uint32_t p = 0; p < pixels && channels % 32u != 0u; p++) {
        words[p * n + n - 1u] &= (1u << (channels % 32u)) - 1u;
    }
}

static void xor_count(void)
{
    for (uint32_t n = 0; n < 200u; n++) {
        uint32_t *a = block(4u * n), *w = block(4u * n), wanted = 0;
        if (n % 5u == 0u) {
            memset(a, 0xff, 4u * n);
            memset(w, 0, 4u * n);
        }
        for (uint32_t i = 0; i < 32u * n; i++) {
            wanted += bit_of(a, i) ^ bit_of(w, i);
        }
        expect(bw_xor_count(a, w, n) == wanted, "bw_xor_count", n);
        free(a);
        free(w);
    }
}

/* A descriptor of random shape; weights are made, everything else is left to the caller. */
static bw_bconv2d random_convolution(int large)
{
    bw_bconv2d d = {0};
    const uint32_t groups = below(3) == 0u ? between(2, 4) : 1u;
    const uint32_t per_group = groups > 1u ? 32u * between(1, 3) : between(1, 100);
    d.groups = (uint16_t)groups;
    d.in_c = (uint16_t)(groups * per_group);
    d.out_c = (uint16_t)(groups * between(1, groups > 1u ? 12 : 40));
    d.k_h = (uint8_t)between(1, large ? 13 : 4);
    d.k_w = (uint8_t)between(1, large ? 13 : 4);
    d.stride_h = (uint8_t)between(1, 3);
    d.stride_w = (uint8_t)between(1, 3);
    d.dilation_h = (uint8_t)between(1, 2);
    d.dilation_w = (uint8_t)between(1, 2);
    d.zero_padding = (uint8_t)(per_group % 2u == 0u && below(3) == 0u);
    d.in_h = (uint16_t)between(1, 9);
    d.in_w = (uint16_t)between(1, 9);
    d.pad_top = (int16_t)below((uint32_t)d.k_h + 1u);
    d.pad_left = (int16_t)below((uint32_t)d.k_w + 1u);
    d.out_h = (uint16_t)between(1, 5);
    d.out_w = (uint16_t)between(1, 5);
    const uint32_t words = BW_WORDS(per_group);
    uint32_t *weights = block(4u * d.out_c * d.k_h * d.k_w * words);
    clear_tails(weights, (uint32_t)d.out_c * d.k_h * d.k_w, per_group);
    d.weights = weights;
    return d;
}

/* Products that are -1, straight from the definition. */
static int32_t count_of(const bw_bconv2d *d, const uint32_t *in, uint32_t y, uint32_t x, uint32_t o)
{
    const uint32_t per_group = (uint32_t)d->in_c / d->groups, words = BW_WORDS(per_group);
    const uint32_t g = o / ((uint32_t)d->out_c / d->groups);
    int32_t n = 0;
    for (uint32_t ky = 0; ky < d->k_h; ky++) {
        for (uint32_t kx = 0; kx < d->k_w; kx++) {
            const long iy = (long)(y * d->stride_h + ky * d->dilation_h) - d->pad_top;
            const long ix = (long)(x * d->stride_w + kx * d->dilation_w) - d->pad_left;
            const int inside = iy >= 0 && iy < d->in_h && ix >= 0 && ix < d->in_w;
            const uint32_t *w = d->weights + ((o * d->k_h + ky) * d->k_w + kx) * words;
            for (uint32_t c = 0; c < per_group; c++) {
                uint32_t a = 0;
                if (inside) {
                    const uint32_t at = (uint32_t)iy * d->in_w + (uint32_t)ix;
                    a = bit_of(in + at * BW_WORDS((uint32_t)d->in_c), g * per_group + c);
                } else if (d->zero_padding != 0u) {
                    n += (int32_t)(c % 2u); /* half of the tap's channels */
                    continue;
                }
                n += (int32_t)(a ^ bit_of(w, c));
            }
        }
    }
    return n;
}

static void convolutions(void)
{
    for (int i = 0; i < 400; i++) {
        bw_bconv2d d = random_convolution(i % 8 == 0);
        const uint32_t pixels = (uint32_t)d.out_h * d.out_w, words = BW_WORDS((uint32_t)d.out_c);
        const uint32_t taps = (uint32_t)d.k_h * d.k_w * d.in_c / d.groups;
        uint32_t *in = block(4u * d.in_h * d.in_w * BW_WORDS((uint32_t)d.in_c));
        clear_tails(in, (uint32_t)d.in_h * d.in_w, d.in_c);
        int32_t *thresholds = block(4u * d.out_c);
        float *multiplier = block(4u * d.out_c), *bias = block(4u * d.out_c);
        for (uint32_t o = 0; o < d.out_c; o++) {
            static const int32_t ends[] = {INT32_MIN, INT32_MAX, -1, 0};
            thresholds[o] = below(8) == 0u ? ends[below(4)] : (int32_t)below(taps + 2u);
            /* Halves: every other result lies exactly between two integers. */
            multiplier[o] = below(2) == 0u ? 0.25f : (float)below(2000) / 1000.0f - 1.0f;
            bias[o] = (float)below(200) / 2.0f - 50.0f;
        }
        d.thresholds = thresholds;
        d.multiplier = multiplier;
        d.bias = bias;
        d.clamp_min = below(2) == 0u ? 0 : (int32_t)taps;
        d.clamp_max = 2 * (int32_t)taps;
        uint32_t *bits = block(4u * pixels * words);
        float *reals = block(4u * pixels * d.out_c);
        int8_t *bytes = block(pixels * d.out_c);
        bw_bconv2d_bits(&d, in, bits);
        bw_bconv2d_f32(&d, in, reals);
        bw_bconv2d_i8(&d, in, bytes);
        for (uint32_t p = 0; p < pixels; p++) {
            for (uint32_t o = 0; o < 32u * words; o++) {
                const int32_t n = o < d.out_c ? count_of(&d, in, p / d.out_w, p % d.out_w, o) : 0;
                const uint32_t bit = o < d.out_c ? (uint32_t)(n > thresholds[o]) : 0u;
                expect(bit_of(bits + p * words, o) == bit, "bw_bconv2d_bits", p);
                if (o >= d.out_c) {
                    continue;
                }
                const int32_t counted = bw_bconv2d_count_ref(&d, in, p / d.out_w, p % d.out_w, o);
                expect(counted == n, "bw_bconv2d_count_ref", p);
                int32_t t = 2 * n;
                t = t < d.clamp_min ? d.clamp_min : t > d.clamp_max ? d.clamp_max : t;
                const volatile float product = (float)t * multiplier[o];
                const float y = product + bias[o];
                expect(reals[p * d.out_c + o] == y, "bw_bconv2d_f32", p);
                const double whole = round((double)y); /* half away from zero */
                const double wanted = whole > 127.0 ? 127.0 : whole < -128.0 ? -128.0 : whole;
                expect((double)bytes[p * d.out_c + o] == wanted, "bw_bconv2d_i8", p);
            }
        }
        free(in), free(thresholds), free(multiplier), free(bias);
        free(bits), free(reals), free(bytes);
        free((void *)(uintptr_t)d.weights);
    }
}

static void pooling(void)
{
    for (int i = 0; i < 200; i++) {
        bw_bmaxpool2d d = {0};
        d.in_h = (uint16_t)between(1, 9);
        d.in_w = (uint16_t)between(1, 9);
        d.words = (uint16_t)between(1, 4);
        d.k_h = (uint8_t)between(1, 4);
        d.k_w = (uint8_t)between(1, 4);
        d.stride_h = (uint8_t)between(1, 3);
        d.stride_w = (uint8_t)between(1, 3);
        d.pad_top = (int16_t)below(d.k_h);
        d.pad_left = (int16_t)below(d.k_w);
        d.out_h = (uint16_t)((d.in_h - 1) / d.stride_h + 1);
        d.out_w = (uint16_t)((d.in_w - 1) / d.stride_w + 1);
        uint32_t *in = block(4u * d.in_h * d.in_w * d.words);
        uint32_t *out = block(4u * d.out_h * d.out_w * d.words);
        bw_bmaxpool2d_bits(&d, in, out);
        for (uint32_t at = 0; at < (uint32_t)d.out_h * d.out_w * d.words; at++) {
            const uint32_t w = at % d.words, x = at / d.words % d.out_w, y = at / d.words / d.out_w;
            uint32_t wanted = UINT32_MAX;
            for (uint32_t k = 0; k < (uint32_t)d.k_h * d.k_w; k++) {
                const long iy = (long)(y * d.stride_h + k / d.k_w) - d.pad_top;
                const long ix = (long)(x * d.stride_w + k % d.k_w) - d.pad_left;
                if (iy >= 0 && iy < d.in_h && ix >= 0 && ix < d.in_w) {
                    wanted &= in[((uint32_t)iy * d.in_w + (uint32_t)ix) * d.words + w];
                }
            }
            expect(out[at] == wanted, "bw_bmaxpool2d_bits", at);
        }
        free(in), free(out);
    }
}

static void gathering(void)
{
    for (int i = 0; i < 200; i++) {
        const uint32_t pixels = between(1, 6), in_words = between(1, 4), out_c = between(1, 90);
        uint16_t *source = block(2u * out_c);
        for (uint32_t c = 0; c < out_c; c++) {
            source[c] = (uint16_t)below(32u * in_words);
        }
        const bw_gather_channels d = {pixels, (uint16_t)in_words, (uint16_t)out_c, source};
        uint32_t *in = block(4u * pixels * in_words);
        uint32_t *out = block(4u * pixels * BW_WORDS(out_c));
        bw_gather_channels_bits(&d, in, out);
        for (uint32_t p = 0; p < pixels; p++) {
            for (uint32_t c = 0; c < 32u * BW_WORDS(out_c); c++) {
                const uint32_t wanted = c < out_c ? bit_of(in + p * in_words, source[c]) : 0u;
                expect(bit_of(out + p * BW_WORDS(out_c), c) == wanted, "bw_gather_channels", c);
            }
        }
        free(source), free(in), free(out);
    }
}

static void casting(void)
{
    static const float odd[] = {-0.0f, 0.0f, -1e-45f, 1e-45f, -INFINITY, INFINITY, NAN, -1.0f};
    for (int i = 0; i < 200; i++) {
        const uint32_t pixels = between(1, 5), channels = between(1, 70), n = pixels * channels;
        bw_bitcast d = {pixels, (uint16_t)channels, (int32_t)below(256) - 128, 0, 0};
        d.plus = (int8_t)(int32_t)(below(128));
        d.minus = (int8_t)(-(int32_t)below(129));
        float *reals = block(4u * n), *back = block(4u * n);
        int8_t *bytes = block(n), *back8 = block(n);
        for (uint32_t k = 0; k < n; k++) {
            reals[k] = below(2) == 0u ? odd[below(8)] : (float)below(9) - 4.0f;
        }
        uint32_t *bits = block(4u * pixels * BW_WORDS(channels));
        uint32_t *bits8 = block(4u * pixels * BW_WORDS(channels));
        bw_quantize_f32(&d, reals, bits);
        bw_quantize_i8(&d, bytes, bits8);
        bw_dequantize_f32(&d, bits, back);
        bw_dequantize_i8(&d, bits8, back8);
        for (uint32_t p = 0; p < pixels; p++) {
            const uint32_t row = p * BW_WORDS(channels);
            for (uint32_t c = 0; c < 32u * BW_WORDS(channels); c++) {
                const uint32_t k = p * channels + c, real = c < channels;
                const uint32_t f = real && reals[k] < 0.0f, q = real && bytes[k] < d.zero_point;
                expect(bit_of(bits + row, c) == f, "bw_quantize_f32", k);
                expect(bit_of(bits8 + row, c) == q, "bw_quantize_i8", k);
                if (real) {
                    expect(back[k] == (f ? -1.0f : 1.0f), "bw_dequantize_f32", k);
                    expect(back8[k] == (q ? d.minus : d.plus), "bw_dequantize_i8", k);
                }
            }
        }
        free(reals), free(back), free(bytes), free(back8), free(bits), free(bits8);
    }
}

static void encoding(void)
{
    for (int i = 0; i < 60; i++) {
        const uint32_t pixels = between(1, 6), in_c = between(1, 4), words = between(1, 5);
        const uint32_t span = between(1, words);
        uint16_t *first = block(2u * in_c);
        for (uint32_t c = 0; c < in_c; c++) {
            first[c] = (uint16_t)below(words - span + 1u);
        }
        uint32_t *table = block(4u * in_c * 256u * span);
        const bw_encode d = {pixels, (uint16_t)in_c, (uint16_t)words, (uint16_t)span, first, table};
        uint8_t *in = block(pixels * in_c);
        uint32_t *out = block(4u * pixels * words);
        bw_encode_u8(&d, in, out);
        for (uint32_t p = 0; p < pixels; p++) {
            for (uint32_t w = 0; w < words; w++) {
                uint32_t wanted = 0;
                for (uint32_t c = 0; c < in_c; c++) {
                    if (w >= first[c] && w < first[c] + span) {
                        wanted |= table[(c * 256u + in[p * in_c + c]) * span + w - first[c]];
                    }
                }
                expect(out[p * words + w] == wanted, "bw_encode_u8", p);
            }
        }
        free(first), free(table), free(in), free(out);
    }
}

int main(void)
{
    xor_count();
    convolutions();
    pooling();
    gathering();
    casting();
    encoding();
    printf("%lu checks\n", checks);
    return 0;
}
