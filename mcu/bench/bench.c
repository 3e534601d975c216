#include "bw_bench.h"

#include <stdbool.h>
#include <stddef.h>

#include "bw_hal.h"
#include "crc32.h"
#include "print.h"

#define GUARD     0x5AFE5AFEu
#define GUARDS    2u /* words behind each region; even, so that all stay 8-byte aligned */

#define BARRIER() __asm__ volatile("" ::: "memory")

typedef struct {
    uint32_t *at;
    uint32_t words;
} region;

/* Steele, Lea and Flood 2014 with the mixer of Wellons' "triple32": one word a step. */
static uint32_t random_word(uint32_t *state)
{
    *state += 0x9E3779B9u;
    uint32_t x = *state;
    x = (x ^ (x >> 17)) * 0xED5AD4BBu;
    x = (x ^ (x >> 11)) * 0xAC4C1B51u;
    x = (x ^ (x >> 15)) * 0x31848BABu;
    return x ^ (x >> 14);
}

/* Takes a region from the front of what is left; NULL when it is too small. */
static region take(uint32_t **free, uint32_t *left, uint32_t words)
{
    const uint32_t even = (words + 1u) & ~1u;
    region r = {NULL, even};
    if (even + GUARDS > *left) {
        return r;
    }
    r.at = *free;
    *free += even + GUARDS;
    *left -= even + GUARDS;
    for (uint32_t i = 0; i < even + GUARDS; i++) {
        r.at[i] = GUARD;
    }
    return r;
}

static bool intact(const region *r)
{
    return r->at[r->words] == GUARD && r->at[r->words + 1u] == GUARD;
}

static __attribute__((noinline)) void nothing(const void *in, void *out, void *scratch)
{
    (void)in;
    (void)out;
    (void)scratch;
    BARRIER();
}

/* Ticks of a call of `run`. */
static __attribute__((noinline)) uint32_t timed(void (*volatile run)(const void *, void *, void *),
                                                const region *in, const region *out,
                                                const region *scratch)
{
    const uint32_t start = bw_hal_ticks();
    BARRIER();
    run(in->at, out->at, scratch->at);
    BARRIER();
    return bw_hal_ticks() - start;
}

static void complain(uint32_t index, const char *what)
{
    bw_put("p-kernel-");
    bw_put_number(index);
    bw_line_field("-", what);
}

void bw_bench_run(uint32_t index)
{
    const bw_bench_case *c = &bw_bench_cases[index];
    uint32_t left;
    /* Aligned by the HAL's contract. */
    uint32_t *free = (uint32_t *)(void *)bw_hal_spare(&left);
    left /= 4u;
    const region in = take(&free, &left, c->in_words);
    const region out = take(&free, &left, c->out_words);
    const region scratch = take(&free, &left, c->scratch_words);
    if (in.at == NULL || out.at == NULL || scratch.at == NULL) {
        complain(index, "too little RAM");
        return;
    }
    uint32_t state = c->seed;
    for (uint32_t i = 0; i < c->in_words; i++) {
        const uint32_t word = random_word(&state);
        in.at[i] = i % c->row_words == c->row_words - 1u ? word & c->last_mask : word;
    }
    const uint32_t empty = timed(nothing, &in, &out, &scratch);
    const uint32_t ticks = timed(c->run, &in, &out, &scratch) - empty;
    if (!intact(&in) || !intact(&out) || !intact(&scratch)) {
        complain(index, "it wrote beyond its memory");
        return;
    }
    uint32_t crc = 0;
    for (uint32_t i = 0; i < c->out_words; i++) {
        for (uint32_t byte = 0; byte < 4u; byte++) {
            crc = bw_crc32(crc, (uint8_t)(out.at[i] >> (8u * byte)));
        }
    }
    bw_put("p-kernel-");
    bw_put_number(index);
    bw_put("-");
    bw_put_number(ticks);
    bw_put("-");
    for (uint32_t shift = 32; shift > 0; shift -= 8u) {
        bw_put_hex_byte((uint8_t)(crc >> (shift - 8u)));
    }
    bw_put_end();
}
