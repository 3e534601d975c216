/* Private to the planar convolutions with MVE: inputs and counts of up to four blocks of lanes.
 *
 * An input becomes a vector X (bw_planar_count_mve.h). Where rows of the output are as wide as
 * those of the input (one segment), a tap's mask is that of its row and that of its column, which
 * are kept for the blocks at hand; else taps are prepared one by one (bw_planar_taps.h).
 */
#ifndef BITWAKE_BW_PLANAR_FETCH_MVE_H
#define BITWAKE_BW_PLANAR_FETCH_MVE_H

#include "bw_planar_conv.h"
#include "bw_planar_count_mve.h"

#ifdef BW_HAVE_MVE

#include <arm_mve.h>
#include <stdbool.h>

#define BW_MVE_SIDE 7u /* larger kernels take the way of many segments */

/* A row or column of taps: pixels from the lane's own, pixels that its phase has, its phase. */
typedef struct {
    int32_t at, extent;
    uint32_t phase;
    uint32_t mask[4]; /* of the blocks at hand, shifted as X is */
} bw_mve_axis;

typedef struct {
    const bw_planar_conv *d;
    const uint32_t *in;
    bw_tap_geometry geometry;
    uint32_t segments;
    uint32_t stride;         /* words from channel to channel */
    uint32_t first;          /* pixel of lane 0 */
    uint32x4_t block, shift; /* e % blocks; e / blocks * blocks */
    bw_tap *taps;            /* [blocks][k_h * k_w][segments], where there is more than one */
    bw_mve_axis row[BW_MVE_SIDE], column[BW_MVE_SIDE];
} bw_mve_lanes;

void bw_mve_lanes_begin(bw_mve_lanes *l, const bw_planar_conv *d, const uint32_t *in, bw_tap *taps);
/* Goes to the `blocks` blocks that begin at word `word` of the output. */
void bw_mve_lanes_move(bw_mve_lanes *l, uint32_t word, uint32_t blocks);
/* `count` inputs of a group from number n on, a vector each. */
void bw_mve_lanes_fetch(const bw_mve_lanes *l, uint32_t group, uint32_t n, uint32_t *words,
                        uint32_t count);

/* Words of prepared taps, a block. */
static inline uint32_t bw_mve_tap_words(const bw_mve_lanes *l)
{
    return (uint32_t)l->d->k_h * l->d->k_w * l->segments * (uint32_t)(sizeof(bw_tap) / 4u);
}

/* Outputs whose counts wait at once in steps of `blocks`: what the scratch holds for all blocks. */
static inline uint32_t bw_mve_part(const bw_planar_conv *d, uint32_t blocks)
{
    const uint32_t most = BW_PLANAR_PART(d->part, d->out_c) * BW_PLANAR_BLOCKS(d->blocks) / blocks;
    return most < d->out_c ? most : d->out_c;
}

/* bw_planar_block_count (bw_planar_block.h) for `blocks` blocks; job->words is set. */
void bw_mve_lanes_count(const bw_mve_lanes *l, uint32_t blocks, uint32_t *table, uint32_t group,
                        uint32_t done, bool keep, bw_mve_job *job);

#endif
#endif
