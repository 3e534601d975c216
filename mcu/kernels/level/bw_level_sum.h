/* Private to the table convolution: entries of eight words, added side by side in registers.
 *
 * bw_level_first and bw_level_add make sums of byte lanes, which saturate where BW_LEVEL_SATURATES
 * is 1, bw_level_add_halves sums of half-word lanes, bw_level_collect takes the upper bits of their
 * lanes into a word, those of each word of the sum one below the next's: after eight words of byte
 * lanes word w's lane j is bit 8 j + w; after twice eight of half-word lanes bit 16 j + w. */
#ifndef BITWAKE_BW_LEVEL_SUM_H
#define BITWAKE_BW_LEVEL_SUM_H

#include <stdint.h>

#define BW_LEVEL_BYTES  0x80808080u
#define BW_LEVEL_HALVES 0x80008000u

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)

#include <arm_mve.h>

typedef struct {
    uint32x4_t a, b;
} bw_level_sum;

static inline bw_level_sum bw_level_first(const uint32_t *p)
{
    return (bw_level_sum){vld1q_u32(p), vld1q_u32(p + 4)};
}

#define BW_LEVEL_SATURATES 1

static inline uint32x4_t bw_level_plus(uint32x4_t v, const uint32_t *p)
{
    const uint8x16_t bytes = vld1q_u8((const uint8_t *)p);
    return vreinterpretq_u32_u8(vqaddq_u8(vreinterpretq_u8_u32(v), bytes));
}

static inline void bw_level_add(bw_level_sum *v, const uint32_t *p)
{
    v->a = bw_level_plus(v->a, p);
    v->b = bw_level_plus(v->b, p + 4);
}

#define bw_level_add_clipped bw_level_add

static inline void bw_level_add_halves(bw_level_sum *v, const uint32_t *p)
{
    v->a = vaddq_u32(v->a, vld1q_u32(p));
    v->b = vaddq_u32(v->b, vld1q_u32(p + 4));
}

static inline uint32_t bw_level_collect(uint32_t bits, const bw_level_sum *v, uint32_t mask)
{
    static const int32_t down[8] = {-7, -6, -5, -4, -3, -2, -1, 0};
    const uint32x4_t a = vshlq_u32(vandq_u32(v->a, vdupq_n_u32(mask)), vld1q_s32(down));
    const uint32x4_t b = vshlq_u32(vandq_u32(v->b, vdupq_n_u32(mask)), vld1q_s32(down + 4));
    return bits >> 8 | vaddvq_u32(vorrq_u32(a, b)); /* no bit is in two of them */
}

/* The bits of five entries of byte lanes. */
static inline __attribute__((always_inline)) uint32_t
bw_level_five(const uint32_t *p, const uint32_t *q, const uint32_t *r, const uint32_t *s,
              const uint32_t *u)
{
    bw_level_sum v = bw_level_first(p);
    bw_level_add(&v, q);
    bw_level_add(&v, r);
    bw_level_add(&v, s);
    bw_level_add(&v, u);
    return bw_level_collect(0, &v, BW_LEVEL_BYTES);
}

#else

typedef struct {
    uint32_t a, b;
} bw_level_two;

/* Two words that follow one another, which one load takes where a core has it. */
static inline bw_level_two bw_level_load(const uint32_t *from)
{
    bw_level_two v;
#if defined(__thumb2__)
    __asm("ldrd %0, %1, %2"
          : "=r"(v.a), "=r"(v.b)
          : "m"(*(const bw_level_two *)(const void *)from));
#else
    v.a = from[0];
    v.b = from[1];
#endif
    return v;
}

/* The same, added: in one piece, since a compiler that sees the load moves it far ahead and runs
 * out of registers. */
#if defined(__thumb2__)
#define BW_LEVEL_ADD(v, from, ADD)                                                                 \
    do {                                                                                           \
        uint32_t x_, y_;                                                                           \
        __asm("ldrd %2, %3, %4\n\t" ADD " %0, %0, %2\n\t" ADD " %1, %1, %3"                        \
              : "+r"((v).a), "+r"((v).b), "=&r"(x_), "=&r"(y_)                                     \
              : "m"(*(const bw_level_two *)(const void *)(from)));                                 \
    } while (0)
