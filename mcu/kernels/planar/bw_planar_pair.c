/* Two binary convolutions on planar maps and the sign of their sum. */
#include "bw_planar_pair.h"

#include "bw_planar_block.h"
#include "bw_planar_count_mve.h"

uint32_t bw_planar_pair_scratch(const bw_planar_pair *d)
{
    const uint32_t chunk = d->b.in_c != 0u && d->b.chunk > d->a.chunk ? d->b.chunk : d->a.chunk;
    return BW_PLANAR_BLOCKS(d->blocks) *
           (4u * (bw_planar_pair_tap_words(&d->a) + bw_planar_pair_tap_words(&d->b)) +
            BW_PLANAR_COUNTS(BW_PLANAR_PART(d->part, bw_planar_pair_outputs(d))) +
            4u * BW_TABLE_WORDS * chunk);
}

#ifndef BW_HAVE_MVE /* else bw_planar_pair_mve.c */

#define STATE 16u /* words of an output: lanes l and l + 16 in word l */

typedef struct {
    bw_planar_block block;
    bw_tap_geometry geometry;
    uint32_t *state; /* [part][STATE] */
} branch;

static branch begin(const bw_planar_conv *d, const uint32_t *in, bw_tap *taps, uint32_t *state,
                    uint32_t *table)
{
    branch b = {.block = {.d = d, .in = in, .taps = taps, .table = table}, .state = state};
    if (d->in_c != 0u) {
        b.geometry = bw_planar_conv_geometry(d);
        b.block.segments = bw_planar_segments(&b.geometry);
    }
    return b;
}

/* Counts of outputs from ... to - 1 of all groups in the block whose taps are prepared. */
static void count(const branch *b, uint32_t from, uint32_t to)
{
    const bw_planar_conv *d = b->block.d;
    bw_count_job job = {.bias = d->bias, .state = b->state};
    while (from < to) {
        const uint32_t group = from / d->out_c, done = from - group * d->out_c;
        const uint32_t left = d->out_c - done;
        job.outputs = left < to - from ? left : to - from;
        bw_planar_block_count(&b->block, group, done, true, &job);
        job.state += STATE * job.outputs;
        from += job.outputs;
    }
}

/* The bits of a block as counts of 0 and 1. */
static void spread(const branch *b, uint32_t word, uint32_t from, uint32_t to)
{
    const bw_planar_conv *d = b->block.d;
    uint32_t *state = b->state;
    for (uint32_t o = from; o < to; o++, state += STATE) {
        const uint32_t plane = d->source != 0 ? d->source[o] : o;
        const uint32_t bits = b->block.in[plane * d->in_stride + word];
        for (uint32_t l = 0; l < STATE; l++) {
            state[l] = bits >> l & 0x00010001u;
        }
    }
}

/* Signs of all lanes as they are found, lane 15 and lane 31 first. */
static inline uint32_t behind(uint32_t bits, int32_t sign)
{
    return bits << 1 | (uint32_t)sign >> 31;
}

/* limit - (p a + q b) is negative: two products a lane. */
static uint32_t by_factors(const uint32_t *a, const uint32_t *b, const int16_t *factors,
                           int32_t limit)
{
    const int32_t p = -factors[0], q = -factors[1];
    uint32_t low = 0, high = 0;
    for (uint32_t l = STATE; l != 0u; l--) {
        const int32_t x = (int32_t)a[l - 1u], y = (int32_t)b[l - 1u];
        low = behind(low, limit + p * (int16_t)x + q * (int16_t)y);
        high = behind(high, limit + p * (x >> 16) + q * (y >> 16));
    }
    return low | high << 16;
}

/* table[b] - a is negative. */
static uint32_t by_table(const uint32_t *a, const uint32_t *b, const int16_t *table)
{
    uint32_t low = 0, high = 0;
    for (uint32_t l = STATE; l != 0u; l--) {
        const uint32_t x = a[l - 1u], y = b[l - 1u];
        low = behind(low, table[y & 0xffffu] - (int32_t)(x & 0xffffu));
        high = behind(high, table[y >> 16] - (int32_t)(x >> 16));
    }
    return low | high << 16;
}

static void decide(const bw_planar_pair *d, const uint32_t *a, const uint32_t *b, uint32_t from,
                   uint32_t to, uint32_t *out)
{
    for (uint32_t o = from; o < to; o++, a += STATE, b += STATE) {
        out[o * d->a.out_stride] = d->factors != 0
                                       ? by_factors(a, b, d->factors + 2u * o, d->limits[o])
                                       : by_table(a, b, d->table + o * d->states);
    }
}

void bw_planar_pair_bits(const bw_planar_pair *d, const uint32_t *in_a, const uint32_t *in_b,
                         uint32_t *out, void *scratch)
{
    const uint32_t words = BW_PLANE_WORDS(d->a.out_h, d->a.out_w);
    const uint32_t n = bw_planar_pair_outputs(d), part = BW_PLANAR_PART(d->part, n);
    bw_tap *taps_a = scratch;
    bw_tap *taps_b = (bw_tap *)((uint32_t *)scratch + bw_planar_pair_tap_words(&d->a));
    uint32_t *state = (uint32_t *)taps_b + bw_planar_pair_tap_words(&d->b);
    uint32_t *table = state + 2u * STATE * part;
    const branch a = begin(&d->a, in_a, taps_a, state, table);
    const branch b = begin(&d->b, in_b, taps_b, state + STATE * part, table);

    for (uint32_t word = 0; word < words; word++) {
        bw_planar_taps(&a.geometry, 32u * word, a.block.segments, taps_a);
        if (d->b.in_c != 0u) {
            bw_planar_taps(&b.geometry, 32u * word, b.block.segments, taps_b);
        }
        for (uint32_t from = 0; from < n; from += part) {
            const uint32_t to = n - from < part ? n : from + part;
            count(&a, from, to);
            if (d->b.in_c != 0u) {
                count(&b, from, to);
            } else {
                spread(&b, word, from, to);
            }
            decide(d, a.state, b.state, from, to, out + word);
        }
    }
    bw_planar_conv_trim(&d->a, out);
}

#endif
