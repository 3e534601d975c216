/* Private to the planar kernels: planes of bytes, the inner step of encoding and unpacking. */
#ifndef BITWAKE_BW_PLANAR_TURN_H
#define BITWAKE_BW_PLANAR_TURN_H

#include <stdint.h>

/* Planes of 32 samples: bit i of words[m] = bit m of table[sample i]. Samples 8 k ... 8 k + 7 lie
 * `step` bytes apart from in[k] on. */
void bw_planar_turn(const uint8_t *table, const uint8_t *const *in, uint32_t step, uint32_t *words);
/* The same in portable C; the name above is the fastest for the core. */
void bw_planar_turn_c(const uint8_t *table, const uint8_t *const *in, uint32_t step,
                      uint32_t *words);

/* Planes of pixels that follow one another: bit m of table[sample], m < planes <= 8, to plane m.
 * Samples lie `step` bytes apart, planes `apart` words; bits behind the last pixel become 0. */
void bw_planar_turn_pixels(const uint8_t *table, const uint8_t *in, uint32_t step, uint32_t pixels,
                           uint32_t planes, uint32_t *out, uint32_t apart);

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define BW_PLANAR_TURN_MVE 1
void bw_planar_turn_mve(const uint8_t *table, const uint8_t *const *in, uint32_t step,
                        uint32_t *words);
/* The same for rows of whole 16 samples, together whole words. */
typedef struct {
    const uint8_t *table, *from;
    uint32_t step, line; /* bytes from sample to sample, at most 17, and from row to row */
    uint32_t width, rows;
    uint32_t planes; /* 1..8 */
    uint32_t *out;
    uint32_t apart; /* words from plane to plane */
} bw_turn_rows;
void bw_planar_turn_rows_mve(const bw_turn_rows *r);
#define bw_planar_turn(table, in, step, words) bw_planar_turn_mve(table, in, step, words)
#endif

#endif
