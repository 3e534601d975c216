/* int8 kernels: TFLite's built-in operators on quantized maps, equal to its reference kernels bit
 * for bit.
 *
 * A map is int8 [h][w][c], real = scale * (q - zero). Factors are a multiplier of 31 bits and a
 * shift, real = multiplier * 2^(shift - 31), applied with two roundings: nearest with ties up, then
 * nearest with ties away from zero (convert/quantize.py and kernels/int8/bw_requant.h). Operators
 * that round otherwise say so. All pointers are 4-byte aligned; `in` and `out` do not overlap
 * unless a kernel says so; those of bw_binary_i8 and bw_table_i8 may write onto an input that is
 * read element by element, from its beginning. Kernels do not fail: the compiler has checked every
 * bound stated here.
 */
#ifndef BITWAKE_BW_INT8_H
#define BITWAKE_BW_INT8_H

#include <stdint.h>

#include "bw_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- convolution -------------------------------------------------------------------------------
 *
 * acc(y, x, o) = bias[o] + sum over taps of in * weight; a tap outside the map reads in_zero. The
 * compiler has folded -in_zero * weight into the bias. out = clamp(rescale(acc, o) + out_zero).
 * CONV_2D, and FULLY_CONNECTED as a 1x1 convolution over rows.
 *
 * channels: int32 [ceil(out_c / 4)][3][4]: bias, multiplier and shift of four channels each; behind
 * the last channel 0, 0 and -1.
 */
typedef struct {
    uint16_t in_h, in_w, in_c; /* 1..65535 */
    uint16_t out_h, out_w, out_c;
    uint8_t k_h, k_w;               /* 1..255 */
    uint8_t stride_h, stride_w;     /* 1..255 */
    uint8_t dilation_h, dilation_w; /* 1..255 */
    int16_t pad_top, pad_left;      /* rows / columns before the map */
    int8_t in_zero, out_zero;
    int8_t act_min, act_max;
    /* 1 when every |acc| < 2^30 and every shift is negative: the fast kernels need both. */
    uint8_t narrow;
    uint32_t row; /* bytes of a filter: k_h * k_w * in_c rounded up to 4 */
    const int8_t
        *weights; /* conv [out_c][row], zero behind the filter; see depthwise, transposed */
    const int32_t *channels;
    const int32_t *packed; /* the same filters once more, or NULL */
} bw_conv2d_i8;

/* Packed filters are for cores with the DSP extension: `narrow` convolutions of one to four
 * channels by windows of several taps. Biases and taps are doubled, taps 16-bit lanes of a word,
 * the lower first; `first` is -1 - shift, `centre` 1 + 2 * out_zero.
 *
 * 3x3 taps of one channel, BW_NINE words a filter: bias; taps 0 and 2, 3 and 5, 6 and 8, 1 and 4, 7
 * and a zero; multiplier; first; centre.
 *
 * Others, row + BW_PAIR words for two filters f and g (of an odd number, the last stands for both):
 * biases of f and g; for every four taps k..k+3 of a row, f's k and k + 2, g's, f's k + 1 and k +
 * 3, g's; multiplier and first of f, of g; centre. */
#define BW_NINE 9u
#define BW_PAIR 7u

/* in: [in_h][in_w][in_c]; out: [out_h][out_w][out_c]. scratch, 4-byte aligned: 6 * row bytes; 4 *
 * row where a 1x1 kernel or in_c % 4 == 0 lets patches be read from the map; NULL for a 1x1 kernel
 * with one output pixel. */
void bw_conv2d_i8_run(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out, int16_t *scratch);

/* DEPTHWISE_CONV_2D: output channel o reads input channel o / (out_c / in_c).
 * weights: [k_h][k_w][out_c]; row is unused. */
void bw_depthwise_i8(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out);

/* TRANSPOSE_CONV: input pixel (y, x) adds weight[ky][kx] to output pixel
 * (y * stride_h + ky - pad_top, x * stride_w + kx - pad_left). The zero point is not folded into
 * the bias, because the number of inputs an output meets varies.
 * weights: [out_c][k_h][k_w][in_c] without padding; dilations are 1. */
void bw_transpose_conv_i8(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out);

/* ---- pooling -----------------------------------------------------------------------------------
 * Taps outside the map are left out. The average is the integer quotient, to nearest, ties away
 * from zero; input and output share scale and zero point. */
typedef struct {
    uint16_t in_h, in_w, channels;
    uint16_t out_h, out_w;
    uint16_t k_h, k_w;
    uint8_t stride_h, stride_w;
    int16_t pad_top, pad_left;
    int8_t act_min, act_max;
} bw_pool_i8;

