/* What tests of kernels in C share: numbers at random, the same in every run, heap blocks of
 * exactly so many bytes, and checks, the first of which that fails ends the program with status 1.
 */
#ifndef BITWAKE_TESTS_RANDOM_BLOCKS_H
#define BITWAKE_TESTS_RANDOM_BLOCKS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state = 88172645463325252u;
static unsigned long checks;

static inline uint32_t noise(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static inline uint32_t below(uint32_t n)
{
    return noise() % n;
}

static inline uint32_t between(uint32_t low, uint32_t high)
{
    return low + below(high - low + 1u);
}

static inline void *block(size_t bytes)
{
    void *p = malloc(bytes != 0u ? bytes : 1u);
    if (p == NULL) {
        exit(3);
    }
    for (size_t i = 0; i < bytes; i++) {
        ((uint8_t *)p)[i] = (uint8_t)noise();
    }
    return p;
}

static inline void expect(int holds, const char *what, unsigned long at)
{
    checks++;
    if (!holds) {
        printf("%s differs at %lu\n", what, at);
        exit(1);
    }
}

static inline uint32_t bit_of(const uint32_t *words, uint32_t c)
{
    return words[c / 32u] >> (c % 32u) & 1u;
}

#endif
