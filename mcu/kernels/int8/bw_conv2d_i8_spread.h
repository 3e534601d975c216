/* Private to the int8 convolutions with two 16-bit lanes: windows, and samples spread to lanes.
 *
 * Of every four samples k..k+3 come the words (k, k+2) and (k+1, k+3), as sxtb16 makes them; two
 * pixels share a buffer, so that the next two words of a pixel are four on. What is spread may end
 * in up to three bytes that belong to no tap: filters are zero there.
 */
#ifndef BITWAKE_BW_CONV2D_I8_SPREAD_PRIVATE_H
#define BITWAKE_BW_CONV2D_I8_SPREAD_PRIVATE_H

#include "bw_conv2d_i8.h"

/* The rest of a function whose caller decides what is a constant. */
#define BW_INLINE static inline __attribute__((always_inline))

/* A loop that takes all registers. With -Os GCC may not find them within a larger function. */
#if defined(__OPTIMIZE_SIZE__)
#define BW_LOOP static __attribute__((noinline))
#else
#define BW_LOOP BW_INLINE
#endif

/* The window of an output pixel begins at (top, left). From columns 0 ... most on, it lies in the
 * map, in whole words. */
typedef struct {
    uint32_t y, x;
    int32_t top, left, most;
} bw_window;

static inline void bw_window_row(const bw_conv2d_i8 *d, bw_window *w)
{
    const int32_t in_w = d->in_w, c = d->in_c, beyond = -(d->k_w * c) & 3;
    w->x = 0;
    w->top = (int32_t)(w->y * d->stride_h) - d->pad_top;
    w->left = -d->pad_left;
    w->most = -1;
    const int32_t bottom = w->top + (d->k_h - 1) * d->dilation_h;
    if (d->dilation_w == 1 && w->top >= 0 && bottom < d->in_h) {
        /* A line's last word may end in the lines below, and not behind the map. */
        const int32_t lines = (d->in_h - bottom) * in_w - d->k_w - (beyond + c - 1) / c;
        w->most = in_w - d->k_w < lines ? in_w - d->k_w : lines;
    }
}

static inline bw_window bw_window_first(const bw_conv2d_i8 *d)
{
    bw_window w = {.y = 0};
    bw_window_row(d, &w);
    return w;
}

/* The window `steps` further; no further than the first of the next line. */
static inline void bw_window_next(const bw_conv2d_i8 *d, bw_window *w, uint32_t steps)
{
    w->x += steps;
    w->left += (int32_t)(steps * d->stride_w);
    if (w->x == d->out_w) {
        w->y++;
        bw_window_row(d, w);
    }
}

/* How many windows of this line, from this one on, lie in the map. */
static inline uint32_t bw_window_run(const bw_conv2d_i8 *d, const bw_window *w)
{
    if (w->left < 0 || w->left > w->most) {
        return 0;
    }
    const uint32_t rest = d->out_w - w->x, run = (uint32_t)(w->most - w->left) / d->stride_w + 1u;
    return run < rest ? run : rest;
}

/* The first sample of a window in whole words, else NULL. */
static inline const int8_t *bw_window_at(const bw_conv2d_i8 *d, const bw_window *w,
                                         const int8_t *in)
{
    if (w->left < 0 || w->left > w->most) {
        return NULL;
    }
    return in + ((uint32_t)w->top * d->in_w + (uint32_t)w->left) * d->in_c;
}

/* One pixel's window into `to`: row / 4 steps, four words from one to the next. `bytes` is room for
 * it as bytes, but where pixels are whole words or the window is one pixel. */
void bw_spread_window(const bw_conv2d_i8 *d, const int8_t *in, const bw_window *w, uint32_t *to,
                      int8_t *bytes);

#endif
