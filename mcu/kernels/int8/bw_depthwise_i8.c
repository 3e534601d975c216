/* int8 depthwise convolution in portable C. */
#include "bw_conv2d_i8.h"

/* Taps of one pixel inside the map, [y0, y1) x [x0, x1), and the sample under the first of them. */
typedef struct {
    uint32_t y0, y1, x0, x1;
    const int8_t *first;
    bool whole;
} window;

static void range(int32_t at, uint32_t k, uint32_t dilation, uint32_t size, uint32_t *first,
                  uint32_t *last)
{
    uint32_t a = 0, b = k;
    while (a < k && at + (int32_t)(a * dilation) < 0) {
        a++;
    }
    while (b > a && at + (int32_t)((b - 1u) * dilation) >= (int32_t)size) {
        b--;
    }
    *first = a;
    *last = b;
}

static window window_at(const bw_conv2d_i8 *d, const int8_t *in, uint32_t y, uint32_t x)
{
    const int32_t top = (int32_t)(y * d->stride_h) - d->pad_top;
    const int32_t left = (int32_t)(x * d->stride_w) - d->pad_left;
    window r;
    range(top, d->k_h, d->dilation_h, d->in_h, &r.y0, &r.y1);
    range(left, d->k_w, d->dilation_w, d->in_w, &r.x0, &r.x1);
    if (r.y0 == r.y1 || r.x0 == r.x1) { /* nothing inside: every tap comes before the first */
        r.y0 = r.y1 = d->k_h;
        r.x0 = r.x1 = 0;
        r.first = in;
    } else {
        const uint32_t iy = (uint32_t)(top + (int32_t)(r.y0 * d->dilation_h));
        const uint32_t ix = (uint32_t)(left + (int32_t)(r.x0 * d->dilation_w));
        r.first = in + (iy * d->in_w + ix) * d->in_c;
    }
    r.whole = r.y0 == 0 && r.y1 == d->k_h && r.x0 == 0 && r.x1 == d->k_w;
    return r;
}

/* The taps inside, for one output channel. */
static int32_t within(const bw_conv2d_i8 *d, const window *r, const int8_t *sample,
                      const int8_t *weights, int32_t acc)
{
    const uint32_t n = d->out_c, across = (uint32_t)d->dilation_w * d->in_c;
    const uint32_t down = (uint32_t)d->dilation_h * d->in_w * d->in_c;
    const int8_t *line = weights + (r->y0 * d->k_w + r->x0) * n;
    for (uint32_t ky = r->y0; ky < r->y1; ky++, sample += down, line += d->k_w * n) {
        const int8_t *s = sample, *w = line;
        for (uint32_t kx = r->x1 - r->x0; kx > 0; kx--, s += across, w += n) {
            acc += *s * *w;
        }
    }
    return acc;
}

/* All nine taps of a 3x3 window. */
static inline int32_t nine(const int8_t *s, const int8_t *w, uint32_t across, uint32_t down,
                           uint32_t n, int32_t acc)
{
    for (uint32_t ky = 0; ky < 3u; ky++, s += down, w += 3u * n) {
        acc += s[0] * w[0];
        acc += s[across] * w[n];
        acc += s[2u * across] * w[2u * n];
    }
    return acc;
}

/* The sum of the weights of the taps outside, for one output channel. */
static int32_t beyond(const bw_conv2d_i8 *d, const window *r, const int8_t *weights)
{
    int32_t sum = 0;
    for (uint32_t ky = 0; ky < d->k_h; ky++) {
        for (uint32_t kx = 0; kx < d->k_w; kx++, weights += d->out_c) {
            if (ky < r->y0 || ky >= r->y1 || kx < r->x0 || kx >= r->x1) {
                sum += *weights;
            }
        }
    }
    return sum;
}

void bw_depthwise_i8(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out)
{
    if (bw_depthwise_i8_fast(d, in, out)) {
        return;
    }
    const uint32_t times = (uint32_t)d->out_c / d->in_c;
    const uint32_t across = (uint32_t)d->dilation_w * d->in_c;
    const uint32_t down = (uint32_t)d->dilation_h * d->in_w * d->in_c;
    const bool three = d->k_h == 3 && d->k_w == 3;
    for (uint32_t y = 0; y < d->out_h; y++) {
        for (uint32_t x = 0; x < d->out_w; x++) {
            const window r = window_at(d, in, y, x);
            uint32_t o = 0;
            for (uint32_t c = 0; c < d->in_c; c++) {
                for (uint32_t m = 0; m < times; m++, o++) {
                    const int32_t *channel = bw_channel(d, o);
                    const int8_t *w = d->weights + o;
                    int32_t acc = *channel;
                    if (three && r.whole) {
                        acc = nine(r.first + c, w, across, down, d->out_c, acc);
                    } else {
                        acc = within(d, &r, r.first + c, w, acc);
                    }
                    if (!r.whole) {
                        acc += d->in_zero * beyond(d, &r, w);
                    }
                    *out++ = bw_finish_i8(d, channel, acc);
                }
            }
        }
    }
}
