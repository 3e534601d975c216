/* Private to the planar convolution: what all its versions share. */
#ifndef BITWAKE_BW_PLANAR_CONV_H
#define BITWAKE_BW_PLANAR_CONV_H

#include "bitwake/bw_planar.h"
#include "bw_planar_count.h"

bw_tap_geometry bw_planar_conv_geometry(const bw_planar_conv *d);

/* What to do with the counts of a chunk. */
bw_count_kind bw_planar_conv_kind(const bw_planar_conv *d, uint32_t chunk);

/* Bits after the last pixel of every plane of the output to 0. */
void bw_planar_conv_trim(const bw_planar_conv *d, uint32_t *out);

#endif
