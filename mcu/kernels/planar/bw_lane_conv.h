/* Private to the convolution with lanes of outputs: what its versions share. */
#ifndef BITWAKE_BW_LANE_CONV_H
#define BITWAKE_BW_LANE_CONV_H

#include "bitwake/bw_planar.h"

/* Words [begin, begin + m) of the inputs of every output pixel, with their two top bits gathered in
 * front: index[pixels][1 + m]. Words outside the map are 0. */
void bw_lane_index(const bw_lane_conv *d, const uint32_t *in, uint32_t begin, uint32_t m,
                   uint32_t *index);

#endif
