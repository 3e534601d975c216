/* Two 16-bit lanes in a word: the DSP extension of Cortex-M4, M7, M33, and the same in C, so that
 * the kernels built on it are checked on any machine. Private to the int8 kernels.
 *
 * Arm C Language Extensions name these __sxtb16, __smlad and so on; they are written as assembly
 * here because GCC does not join a rotation with the extension, nor knows smmulr.
 */
#ifndef BITWAKE_BW_SIMD32_PRIVATE_H
#define BITWAKE_BW_SIMD32_PRIVATE_H

#include <stdint.h>
#include <string.h>

/* The innermost loops take every register: without optimization the compiler keeps one for itself,
 * and with -fno-omit-frame-pointer, as some systems build, another. */
#if defined(__ARM_FEATURE_DSP) && defined(__OPTIMIZE__)
#define BW_LOOPS_IN_ASSEMBLY
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("omit-frame-pointer")
#endif
#endif

/* Four bytes of any alignment. */
static inline uint32_t bw_load4(const int8_t *from)
{
    uint32_t word;
    memcpy(&word, from, 4);
    return word;
}

#if defined(__ARM_FEATURE_DSP)

/* Bytes 0 and 2 as signed lanes. */
static inline uint32_t bw_even(uint32_t x)
{
    uint32_t y;
    __asm("sxtb16 %0, %1" : "=r"(y) : "r"(x));
    return y;
}

/* Bytes 1 and 3 as signed lanes. */
static inline uint32_t bw_odd(uint32_t x)
{
    uint32_t y;
    __asm("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(x));
    return y;
}

/* acc + low * low + high * high */
static inline int32_t bw_smlad(uint32_t a, uint32_t b, int32_t acc)
{
    int32_t y;
    __asm("smlad %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(acc));
    return y;
}

/* acc + low * low */
static inline int32_t bw_smlabb(uint32_t a, uint32_t b, int32_t acc)
{
    int32_t y;
    __asm("smlabb %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(acc));
    return y;
}

/* acc + high * high */
static inline int32_t bw_smlatt(uint32_t a, uint32_t b, int32_t acc)
{
    int32_t y;
    __asm("smlatt %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(acc));
    return y;
}

/* The low lanes of both, a's below b's. */
static inline uint32_t bw_lows(uint32_t a, uint32_t b)
{
    uint32_t y;
    __asm("pkhbt %0, %1, %2, lsl #16" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

/* (a * b + 2^31) >> 32 */
static inline int32_t bw_smmulr(int32_t a, int32_t b)
{
    int32_t y;
    __asm("smmulr %0, %1, %2" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

/* x >> 1, saturated to 8 bits */
static inline int32_t bw_half_to_i8(int32_t x)
{
    int32_t y;
    __asm("ssat %0, #8, %1, asr #1" : "=r"(y) : "r"(x));
    return y;
}

/* acc + the four absolute differences of unsigned bytes */
static inline int32_t bw_usada8(uint32_t a, uint32_t b, int32_t acc)
{
    int32_t y;
    __asm("usada8 %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(acc));
    return y;
}

#else

static inline uint32_t bw_even(uint32_t x)
{
    return (uint32_t)(uint16_t)(int16_t)(int8_t)x | (uint32_t)(uint16_t)(int16_t)(int8_t)(x >> 16)
                                                        << 16;
}

static inline uint32_t bw_odd(uint32_t x)
{
    return bw_even(x >> 8);
}

static inline int32_t bw_smlabb(uint32_t a, uint32_t b, int32_t acc)
{
    return acc + (int16_t)a * (int16_t)b;
}

static inline int32_t bw_smlatt(uint32_t a, uint32_t b, int32_t acc)
{
    return acc + (int16_t)(a >> 16) * (int16_t)(b >> 16);
}

static inline int32_t bw_smlad(uint32_t a, uint32_t b, int32_t acc)
{
    return bw_smlatt(a, b, bw_smlabb(a, b, acc));
}

static inline uint32_t bw_lows(uint32_t a, uint32_t b)
{
    return (a & 0xFFFFu) | b << 16;
}

static inline int32_t bw_smmulr(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
}

static inline int32_t bw_usada8(uint32_t a, uint32_t b, int32_t acc)
{
    for (; (a | b) != 0; a >>= 8, b >>= 8) {
        const int32_t difference = (int32_t)(a & 255u) - (int32_t)(b & 255u);
        acc += difference < 0 ? -difference : difference;
    }
    return acc;
}

static inline int32_t bw_half_to_i8(int32_t x)
{
    x >>= 1;
    x = x < -128 ? -128 : x;
    return x > 127 ? 127 : x;
}

#endif

/* An accumulator to an output, for a `narrow` layer (|acc| < 2^30, shift < 0).
 *
 * The doubled high product with its rounding is smmulr of 2 * acc. The rounding right shift by e,
 * ties away from zero, is (t + (t < 0 ? -1 : 0) + 2^(e-1)) >> e; taking e - 1 bits first leaves
 * (u + 1) >> 1, and the zero point joins the 1: `centre` is 1 + 2 * out_zero, so that the last bit
 * is shifted out by the saturation itself. */
static inline int32_t bw_narrow_twice(int32_t twice, int32_t multiplier, uint32_t first,
                                      int32_t centre)
{
    const int32_t t = bw_smmulr(twice, multiplier);
    return bw_half_to_i8(((t - (t < 0)) >> first) + centre);
}

static inline int32_t bw_narrow(int32_t acc, int32_t multiplier, int32_t shift, int32_t centre)
{
    return bw_narrow_twice(acc * 2, multiplier, (uint32_t)~shift, centre);
}

#endif
