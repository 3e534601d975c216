/* Words, shifts and masks of the taps of a block of lanes. */
#include "bw_planar_taps.h"

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

/* The tap whose lane 0 reads bit `bit` of a plane that begins at word `plane`. */
static void place(bw_tap *t, uint32_t plane, int32_t bit, int32_t words)
{
    const int32_t low = floor_div(bit, 32);
    t->low = plane + (uint32_t)least(most(low, 0), words - 1);
    t->high = plane + (uint32_t)least(most(low + 1, 0), words - 1);
    t->right = (uint32_t)bit & 31u;
    t->left = 31u - t->right;
    t->mask = 0;
}

/* One tap: dy, dx in pixels of its plane, of which rows x columns exist. */
typedef struct {
    uint32_t plane;
    int32_t dy, dx, rows, columns;
} bw_tap_at;

static void tap(const bw_tap_geometry *g, uint32_t first, uint32_t segments, const bw_tap_at *at,
                bw_tap *t)
{
    const int32_t in_w = (int32_t)g->in_w, out_w = (int32_t)g->out_w;
    const int32_t origin = (int32_t)g->in_origin;
    const int32_t words = (origin + (int32_t)(g->in_h * g->in_w) + 31) / 32;
    int32_t y = (int32_t)(first / g->out_w), x = (int32_t)(first % g->out_w);
    int32_t lane = 0;

    if (segments == 1) {
        place(t, at->plane, origin + (int32_t)first + at->dy * in_w + at->dx, words);
    }
    for (uint32_t s = 0; lane < 32 && y < (int32_t)g->out_h; s++, y++, x = 0) {
        const int32_t n = least(out_w - x, 32 - lane);
        bw_tap *segment = segments == 1 ? t : t + s;
        if (segments != 1) {
            place(segment, at->plane, origin + (y + at->dy) * in_w + x + at->dx - lane, words);
        }
        if (y + at->dy >= 0 && y + at->dy < at->rows) {
            segment->mask |=
                range(lane + most(0, -at->dx - x), lane + least(n, at->columns - at->dx - x));
        }
        lane += n;
    }
}

/* Pixels of a phase. */
static int32_t extent(uint32_t real, uint32_t phase, uint32_t stride)
{
    return (int32_t)((real + stride - 1u - phase) / stride);
}

void bw_planar_taps(const bw_tap_geometry *g, uint32_t first, uint32_t segments, bw_tap *taps)
{
    for (uint32_t i = 0; segments != 1 && i < g->k_h * g->k_w * segments; i++) {
        place(taps + i, 0, 0, 1); /* segments that the block does not have read nothing */
    }
    bw_tap_at at;
    for (uint32_t ky = 0; ky < g->k_h; ky++) {
        const int32_t y = (int32_t)(ky * g->dilation_h) - g->pad_top;
        at.dy = floor_div(y, (int32_t)g->stride_h);
        const uint32_t phase_y = (uint32_t)(y - at.dy * (int32_t)g->stride_h);
        at.rows = extent(g->real_h, phase_y, g->stride_h);
        for (uint32_t kx = 0; kx < g->k_w; kx++, taps += segments) {
            const int32_t x = (int32_t)(kx * g->dilation_w) - g->pad_left;
            at.dx = floor_div(x, (int32_t)g->stride_w);
            const uint32_t phase_x = (uint32_t)(x - at.dx * (int32_t)g->stride_w);
            at.columns = extent(g->real_w, phase_x, g->stride_w);
            at.plane = (phase_y * g->stride_w + phase_x) * g->in_stride;
            tap(g, first, segments, &at, taps);
        }
    }
}
