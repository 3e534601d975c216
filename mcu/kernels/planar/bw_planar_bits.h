/* Private to the planar kernels: runs of bits in a bitmap, and parting even from odd ones. */
#ifndef BITWAKE_BW_PLANAR_BITS_H
#define BITWAKE_BW_PLANAR_BITS_H

#include <stdint.h>
#include <string.h>

/* Bits [at, at + n) of a bitmap, 1 <= n <= 32; all must lie inside. */
static inline uint32_t bw_bits_get(const uint32_t *map, uint32_t at, uint32_t n)
{
    const uint32_t *word = map + (at >> 5);
    const uint32_t shift = at & 31u;
    uint32_t bits = word[0] >> shift;
    if (shift + n > 32u) {
        bits |= word[1] << (32u - shift);
    }
    return bits & (UINT32_MAX >> (32u - n));
}

/* ORs n bits, 1 <= n <= 32, into a bitmap; bits from n on are 0. */
static inline void bw_bits_put(uint32_t *map, uint32_t at, uint32_t n, uint32_t bits)
{
    uint32_t *word = map + (at >> 5);
    const uint32_t shift = at & 31u;
    word[0] |= bits << shift;
    if (shift + n > 32u) {
        word[1] |= bits >> (32u - shift);
    }
}

/* 32 or 16 bits from a byte on; little-endian. */
static inline uint32_t bw_bits_load32(const uint8_t *from)
{
    uint32_t bits;
    memcpy(&bits, from, sizeof bits);
    return bits;
}

static inline uint32_t bw_bits_load16(const uint8_t *from)
{
    uint16_t bits;
    memcpy(&bits, from, sizeof bits);
    return bits;
}

static inline void bw_bits_store16(uint8_t *to, uint32_t bits)
{
    const uint16_t low = (uint16_t)bits;
    memcpy(to, &low, sizeof low);
}

/* Even bits to the low half, odd bits to the high half. */
static inline uint32_t bw_bits_part(uint32_t x)
{
    uint32_t t = (x ^ (x >> 1)) & 0x22222222u;
    x ^= t ^ (t << 1);
    t = (x ^ (x >> 2)) & 0x0c0c0c0cu;
    x ^= t ^ (t << 2);
    t = (x ^ (x >> 4)) & 0x00f000f0u;
    x ^= t ^ (t << 4);
    t = (x ^ (x >> 8)) & 0x0000ff00u;
    return x ^ t ^ (t << 8);
}

/* Even bits to the low half; the high half is 0. */
static inline uint32_t bw_bits_even(uint32_t x)
{
    x &= 0x55555555u;
    x = (x | (x >> 1)) & 0x33333333u;
    x = (x | (x >> 2)) & 0x0f0f0f0fu;
    x = (x | (x >> 4)) & 0x00ff00ffu;
    return (x | (x >> 8)) & 0xffffu;
}

#endif