void bw_average_pool_i8(const bw_pool_i8 *d, const int8_t *in, int8_t *out);
void bw_max_pool_i8(const bw_pool_i8 *d, const int8_t *in, int8_t *out);

/* ---- two maps, element by element --------------------------------------------------------------
 *
 * Out is [dims[0]]..[dims[3]]; a step of 0 repeats an operand along that dimension. ADD and SUB
 * shift both operands left by 20 bits, rescale each to a common scale, combine, rescale; MUL
 * rescales the product of both; MINIMUM and MAXIMUM compare.
 */
typedef struct {
    uint16_t dims[4];
    uint32_t step_a[4], step_b[4]; /* elements */
    int16_t zero_a, zero_b, zero_out;
    int8_t act_min, act_max;
    int32_t multiplier_a, multiplier_b, multiplier_out;
    int8_t shift_a, shift_b, shift_out; /* a, b: 0 or negative */
} bw_binary_i8;

void bw_add_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out);
void bw_sub_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out);
void bw_mul_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out);
void bw_minimum_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out);
void bw_maximum_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out);

/* A convolution with int8 output and the residual addition behind it: each element, rounded and
 * clamped as the convolution alone would, is added (operand a) to that of `residual` (operand b) as
 * it is made. Both maps are [out_h][out_w][out_c]; out may be residual, and nothing else that is
 * read. Dims and steps of `add` are not used; its shift_out is negative. */
typedef struct {
    bw_bconv2d conv;
    bw_binary_i8 add;
} bw_bconv2d_add_i8;

void bw_bconv2d_add_i8_run(const bw_bconv2d_add_i8 *d, const uint32_t *in, const int8_t *residual,
                           int8_t *out);

typedef struct {
    bw_conv2d_i8 conv;
    bw_binary_i8 add;
} bw_conv2d_add_i8;

/* scratch as for bw_conv2d_i8_run, and never NULL. residual may be in when out is neither. */
void bw_conv2d_add_i8_run(const bw_conv2d_add_i8 *d, const int8_t *in, const int8_t *residual,
                          int8_t *out, int16_t *scratch);

/* Signs of a convolution of one channel by 3x3 filters. out: bits [out_h][out_w][out_c], 1 where an
 * accumulator is below 0; the compiler has taken off the bias what makes an output's sign that.
 * packed, BW_NINE_BITS words a filter: bias, then lanes of taps as above, not doubled. Of the other
 * fields those of the geometry and in_zero are used. */
#define BW_NINE_BITS 6u
void bw_conv2d_i8_bits(const bw_conv2d_i8 *d, const int8_t *in, uint32_t *out);

/* Convolutions of signs. in: [in_h][in_w][in_c] of 0 for +1 and 254 (-2) for -1, in_c % 8 == 0;
 * dilation_w is 1, the layer `narrow`. An absolute difference of bytes is then a product: with u =
 * w + 127, w in -127..127, |u - 0| = 127 + w and |u - 254| = 127 - w. A tap outside the map counts
 * 0; biases have nothing folded in; in_zero, row and packed are unused. weights: bytes u; of every
 * four filters [k_h][k_w][in_c / 4][4 filters][4], then of those that are left [k_h][k_w][in_c]. */
void bw_conv2d_i8_signs(const bw_conv2d_i8 *d, const int8_t *in, int8_t *out);
/* residual and out [out_h][out_w][out_c] may be the same. */
void bw_conv2d_add_i8_signs(const bw_conv2d_add_i8 *d, const int8_t *in, const int8_t *residual,
                            int8_t *out);

/* PRELU: a where q >= zero_a: rescaled by (multiplier_out, shift_out); below, the product with the
 * slope b rescaled by (multiplier_b, shift_b). */
void bw_prelu_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out);

/* ---- one map through a table -------------------------------------------------------------------
 * Every element-wise function of one int8 map is a table of 256 entries, made by the compiler:
 * RELU, RELU6, RELU_N1_TO_1, LEAKY_RELU, LOGISTIC, TANH, HARD_SWISH, QUANTIZE to another scale, and
 * what two maps do when one is a constant number. */
typedef struct {
    uint32_t count;
    const int8_t *table; /* [256], indexed by the byte */
} bw_table_i8;

/* in may equal out. */
void bw_table_i8_run(const bw_table_i8 *d, const int8_t *in, int8_t *out);
/* The same for raw bytes of a picture. */
void bw_table_u8_i8(const bw_table_i8 *d, const uint8_t *in, int8_t *out);

