/* Private to the planar encoder: its inner step. */
#ifndef BITWAKE_BW_PLANAR_TURN_H
#define BITWAKE_BW_PLANAR_TURN_H

#include <stdint.h>

/* Planes of 32 samples: bit i of words[m] = bit m of table[sample i]. Samples 8 k ... 8 k + 7 lie
 * `step` bytes apart from in[k] on. */
void bw_planar_turn(const uint8_t *table, const uint8_t *const *in, uint32_t step, uint32_t *words);
/* The same in portable C; the name above is the fastest for the core. */
void bw_planar_turn_c(const uint8_t *table, const uint8_t *const *in, uint32_t step,
                      uint32_t *words);

#endif
