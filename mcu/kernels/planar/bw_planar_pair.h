/* Private to the planar kernels: sizes of a pair of convolutions. */
#ifndef BITWAKE_BW_PLANAR_PAIR_H
#define BITWAKE_BW_PLANAR_PAIR_H

#include "bitwake/bw_planar.h"
#include "bw_planar_taps.h"

/* Of all groups, the same for both branches. */
static inline uint32_t bw_planar_pair_outputs(const bw_planar_pair *d)
{
    return (uint32_t)d->a.groups * d->a.out_c;
}

/* Prepared taps of a branch, in a block; none where it is bits. */
static inline uint32_t bw_planar_pair_tap_words(const bw_planar_conv *d)
{
    return d->in_c == 0u ? 0u
                         : (uint32_t)(sizeof(bw_tap) / 4u) * d->k_h * d->k_w *
                               BW_PLANAR_SEGMENTS(d->in_w, d->out_w);
}

#endif