/* ---- softmax over the last axis ----------------------------------------------------------------
 * exp[k] is e^(-k * scale * beta) in Q0.31, 0 where the reference drops the term. The sum is kept
 * in Q12.19, its reciprocal found by three Newton steps in Q2.29, as gemmlowp does. */
typedef struct {
    uint32_t rows;
    uint16_t depth;
    uint16_t terms;     /* entries of exp; a larger difference counts as 0 */
    const int32_t *exp; /* [terms], terms 1..256 */
} bw_softmax_i8;

void bw_softmax_i8_run(const bw_softmax_i8 *d, const int8_t *in, int8_t *out);

/* ---- reductions --------------------------------------------------------------------------------
 * The map is [outer][reduced][inner] after the compiler merged neighbouring axes; up to two groups
 * of reduced axes: [dims[0]][dims[1]][dims[2]][dims[3]], reduced where `reduce` has the axis's bit.
 * MEAN: acc = sum of (q - in_zero); out = clamp(rescale(acc) + out_zero), where the compiler has
 * divided the multiplier by the count. SUM works in float32: the sum of q times scale, plus bias,
 * each rounded once, then to the nearest whole number with ties away from zero, plus out_zero. It
 * is judged by TFLite's default kernel, because the reference takes int8 for unsigned. REDUCE_MAX,
 * REDUCE_MIN: extremum. */
typedef struct {
    uint16_t dims[4];
    uint8_t reduce; /* bit k: axis k is reduced */
    int8_t in_zero, out_zero;
    int32_t multiplier; /* MEAN */
    int32_t shift;
    float scale, bias; /* SUM: |sum * scale + bias| < 2^31 */
} bw_reduce_i8;

void bw_mean_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out);
void bw_sum_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out);
void bw_reduce_max_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out);
void bw_reduce_min_i8(const bw_reduce_i8 *d, const int8_t *in, int8_t *out);

/* ---- bilinear resizing -------------------------------------------------------------------------
 * Weights are in units of 1/1024 and made by the compiler: row y reads rows y0[y] and y1[y], the
 * second with weight wy[y], the first with 1024 - wy[y]. The sum of four products is divided by
 * 2^20 to nearest, ties away from zero. */
typedef struct {
    uint16_t in_w, channels, out_h, out_w;
    const uint16_t *y0, *y1, *x0, *x1; /* [out_h], [out_w] */
    const int32_t *wy, *wx;
} bw_bilinear_i8;

void bw_bilinear_i8_run(const bw_bilinear_i8 *d, const int8_t *in, int8_t *out);

/* ---- between float32 and int8 ------------------------------------------------------------------
 * QUANTIZE: round(x / scale), ties away from zero, plus zero point, saturated. x / scale must be
 * below 2^31 in magnitude for the reference to be defined; beyond it, and for NaN, -128 is given,
 * as TFLite does on x86. DEQUANTIZE: scale * (q - zero), one rounding. */
typedef struct {
    uint32_t count;
    float scale;
    int32_t zero;
} bw_affine;

void bw_quantize_f32_i8(const bw_affine *d, const float *in, int8_t *out);
void bw_dequantize_i8_f32(const bw_affine *d, const int8_t *in, float *out);

/* ---- movement ----------------------------------------------------------------------------------
 *
 * One kernel for PAD, TRANSPOSE, CONCATENATION, SPLIT, STRIDED_SLICE, GATHER, TILE, RESIZE_NEAREST,
 * DEPTH_TO_SPACE and SPACE_TO_DEPTH: nested loops that copy runs of bytes. In loop k, step i reads
 * at i * from[k], or at index[k][i] * from[k] when there is an index, and writes at i * to[k].
 * Offsets are in bytes, of any element type.
 */
typedef struct {
    uint16_t count[5];        /* outermost first; unused ones are 1 */
    int32_t from[5], to[5];   /* bytes a step */
    const uint16_t *index[5]; /* NULL: the step itself */
    uint32_t from_start, to_start;
    uint32_t run; /* bytes copied at each place */
} bw_move;

void bw_move_run(const bw_move *d, const void *in, void *out);

/* Writes `unit` bytes of `value` `count` times: what PAD puts around the map. */
typedef struct {
    uint32_t count;
    uint8_t unit; /* 1 or 4 */
    uint32_t value;
} bw_fill;

void bw_fill_run(const bw_fill *d, void *out);

#ifdef __cplusplus
}
#endif
#endif
