/* Binary convolution, packed layout, portable C.
 *
 * The words under the kernel are gathered once for an output pixel and group and then compared with
 * every filter of the group. Where the patch does not fit its buffer, or zero padding is in it, the
 * reference counts instead.
 *
 * Floating point must not be contracted into fused operations, or results would differ from the
 * interpreter's two roundings; the build passes -ffp-contract=off, and the product and the sum
 * below are two statements besides.
 */
#include "bw_bconv2d.h"

#include "int8/bw_add_i8.h"

/* Taps inside the map: from lo on, n of them. */
typedef struct {
    uint32_t lo, n;
    int32_t first; /* map coordinate of tap 0 */
} span;

static span clip(int32_t start, uint32_t taps, uint32_t dilation, uint32_t size)
{
    uint32_t lo = 0, hi = taps;
    while (lo < hi && start + (int32_t)(lo * dilation) < 0) {
        lo++;
    }
    while (hi > lo && start + (int32_t)((hi - 1u) * dilation) >= (int32_t)size) {
        hi--;
    }
    return (span){lo, hi - lo, start};
}

bool bw_bconv2d_patch(const bw_bconv2d *d, const uint32_t *in, uint32_t y, uint32_t x, uint32_t g,
                      uint32_t *patch)
{
    const uint32_t channels = (uint32_t)d->in_c / d->groups, words = BW_WORDS(channels);
    const uint32_t in_words = BW_WORDS((uint32_t)d->in_c), row_words = d->k_w * words;
    if (d->k_h * row_words > BW_PATCH_WORDS) {
        return false;
    }
    const span ys = clip((int32_t)(y * d->stride_h) - d->pad_top, d->k_h, d->dilation_h, d->in_h);
    const span xs = clip((int32_t)(x * d->stride_w) - d->pad_left, d->k_w, d->dilation_w, d->in_w);
    const uint32_t inside = ys.n * xs.n;
    if (inside != (uint32_t)d->k_h * d->k_w) {
        if (d->zero_padding != 0u) {
            return false;
        }
        for (uint32_t i = 0; i < d->k_h * row_words; i++) {
            patch[i] = 0;
        }
    }
    for (uint32_t ky = ys.lo; ky < ys.lo + ys.n; ky++) {
        const uint32_t iy = (uint32_t)(ys.first + (int32_t)(ky * d->dilation_h));
        uint32_t *to = patch + ky * row_words + xs.lo * words;
        for (uint32_t kx = xs.lo; kx < xs.lo + xs.n; kx++) {
            const uint32_t ix = (uint32_t)(xs.first + (int32_t)(kx * d->dilation_w));
            const uint32_t *from = in + (iy * d->in_w + ix) * in_words + g * words;
            for (uint32_t i = 0; i < words; i++) {
                *to++ = from[i];
            }
        }
    }
    return true;
}

/* Bits of x as 16 two-bit counts, and pairs and quads of those: the usual tree. */
static inline uint32_t nibbles(uint32_t x)
{
    x -= x >> 1 & 0x55555555u;
    return (x & 0x33333333u) + (x >> 2 & 0x33333333u);
}

static inline uint32_t byte_sum(uint32_t x)
{
    return x * 0x01010101u >> 24;
}

/* Three words at a time: two of them take the even and the odd bits of the third into their two-bit
 * fields (each at most 3), which leaves two words of nibbles to fold instead of three. Sums of
 * bytes: a triple adds at most 24 to a byte, so ten of them fit. */
uint32_t bw_xor_count(const uint32_t *a, const uint32_t *w, uint32_t n)
{
    uint32_t total = 0;
    while (n >= 3u) {
        uint32_t triples = n / 3u < 10u ? n / 3u : 10u, bytes = 0;
        n -= triples * 3u;
        for (; triples != 0u; triples--, a += 3, w += 3) {
            uint32_t x = a[0] ^ w[0], y = a[1] ^ w[1];
            const uint32_t z = a[2] ^ w[2];
            x = x - (x >> 1 & 0x55555555u) + (z & 0x55555555u);
            y = y - (y >> 1 & 0x55555555u) + (z >> 1 & 0x55555555u);
            x = (x & 0x33333333u) + (x >> 2 & 0x33333333u);
            x += (y & 0x33333333u) + (y >> 2 & 0x33333333u);
            bytes += (x & 0x0F0F0F0Fu) + (x >> 4 & 0x0F0F0F0Fu);
        }
        const uint32_t halves = (bytes & 0x00FF00FFu) + (bytes >> 8 & 0x00FF00FFu);
        total += (halves & 0xFFFFu) + (halves >> 16);
    }
    for (; n != 0u; n--) {
        const uint32_t x = nibbles(*a++ ^ *w++);
        total += byte_sum((x & 0x0F0F0F0Fu) + (x >> 4 & 0x0F0F0F0Fu));
    }
    return total;
}

