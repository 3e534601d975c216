/* Private to the planar kernels: how the 32 lanes of a block read one tap of a plane.
 *
 * Where the output row is as wide as the input row, the lanes of a tap are 32 consecutive bits of
 * the plane, whatever the rows; else each output row that the block touches is such a run of its
 * own (a segment). Either way: two words, a shift, and a mask of the lanes that are inside the map.
 * Word numbers are clamped to the plane. That is right because a clamped word holds lanes outside
 * the map only, and so no guard words are needed.
 */
#ifndef BITWAKE_BW_PLANAR_TAPS_H
#define BITWAKE_BW_PLANAR_TAPS_H

#include <stdint.h>

typedef struct {
    uint32_t low, high;   /* words of the plane, counted from plane 0 of the channel */
    uint32_t right, left; /* shifts of the two; left = 31 - right, after a shift by one */
    uint32_t mask;
} bw_tap;

typedef struct {
    uint32_t in_h, in_w, in_stride; /* of a phase plane */
    uint32_t in_origin;             /* bit of a plane at which its pixel 0 lies */
    uint32_t real_h, real_w;        /* of the map before the split: taps beyond it are outside */
    uint32_t out_h, out_w;
    uint32_t k_h, k_w;
    uint32_t stride_h, stride_w, dilation_h, dilation_w;
    int32_t pad_top, pad_left;
} bw_tap_geometry;

/* The fields of a geometry that a convolution's and a pooling's descriptor have alike. */
#define BW_TAP_WINDOW(d)                                                                           \
    .out_h = (d)->out_h, .out_w = (d)->out_w, .k_h = (d)->k_h, .k_w = (d)->k_w,                    \
    .stride_h = (d)->stride_h, .stride_w = (d)->stride_w, .pad_top = (d)->pad_top,                 \
    .pad_left = (d)->pad_left

/* Segments of every tap of any block: 1, or what BW_PLANAR_SEGMENTS says. */
uint32_t bw_planar_segments(const bw_tap_geometry *g);

/* Taps of the block that begins at output pixel `first`: taps[k_h * k_w][segments]. */
void bw_planar_taps(const bw_tap_geometry *g, uint32_t first, uint32_t segments, bw_tap *taps);

/* The 32 lanes of one segment; lanes outside it are 0. */
static inline uint32_t bw_planar_tap_word(const uint32_t *planes, const bw_tap *t)
{
    return ((planes[t->low] >> t->right) | ((planes[t->high] << 1) << t->left)) & t->mask;
}

#endif
