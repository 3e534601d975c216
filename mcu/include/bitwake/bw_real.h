/* float32 kernels for the few layers that stay real between binary ones, equal to TFLite's
 * reference kernels bit for bit: IEEE 754 single precision, to nearest, in the reference's order of
 * operations, no multiplication contracted with an addition (compile with -ffp-contract=off). NaN
 * and signed zeros pass as they do there.
 *
 * A fused activation is a clamp to [low, high]; without one it is that to the largest finite
 * numbers, as in TFLite. Maps are [h][w][c]; pointers are 4-byte aligned; `in` and `out` do not
 * overlap, but for those of bw_binary_f32 and bw_unary_f32, which may write onto an input that is
 * read element by element, from its beginning.
 */
#ifndef BITWAKE_BW_REAL_H
#define BITWAKE_BW_REAL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- two maps, element by element: out is [dims[0]]..[dims[3]], a step of 0 repeats -------------
 */
typedef struct {
    uint16_t dims[4];
    uint32_t step_a[4], step_b[4]; /* elements */
    float low, high;
} bw_binary_f32;

void bw_add_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out);
void bw_sub_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out);
void bw_mul_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out);
void bw_minimum_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out);
void bw_maximum_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out);
/* a where a >= 0, else a * b. */
void bw_prelu_f32(const bw_binary_f32 *d, const float *a, const float *b, float *out);

/* ---- one map ------------------------------------------------------------------------------------
 */
typedef struct {
    uint32_t count;
    float low, high; /* clamp */
    float slope;     /* leaky */
} bw_unary_f32;

/* RELU: x, or 0 below it. in may equal out. */
void bw_relu_f32(const bw_unary_f32 *d, const float *in, float *out);
/* RELU6, RELU_N1_TO_1: x within [low, high]. in may equal out. */
void bw_clamp_f32(const bw_unary_f32 *d, const float *in, float *out);
/* x where x > 0, else x * slope. in may equal out. */
void bw_leaky_f32(const bw_unary_f32 *d, const float *in, float *out);
/* 1 / (1 + e^-x); 1 above 16.619047, e^x below -9, as the reference does. in may equal out. */
void bw_logistic_f32(const bw_unary_f32 *d, const float *in, float *out);

/* e^x by the method and the constants of glibc's expf (Arm Optimized Routines, MIT licence): double
 * precision inside, one rounding to float32 at the end, at most 0.502 units in the last place off.
 * Of all 2^32 floats two differ from glibc 2.36 on x86-64 with fused multiply-add, by one unit in
 * the last place (0x1.04845ep+5, -0x1.f8cbb2p+5); tests/int8/test_real.py compares every 211th. */
float bw_expf(float x);

/* ---- softmax over the last axis: e^((x - max) * beta) divided by their sum ----------------------
 */
typedef struct {
    uint32_t rows;
    uint16_t depth;
    float beta;
} bw_softmax_f32;

void bw_softmax_f32_run(const bw_softmax_f32 *d, const float *in, float *out);

/* ---- pooling: taps outside the map are left out -------------------------------------------------
 */
typedef struct {
    uint16_t in_h, in_w, channels;
    uint16_t out_h, out_w;
    uint16_t k_h, k_w;
    uint8_t stride_h, stride_w;
    int16_t pad_top, pad_left;
    float low, high;
} bw_pool_f32;

void bw_average_pool_f32(const bw_pool_f32 *d, const float *in, float *out);
void bw_max_pool_f32(const bw_pool_f32 *d, const float *in, float *out);

/* ---- reductions of [dims[0]]..[dims[3]] over the axes whose bit is set in `reduce` --------------
 * Sums run in the order of the elements. MEAN divides the sum by the count. */
typedef struct {
    uint16_t dims[4];
    uint8_t reduce;
    float count;
} bw_reduce_f32;

void bw_mean_f32(const bw_reduce_f32 *d, const float *in, float *out);
void bw_sum_f32(const bw_reduce_f32 *d, const float *in, float *out);
void bw_reduce_max_f32(const bw_reduce_f32 *d, const float *in, float *out);
void bw_reduce_min_f32(const bw_reduce_f32 *d, const float *in, float *out);

/* ---- fully connected: rows of in_c samples; products are added in order, then the bias ----------
 */
typedef struct {
    uint16_t rows, in_c, out_c;
    const float *weights; /* [out_c][in_c] */
    const float *bias;    /* [out_c], or NULL for 0 */
    float low, high;
} bw_dense_f32;

void bw_dense_f32_run(const bw_dense_f32 *d, const float *in, float *out);

#ifdef __cplusplus
}
#endif
#endif
