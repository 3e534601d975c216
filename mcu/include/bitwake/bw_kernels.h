/* Kernels called by generated model code.
 *
 * Bits: activations are packed 32 channels a word along the channel axis, channel c in word c >> 5,
 * bit c & 31. Bit 1 stands for -1 and bit 0 for +1; bits beyond the last channel are 0. A map is
 * [h][w][words(c)] with words(c) = ceil(c / 32). This is the Larq Compute Engine's own layout, so
 * that every intermediate map can be compared with its interpreter word for word.
 *
 * All pointers are 4-byte aligned. `in` and `out` must not overlap unless a kernel says so. Kernels
 * do not fail: the compiler has checked every bound stated here before it emits a call.
 */
#ifndef BITWAKE_BW_KERNELS_H
#define BITWAKE_BW_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BW_WORDS(channels) (((channels) + 31u) / 32u)

/* ---- input encoder: bytes -> bits, one table look-up a sample ----------------------------------
 *
 * Every element-wise chain from an 8-bit sample of one channel to bits (a learned thermometer, a
 * plain sign, bit planes) is a function of 256 values; the compiler evaluates it once and stores
 * the words. Channel c of the input produces bits in words [first_word[c], first_word[c] + span).
 */
typedef struct {
    uint32_t pixels;            /* h * w, >= 1 */
    uint16_t in_c;              /* samples a pixel, >= 1 */
    uint16_t out_words;         /* words a pixel, >= 1 */
    uint16_t span;              /* words a sample contributes to, 1..out_words */
    const uint16_t *first_word; /* [in_c] */
    const uint32_t *table;      /* [in_c][256][span], indexed by the raw byte */
} bw_encode;

/* out[p][w] = OR over c of the table words of in[p][c]. in: u8 [pixels][in_c] (signed bytes are
 * indexed by their bit pattern), out: [pixels][out_words]. */
void bw_encode_u8(const bw_encode *d, const uint8_t *in, uint32_t *out);

/* The same where what happens to a sample depends on its place, repeating in tiles: a dither, or
 * the colours of a raw mosaic. Place k = y * tile_w + x of an output tile is made of `samples`
 * samples, which lie offset[k * samples + i] bytes behind the first sample of the tile of the
 * picture; a place that needs fewer names one again, with a table of zeros. */
typedef struct {
    uint16_t out_h, out_w;      /* output pixels: multiples of tile_h and tile_w */
    uint16_t tile_h, tile_w;    /* 1..16 */
    uint16_t samples;           /* of an output pixel, >= 1 */
    uint16_t out_words;         /* words a pixel, >= 1 */
    uint16_t span;              /* words a sample contributes to, 1..out_words */
    uint32_t down, right;       /* bytes of the picture from a tile to the next, either way */
    const uint32_t *offset;     /* [tile_h * tile_w][samples] */
    const uint16_t *first_word; /* [tile_h * tile_w][samples] */
    const uint32_t *table;      /* [tile_h * tile_w][samples][256][span], indexed by the raw byte */
} bw_encode_tiles;

/* out[p][w] = OR over the samples of their table words. in: the picture, u8 [h][w][c]; out:
 * [out_h][out_w][out_words]. */
void bw_encode_tiles_u8(const bw_encode_tiles *d, const uint8_t *in, uint32_t *out);

/* All eight bit planes of a byte through binary convolutions, summed by the weights of their bits:
 *
 * sum over j of 2^j * w_j * b_j = 2 * (byte XOR m) - 255, where b_j = ±1 is bit j of the byte and
 * m has bit j set where the weight w_j = -1. So A(y, x, o) = sum over taps of (byte XOR mask), and
 * the output bit is A > thresholds[o]; -1 and 2^31 - 1 make a constant.
 */
typedef struct {
    uint16_t in_h, in_w;
    uint16_t in_c; /* 1..4 */
    uint16_t out_h, out_w, out_c;
    uint8_t k_h, k_w;           /* k_h * k_w = 1..64 */
    uint8_t stride_h, stride_w; /* >= 1 */
    int16_t pad_top, pad_left;  /* rows / columns before the map; 0 for VALID */
    uint8_t outside;            /* the byte that taps outside the picture read */
    const uint8_t *channel;     /* [out_c]: the channel of the picture that each reads */
    const uint32_t *masks;      /* [out_c][ceil(k_h * k_w / 4)]: four taps a word, the first in the
                                   lowest byte, 0 behind the last */
    const int32_t *thresholds;  /* [out_c] */
} bw_bit_planes;

/* in: u8 [in_h][in_w][in_c], out: [out_h][out_w][BW_WORDS(out_c)]. */
void bw_bit_planes_u8(const bw_bit_planes *d, const uint8_t *in, uint32_t *out);

/* ---- binary convolution ------------------------------------------------------------------------
 *
 * acc(y, x, o) = sum over taps and the group's channels of popcount(a XOR w): the number of
 * products that are -1. With K = k_h * k_w * in_c / groups, the dot product is K - 2 * acc.
 * Taps outside the map read words of 0 (+1, "one padding", and the only case for VALID), or, with
 * zero_padding, contribute in_c / groups / 2 to acc each (a product of 0; needs even channels).
 * Source of the arithmetic: LCE core/bconv2d/output_transform.h, re-derived in bw_bconv2d_ref.c.
 */
