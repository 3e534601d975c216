/* Private to the planar kernels: splitting with MVE. */
#ifndef BITWAKE_BW_PLANAR_SPLIT_MVE_H
#define BITWAKE_BW_PLANAR_SPLIT_MVE_H

#include "bitwake/bw_planar.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define BW_PLANAR_SPLIT_MVE 1
/* Splits planes by fours where columns are two apart; returns how many planes that were. */
uint32_t bw_planar_split_by_four(const bw_planar_split *d, const uint32_t *in, uint32_t *out);
#endif

#endif