#else
#define BW_LEVEL_ADD(v, from, ADD) ((v).a += (from)[0], (v).b += (from)[1])
#endif

#if defined(__ARM_FEATURE_DSP)
#define BW_LEVEL_SATURATES 1
#define BW_LEVEL_BYTES_ADD "uqadd8"
#else
#define BW_LEVEL_SATURATES 0
#define BW_LEVEL_BYTES_ADD "add"
#endif

static inline bw_level_two bw_level_plus(bw_level_two v, const uint32_t *from)
{
    BW_LEVEL_ADD(v, from, BW_LEVEL_BYTES_ADD);
    return v;
}

typedef struct {
    bw_level_two a, b, c, d;
} bw_level_sum;

static inline bw_level_sum bw_level_first(const uint32_t *p)
{
    return (bw_level_sum){bw_level_load(p), bw_level_load(p + 2), bw_level_load(p + 4),
                          bw_level_load(p + 6)};
}

static inline void bw_level_add(bw_level_sum *v, const uint32_t *p)
{
    v->a = bw_level_plus(v->a, p);
    v->b = bw_level_plus(v->b, p + 2);
    v->c = bw_level_plus(v->c, p + 4);
    v->d = bw_level_plus(v->d, p + 6);
}

static inline void bw_level_add_halves(bw_level_sum *v, const uint32_t *p)
{
    BW_LEVEL_ADD(v->a, p, "add");
    BW_LEVEL_ADD(v->b, p + 2, "add");
    BW_LEVEL_ADD(v->c, p + 4, "add");
    BW_LEVEL_ADD(v->d, p + 6, "add");
}

#if !BW_LEVEL_SATURATES
/* Bytes side by side: the lower seven bits are added apart, and where the upper ones then carry, a
 * byte becomes 255. */
static inline uint32_t bw_level_clipped(uint32_t x, uint32_t y)
{
    const uint32_t low = (x & ~BW_LEVEL_BYTES) + (y & ~BW_LEVEL_BYTES);
    const uint32_t carry = ((x & y) | ((x | y) & low)) & BW_LEVEL_BYTES;
    return (low ^ ((x ^ y) & BW_LEVEL_BYTES)) | (carry >> 7) * 255u;
}

static inline bw_level_two bw_level_two_clipped(bw_level_two v, const uint32_t *from)
{
    return (bw_level_two){bw_level_clipped(v.a, from[0]), bw_level_clipped(v.b, from[1])};
}

static inline void bw_level_add_clipped(bw_level_sum *v, const uint32_t *p)
{
    v->a = bw_level_two_clipped(v->a, p);
    v->b = bw_level_two_clipped(v->b, p + 2);
    v->c = bw_level_two_clipped(v->c, p + 4);
    v->d = bw_level_two_clipped(v->d, p + 6);
}
#else
#define bw_level_add_clipped bw_level_add
#endif

static inline uint32_t bw_level_bits(uint32_t bits, bw_level_two v, uint32_t mask)
{
    bits = bits >> 1 | (v.a & mask);
    return bits >> 1 | (v.b & mask);
}

static inline uint32_t bw_level_collect(uint32_t bits, const bw_level_sum *v, uint32_t mask)
{
    bits = bw_level_bits(bw_level_bits(bits, v->a, mask), v->b, mask);
    return bw_level_bits(bw_level_bits(bits, v->c, mask), v->d, mask);
}

/* The bits of five entries of byte lanes, two words of each at a time. */
static inline __attribute__((always_inline)) uint32_t
bw_level_five(const uint32_t *p, const uint32_t *q, const uint32_t *r, const uint32_t *s,
              const uint32_t *u)
{
    uint32_t bits = 0;
#define BW_LEVEL_TWO(k)                                                                            \
    do {                                                                                           \
        bw_level_two v_ = bw_level_plus(bw_level_load(p + (k)), q + (k));                          \
        v_ = bw_level_plus(bw_level_plus(bw_level_plus(v_, r + (k)), s + (k)), u + (k));           \
        bits = bw_level_bits(bits, v_, BW_LEVEL_BYTES);                                            \
    } while (0)
    BW_LEVEL_TWO(0);
    BW_LEVEL_TWO(2);
    BW_LEVEL_TWO(4);
    BW_LEVEL_TWO(6);
#undef BW_LEVEL_TWO
    return bits;
}

#endif
#endif