typedef struct {
    uint16_t in_h, in_w, in_c;    /* in_c: real channels over all groups, 1..4096 */
    uint16_t out_h, out_w, out_c; /* 1..4096 */
    uint16_t groups;            /* divides in_c and out_c; in_c / groups % 32 == 0 if groups > 1 */
    uint8_t k_h, k_w;           /* 1..255, K <= 2^20 */
    uint8_t stride_h, stride_w; /* >= 1 */
    uint8_t dilation_h, dilation_w; /* >= 1 */
    int16_t pad_top, pad_left;      /* rows / columns before the map; 0 for VALID */
    uint8_t zero_padding;           /* 0: one padding, 1: zero padding */
    const uint32_t *weights;        /* [out_c][k_h][k_w][words(in_c / groups)], bit 1 = -1 */
    /* Bit output: bit = acc > thresholds[o]; INT32_MIN and INT32_MAX make a constant. */
    const int32_t *thresholds; /* [out_c], or NULL */
    /* Real output: t = clamp(2 * acc, clamp_min, clamp_max);
     * y = (float)t * multiplier[o] + bias[o], one rounding after the product and one after the
     * sum (never fused). The int8 form adds the output scale and zero point into both factors,
     * rounds half away from zero and saturates. */
    const float *multiplier; /* [out_c], or NULL */
    const float *bias;       /* [out_c], or NULL */
    int32_t clamp_min, clamp_max;
} bw_bconv2d;

/* in: bits [in_h][in_w][words(in_c)]; out: bits [out_h][out_w][words(out_c)]. */
void bw_bconv2d_bits(const bw_bconv2d *d, const uint32_t *in, uint32_t *out);
/* out: f32 [out_h][out_w][out_c]. */
void bw_bconv2d_f32(const bw_bconv2d *d, const uint32_t *in, float *out);
/* out: i8 [out_h][out_w][out_c]. */
void bw_bconv2d_i8(const bw_bconv2d *d, const uint32_t *in, int8_t *out);

/* ---- two branches and the sign of their sum ----------------------------------------------------
 *
 * Two binary convolutions of equal output, an element-wise sum of their real outputs and its sign,
 * without any real map: the bit of output o is a function of both counts of products that are -1,
 * acc_a and acc_b, found by the compiler with the interpreter's arithmetic (convert/lower/join).
 * With factors it is factors[o][0] * acc_a + factors[o][1] * acc_b > limits[o], exact in 32 bits;
 * else acc_a > table[o][acc_b]. */
typedef struct {
    bw_bconv2d a; /* its output fields are not used; K <= 32767 */
    bw_bconv2d b; /* the same output map; k_h = 0: no convolution, acc_b is the bit itself */
    const int16_t *factors; /* [out_c][2], or NULL */
    const int32_t *limits;  /* [out_c], with factors */
    const int16_t *table;   /* [out_c][states], or NULL; -1 for always, K for never */
    uint16_t states;        /* K of b and one more, or 2 */
} bw_bconv2d_pair;

/* in_a, in_b: bits, which may be the same map; out: bits [out_h][out_w][words(out_c)]. */
void bw_bconv2d_pair_bits(const bw_bconv2d_pair *d, const uint32_t *in_a, const uint32_t *in_b,
                          uint32_t *out);

/* ---- element-wise functions of bits: OR, AND, a choice by channel ------------------------------
 * out = constant ^ (first & a) ^ (second & b) ^ (both & a & b), a word of masks for each word of a
 * pixel: any function of two bits, for each channel its own. Bits beyond the last channel are 0 in
 * all masks. */
typedef struct {
    uint32_t pixels;
    uint16_t words;                                   /* a pixel */
    const uint32_t *constant, *first, *second, *both; /* [words] */
} bw_logic;

/* a, b, out: [pixels][words]; out may be a or b. */
void bw_logic_bits(const bw_logic *d, const uint32_t *a, const uint32_t *b, uint32_t *out);

/* ---- max pooling of bits -----------------------------------------------------------------------
 * The maximum of values +1/-1 is the AND of their bits (1 = -1); taps outside are ignored. */
typedef struct {
    uint16_t in_h, in_w, words; /* words a pixel */
    uint16_t out_h, out_w;
    uint8_t k_h, k_w, stride_h, stride_w;
    int16_t pad_top, pad_left;
} bw_bmaxpool2d;

void bw_bmaxpool2d_bits(const bw_bmaxpool2d *d, const uint32_t *in, uint32_t *out);

/* ---- bit movement along channels: shuffle, slice, select ---------------------------------------
 * out bit i of each pixel = in bit source[i]. */
typedef struct {
    uint32_t pixels;
    uint16_t in_words;
    uint16_t out_c;         /* >= 1 */
    const uint16_t *source; /* [out_c], each < 32 * in_words */
} bw_gather_channels;

void bw_gather_channels_bits(const bw_gather_channels *d, const uint32_t *in, uint32_t *out);

/* ---- between bits and numbers ------------------------------------------------------------------
 * quantize: bit = x < 0 (float; -0.0 and NaN give 0) or q < zero_point (int8).
 * dequantize: float +1.0 / -1.0; int8 `plus` / `minus` (the compiler saturates them). */
typedef struct {
    uint32_t pixels;
    uint16_t channels;
    int32_t zero_point; /* quantize_i8 */
    int8_t plus, minus; /* dequantize_i8 */
} bw_bitcast;

void bw_quantize_f32(const bw_bitcast *d, const float *in, uint32_t *out);
void bw_quantize_i8(const bw_bitcast *d, const int8_t *in, uint32_t *out);
void bw_dequantize_f32(const bw_bitcast *d, const uint32_t *in, float *out);
void bw_dequantize_i8(const bw_bitcast *d, const uint32_t *in, int8_t *out);

#ifdef __cplusplus
}
#endif
#endif
