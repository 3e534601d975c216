/* Private to the binary convolution: its counting core and its output stage. */
#ifndef BITWAKE_BW_BCONV2D_PRIVATE_H
#define BITWAKE_BW_BCONV2D_PRIVATE_H

#include <stdbool.h>

#include "bitwake/bw_kernels.h"

/* Taps a patch may hold; a kernel with more words falls back to the reference. */
#define BW_PATCH_WORDS 160u

/* Number of products that are -1 for output channel o at (y, x). Any descriptor. */
int32_t bw_bconv2d_count_ref(const bw_bconv2d *d, const uint32_t *in, uint32_t y, uint32_t x,
                             uint32_t o);

/* Copies the words under the kernel at (y, x) of group g to `patch`, [k_h][k_w][words]; words
 * outside the map are 0, which is one padding. False, and an unusable patch, when it does not fit
 * or when zero padding is in it, which no word stands for: the reference counts there. */
bool bw_bconv2d_patch(const bw_bconv2d *d, const uint32_t *in, uint32_t y, uint32_t x, uint32_t g,
                      uint32_t *patch);

/* popcount(patch XOR weights) over n words. */
uint32_t bw_xor_count(const uint32_t *a, const uint32_t *w, uint32_t n);

#endif
