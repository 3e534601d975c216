/* The samples under a window as 16-bit lanes: a word at a time wherever the window lies in the map.
 */
#include "bw_conv2d_i8_spread.h"

#if defined(BW_CONV2D_I8_DSP)

BW_INLINE uint32_t *spread4(uint32_t *to, uint32_t x)
{
    to[0] = bw_even(x);
    to[1] = bw_odd(x);
    return to + 4;
}

/* Whole words of n bytes, two at a time. */
BW_INLINE uint32_t *spread(uint32_t *to, const int8_t *from, uint32_t n)
{
    if ((n & 4u) != 0u) {
        to = spread4(to, bw_load4(from));
        from += 4;
    }
    for (n >>= 3; n > 0; n--, from += 8) {
        to = spread4(to, bw_load4(from));
        to = spread4(to, bw_load4(from + 4));
    }
    return to;
}

static inline uint32_t *spread_zero(uint32_t *to, int8_t zero, uint32_t n)
{
    const uint32_t pair = (uint32_t)(uint16_t)zero * 0x10001u;
    for (; n >= 4u; n -= 4u, to += 4) {
        to[0] = to[1] = pair;
    }
    return to;
}

/* The lines of a window one behind the other: n bytes each, `down` apart, in whole words. */
BW_INLINE void gather(int8_t *to, const int8_t *from, uint32_t down, uint32_t n, uint32_t lines)
{
    for (; lines > 0; lines--, from += down, to += n) {
        memcpy(to, from, 4);
        if (n > 4u) {
            memcpy(to + 4, from + 4, 4);
        }
        for (uint32_t k = 8; k < n; k += 4) {
            memcpy(to + k, from + k, 4);
        }
    }
}

/* A window in whole words whose first sample is at `from`. */
static void spread_inside(const bw_conv2d_i8 *d, const int8_t *from, uint32_t *to, int8_t *bytes)
{
    const uint32_t n = (uint32_t)d->k_w * d->in_c, lines = d->k_h;
    const uint32_t down = (uint32_t)d->dilation_h * d->in_w * d->in_c;
    if ((n & 3u) == 0u) {
        for (uint32_t k = 0; k < lines; k++, from += down) {
            to = spread(to, from, n);
        }
        return;
    }
    if (n == 5u) { /* of 5x5 windows of one channel; 9: of 3x3 of three */
        gather(bytes, from, down, 5, lines);
    } else if (n == 9u) {
        gather(bytes, from, down, 9, lines);
    } else {
        gather(bytes, from, down, n, lines);
    }
    spread(to, bytes, d->row);
}

/* A window on the border of a map whose pixels are whole words, or one with gaps. */
static void spread_border(const bw_conv2d_i8 *d, const int8_t *in, const bw_window *w, uint32_t *to)
{
    const uint32_t c = d->in_c;
    for (uint32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t iy = w->top + (int32_t)(ky * d->dilation_h);
        if (iy < 0 || iy >= d->in_h) {
            to = spread_zero(to, d->in_zero, d->k_w * c);
            continue;
        }
        const int8_t *line = in + (uint32_t)iy * d->in_w * c;
        for (uint32_t kx = 0; kx < d->k_w; kx++) {
            const int32_t ix = w->left + (int32_t)(kx * d->dilation_w);
            const bool outside = ix < 0 || ix >= d->in_w;
            to = outside ? spread_zero(to, d->in_zero, c) : spread(to, line + (uint32_t)ix * c, c);
        }
    }
}

void bw_spread_window(const bw_conv2d_i8 *d, const int8_t *in, const bw_window *w, uint32_t *to,
                      int8_t *bytes)
{
    const bool pointwise = d->k_h == 1 && d->k_w == 1 && d->pad_top == 0 && d->pad_left == 0;
    if (pointwise) {
        const uint32_t c = d->in_c, whole = c & ~3u, rest = c & 3u;
        const int8_t *from = in + ((uint32_t)w->top * d->in_w + (uint32_t)w->left) * c;
        to = spread(to, from, whole);
        if (rest > 0) {
            uint32_t x = 0;
            memcpy(&x, from + whole, rest);
            spread4(to, x);
        }
        return;
    }
    const int8_t *from = bw_window_at(d, w, in);
    if (from != NULL) {
        spread_inside(d, from, to, bytes);
    } else if ((d->in_c & 3u) == 0u) {
        spread_border(d, in, w, to);
    } else {
        bw_conv2d_i8_patch(d, in, w->y, w->x, bytes);
        spread(to, bytes, d->row);
    }
}

#endif
