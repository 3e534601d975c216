/* Table convolution: an input encoder and the binary convolution that alone reads it, in one.
 *
 * A sample behind an encoder of M planes has one of at most 256 codes, a thermometer's M + 1, not
 * of 2^M. So what it adds to the count of products that are -1 is, for each filter and tap, one of
 * as many numbers as there are codes: the `levels`. A tap is a place of the kernel and a channel of
 * the picture, in the order [k_h][k_w][in_c]. The first `pairs` groups of taps are two each, 2 g
 * and 2 g + 1, with an entry for each two levels; the other taps stand alone.
 *
 * An entry is 8 words, or 16, for a block of 32 filters: filter 8 j + w has byte j of word w, or
 * filter 16 j + w half-word j of word w. The lanes hold, for group g, filter f and entry e
 *
 *     n_g(f, e) >= 0, and top - 1 - T(f) >= 0 besides in group 0, where top = 2^7 or 2^15.
 *
 * With s the sum of the n over the groups, the sum of the lanes is top - 1 - T + s: its upper bit
 * is set, and the output with it, iff s > T. The compiler sees to it that s > T wherever the count
 * is above the convolution's threshold and nowhere else, and that top - 1 - T + s < 2 top whatever
 * the picture, so that no lane carries into the next (convert/lower/levels.py derives both). Lanes
 * of filters behind the last are 0. A tap outside the picture has level 0, whose code then is +1 in
 * every plane: one padding.
 *
 * With `saturates`, sums of byte lanes may reach 2 top and more; additions then saturate, which
 * keeps the upper bit. Cores with the DSP extension or MVE do that at no cost; others gather every
 * window and saturate in C.
 */
#ifndef BITWAKE_BW_LEVEL_H
#define BITWAKE_BW_LEVEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BW_LEVEL_MOST_TAPS     32u
#define BW_LEVEL_MOST_CHANNELS 64u

typedef struct {
    uint16_t in_h, in_w;
    uint8_t in_c; /* 1..4 */
    uint16_t out_h, out_w;
    uint8_t out_c;                  /* 1..BW_LEVEL_MOST_CHANNELS */
    uint8_t k_h, k_w;               /* k_h * k_w * in_c = 1..BW_LEVEL_MOST_TAPS */
    uint8_t stride_h, stride_w;     /* >= 1 */
    uint8_t dilation_h, dilation_w; /* >= 1 */
    int16_t pad_top, pad_left;      /* rows / columns before the picture; 0 for VALID */
    uint16_t levels;                /* 1..256 */
    uint8_t pairs;                  /* groups of two taps; 2 * pairs <= taps */
    uint8_t wide;                   /* 0: lanes of 8 bits; 1: of 16 bits */
    uint8_t saturates;              /* 1: byte lanes saturate */
    const uint8_t *level;           /* [in_c][256]: of a raw byte, < levels */
    /* [k_h][k_w][in_c][2]: bytes of the picture behind the first tap, and 256 * channel. */
    const uint32_t *taps;
    /* For each block of 32 filters [levels][levels][pairs][8 or 16], by the levels of a pair's
     * first and second tap, and then [levels][single taps][8 or 16]. */
    const uint32_t *tables;
    /* Planar output only: the map is written as phases, as bw_planar_split would split it. */
    uint8_t phases_h, phases_w; /* >= 1 */
    uint32_t out_stride;        /* words from plane to plane */
} bw_level_conv;

/* in: u8 [in_h][in_w][in_c] (signed bytes by their bit pattern), out: [out_h][out_w][words(out_c)]
 * as in bw_kernels.h. */
void bw_level_conv_u8(const bw_level_conv *d, const uint8_t *in, uint32_t *out);

/* out: out_c planes, or out_c * phases_h * phases_w, as in bw_planar.h. Either takes at most 900
 * bytes of stack. */
void bw_planar_level_conv_u8(const bw_level_conv *d, const uint8_t *in, uint32_t *out);

#ifdef __cplusplus
}
#endif
#endif
