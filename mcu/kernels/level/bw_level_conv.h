/* Private to the table convolution. */
#ifndef BITWAKE_BW_LEVEL_CONV_PRIVATE_H
#define BITWAKE_BW_LEVEL_CONV_PRIVATE_H

#include "bitwake/bw_kernels.h"
#include "bitwake/bw_level.h"

/* `count` pixels of output row y, from x on, `step` apart, to words [count][BW_WORDS(out_c)]. */
void bw_level_conv_run(const bw_level_conv *d, const uint8_t *in, uint32_t y, uint32_t x,
                       uint32_t step, uint32_t count, uint32_t *out);

#endif