/* Walks all outputs: for each pixel and group a patch, then the group's filters. The body sees
 * `count` (products that are -1), `o` and `pixel`. */
#define FOR_EACH_OUTPUT(d, in, BODY)                                                               \
    do {                                                                                           \
        const uint32_t group_words_ = BW_WORDS((uint32_t)(d)->in_c / (d)->groups);                 \
        const uint32_t n_ = (uint32_t)(d)->k_h * (d)->k_w * group_words_;                          \
        const uint32_t per_group_ = (uint32_t)(d)->out_c / (d)->groups;                            \
        uint32_t patch_[BW_PATCH_WORDS], pixel = 0;                                                \
        for (uint32_t y_ = 0; y_ < (d)->out_h; y_++) {                                             \
            for (uint32_t x_ = 0; x_ < (d)->out_w; x_++, pixel++) {                                \
                const uint32_t *w_ = (d)->weights;                                                 \
                uint32_t o = 0;                                                                    \
                for (uint32_t g_ = 0; g_ < (d)->groups; g_++) {                                    \
                    const bool fits_ = bw_bconv2d_patch(d, in, y_, x_, g_, patch_);                \
                    for (uint32_t k_ = 0; k_ < per_group_; k_++, o++, w_ += n_) {                  \
                        const int32_t count = fits_ ? (int32_t)bw_xor_count(patch_, w_, n_)        \
                                                    : bw_bconv2d_count_ref(d, in, y_, x_, o);      \
                        BODY                                                                       \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

void bw_bconv2d_bits(const bw_bconv2d *d, const uint32_t *in, uint32_t *out)
{
    uint32_t word = 0;
    FOR_EACH_OUTPUT(d, in, {
        (void)pixel;
        word |= (uint32_t)(count > d->thresholds[o]) << (o & 31u);
        if ((o & 31u) == 31u || o + 1u == d->out_c) {
            *out++ = word;
            word = 0;
        }
    });
}

static inline float transform(const bw_bconv2d *d, int32_t count, uint32_t o)
{
    int32_t t = 2 * count;
    t = t < d->clamp_min ? d->clamp_min : t > d->clamp_max ? d->clamp_max : t;
    const float product = (float)t * d->multiplier[o];
    return product + d->bias[o];
}

void bw_bconv2d_f32(const bw_bconv2d *d, const uint32_t *in, float *out)
{
    FOR_EACH_OUTPUT(d, in, { out[pixel * d->out_c + o] = transform(d, count, o); });
}

/* Half away from zero, saturated to int8. NaN gives 0. Beyond +-128 the result is the bound, so
 * that the conversion to an integer stays in range. The fraction is compared with one half instead
 * of adding one half, which for 0.49999997f would round up to 1. */
static inline int8_t round_i8(float y)
{
    if (y >= 127.0f) {
        return 127;
    }
    if (y <= -128.0f) {
        return -128;
    }
    const int32_t whole = (int32_t)y;
    const float rest = y - (float)whole; /* exact */
    return (int8_t)(whole + (rest >= 0.5f) - (rest <= -0.5f));
}

void bw_bconv2d_i8(const bw_bconv2d *d, const uint32_t *in, int8_t *out)
{
    FOR_EACH_OUTPUT(d, in, { out[pixel * d->out_c + o] = round_i8(transform(d, count, o)); });
}

void bw_bconv2d_add_i8_run(const bw_bconv2d_add_i8 *d, const uint32_t *in, const int8_t *residual,
                           int8_t *out)
{
    const bw_bconv2d *conv = &d->conv;
    const bw_binary_i8 add = d->add; /* `out` could point anywhere */
    const bw_residual sum = bw_residual_of(&add);
    FOR_EACH_OUTPUT(conv, in, {
        const uint32_t at = pixel * conv->out_c + o;
        out[at] = bw_residual_add(&sum, round_i8(transform(conv, count, o)), residual[at]);
    });
}
