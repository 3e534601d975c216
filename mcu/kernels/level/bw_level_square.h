/* Private to the table convolution: 32 pixels of 32 channels, turned from words to planes. */
#ifndef BITWAKE_BW_LEVEL_SQUARE_H
#define BITWAKE_BW_LEVEL_SQUARE_H

#include <stdint.h>

/* Bit i of word j of `m` becomes bit j of word i; the first `planes` of them, 1..32, go to `out`,
 * `apart` words from one to the next. m[32] is overwritten. */
void bw_level_square(uint32_t *m, uint32_t planes, uint32_t *out, uint32_t apart);

#endif
