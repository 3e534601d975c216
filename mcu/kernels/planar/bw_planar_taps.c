/* Words, shifts and masks of the taps of a block of lanes. */
#include "bw_planar_taps.h"

#include <stdbool.h>

#include "bitwake/bw_planar.h"

uint32_t bw_planar_segments(const bw_tap_geometry *g)
{
    return BW_PLANAR_SEGMENTS(g->in_w, g->out_w);
}

/* Floor of a / b, b > 0. */
static int32_t floor_div(int32_t a, int32_t b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* Bits [from, to) of a word, 0 <= from, to <= 32. */
static uint32_t range(int32_t from, int32_t to)
{
    if (from >= to) {
        return 0;
    }
    return (UINT32_MAX >> (32 - (to - from))) << from;
}

/* The tap whose lane 0 reads bit `bit` of a plane that begins at word `plane`; |bit| < 2^30. */
static inline void place(bw_tap *t, uint32_t plane, int32_t bit, int32_t words)
{
    /* Floor of bit / 32: the offset, a multiple of 32, keeps the number positive. */
    const int32_t low = (int32_t)((uint32_t)(bit + (1 << 30)) >> 5) - (1 << 25);
    t->low = plane + (uint32_t)low;
    t->high = t->low + 1u;
    if (low < 0 || low + 1 >= words) {
        t->low = plane + (uint32_t)least(most(low, 0), words - 1);
        t->high = plane + (uint32_t)least(most(low + 1, 0), words - 1);
    }
    t->right = (uint32_t)bit & 31u;
    t->left = 31u - t->right;
    t->mask = 0;
}

/* A run of lanes in one output row: lanes [lane, lane + n) are pixels (y, x), (y, x + 1), ... */
typedef struct {
    int32_t lane, n, y, x;
} bw_run;

/* The next run of a block; false behind the last one. Starts with lane = n = 0. */
static bool next_run(const bw_tap_geometry *g, bw_run *r)
{
    r->lane += r->n;
    if (r->n != 0) {
        r->y++;
        r->x = 0;
    }
    r->n = least((int32_t)g->out_w - r->x, 32 - r->lane);
    return r->lane < 32 && r->y < (int32_t)g->out_h;
}

/* Words of a plane that hold pixels. */
static int32_t held_words(const bw_tap_geometry *g)
{
    return (int32_t)((g->in_origin + g->in_h * g->in_w + 31u) / 32u);
}

/* Words and shifts of the segments of one tap, dy and dx pixels away in its plane; empty masks. */
static void place_segments(const bw_tap_geometry *g, bw_run run, uint32_t segments, uint32_t plane,
                           int32_t dy, int32_t dx, bw_tap *t)
{
    const int32_t in_w = (int32_t)g->in_w, origin = (int32_t)g->in_origin, words = held_words(g);
    const bw_tap *end = t + segments;
    while (t != end && next_run(g, &run)) {
        place(t++, plane, origin + (run.y + dy) * in_w + run.x + dx - run.lane, words);
    }
    while (t != end) {
        place(t++, plane, 0, words);
    }
}

/* Masks of one column of taps: lanes of a run are inside from some x to another, in all the rows
 * of taps that are inside. */
static void mask_column(const bw_tap_geometry *g, bw_run run, uint32_t segments, int32_t dx,
                        int32_t columns, bw_tap *taps)
{
    for (uint32_t s = 0; next_run(g, &run); s += segments != 1) {
        const uint32_t mask =
            range(run.lane + most(0, -dx - run.x), run.lane + least(run.n, columns - dx - run.x));
        uint32_t y =
            (uint32_t)(run.y * (int32_t)g->stride_h - g->pad_top); /* wraps above the map */
        bw_tap *t = taps + s;
        for (uint32_t ky = 0; ky < g->k_h; ky++) {
            if (y < g->real_h) {
                t->mask |= mask;
            }
            y += g->dilation_h;
            t += g->k_w * segments;
        }
    }
}

void bw_planar_taps(const bw_tap_geometry *g, uint32_t first, uint32_t segments, bw_tap *taps)
{
    const int32_t stride_h = (int32_t)g->stride_h, stride_w = (int32_t)g->stride_w;
    const int32_t bit = (int32_t)(g->in_origin + first), words = held_words(g);
    const bw_run start = {0, 0, (int32_t)(first / g->out_w), (int32_t)(first % g->out_w)};

    for (uint32_t kx = 0; kx < g->k_w; kx++) {
        const int32_t x = (int32_t)(kx * g->dilation_w) - g->pad_left;
        const int32_t dx = floor_div(x, stride_w);
        const uint32_t phase_x = (uint32_t)(x - dx * stride_w);
        bw_tap *t = taps + kx * segments;
        for (uint32_t ky = 0; ky < g->k_h; ky++, t += g->k_w * segments) {
            const int32_t y = (int32_t)(ky * g->dilation_h) - g->pad_top;
            const int32_t dy = floor_div(y, stride_h);
            const uint32_t phase_y = (uint32_t)(y - dy * stride_h);
            const uint32_t plane = (phase_y * g->stride_w + phase_x) * g->in_stride;
            if (segments == 1) {
                place(t, plane, bit + dy * (int32_t)g->in_w + dx, words);
            } else {
                place_segments(g, start, segments, plane, dy, dx, t);
            }
        }
        mask_column(g, start, segments, dx,
                    (int32_t)((g->real_w + g->stride_w - 1u - phase_x) / g->stride_w),
                    taps + kx * segments);
    }
}
