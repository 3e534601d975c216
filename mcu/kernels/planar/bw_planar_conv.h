/* Private to the planar convolution: what all its versions share. */
#ifndef BITWAKE_BW_PLANAR_CONV_H
#define BITWAKE_BW_PLANAR_CONV_H

#include <stdbool.h>

#include "bitwake/bw_planar.h"
#include "bw_planar_count.h"

bw_tap_geometry bw_planar_conv_geometry(const bw_planar_conv *d);

/* What to do with the counts of a chunk; with `keep` they stay as half-words. */
bw_count_kind bw_planar_conv_kind(const bw_planar_conv *d, uint32_t chunk, bool keep);

/* Words of the index stream: of n triples of an output, and of a group. */
static inline uint32_t bw_planar_words(uint32_t n)
{
    return (n + BW_TRIPLES_A_WORD - 1u) / BW_TRIPLES_A_WORD;
}
uint32_t bw_planar_group_words(const bw_planar_conv *d);

/* Bits after the last pixel of every plane of the output to 0. */
void bw_planar_conv_trim(const bw_planar_conv *d, uint32_t *out);

#endif
