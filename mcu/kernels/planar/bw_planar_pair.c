/* Two binary convolutions on planar maps and the sign of their sum. */
#include "bw_planar_block.h"
#include "bw_planar_conv.h"

#define COUNTS 16u /* words of an output: lanes l and l + 16 in word l */

typedef struct {
    const bw_planar_conv *d;
    const uint32_t *in;
    bw_tap_geometry geometry;
    uint32_t segments;
    uint32_t *state; /* [groups * out_c][COUNTS] */
} branch;

static uint32_t outputs(const bw_planar_conv *d)
{
    return (uint32_t)d->groups * d->out_c;
}

static uint32_t tap_bytes(const bw_planar_conv *d)
{
    return d->in_c == 0u
               ? 0u
               : (uint32_t)sizeof(bw_tap) * d->k_h * d->k_w * BW_PLANAR_SEGMENTS(d->in_w, d->out_w);
}

static uint32_t most(uint32_t x, uint32_t y)
{
    return x > y ? x : y;
}

uint32_t bw_planar_pair_scratch(const bw_planar_pair *d)
{
    const uint32_t counts = BW_PLANAR_COUNTS(outputs(&d->a));
    return most(tap_bytes(&d->a), tap_bytes(&d->b)) + 2u * counts +
           4u * BW_TABLE_WORDS * most(d->a.chunk, d->b.in_c == 0u ? 0u : d->b.chunk);
}

/* Counts of all outputs of a branch in the block that begins at output pixel `first`. */
static void count(const branch *b, uint32_t first, bw_tap *taps, uint32_t *table)
{
    const bw_planar_conv *d = b->d;
    bw_count_job job = {
        .table = table, .index = d->index, .outputs = d->out_c, .bias = d->bias, .state = b->state};

    bw_planar_taps(&b->geometry, first, b->segments, taps);
    for (uint32_t group = 0; group < d->groups; group++) {
        for (uint32_t begin = 0; begin < d->triples; begin += d->chunk) {
            const uint32_t left = d->triples - begin, n = left < d->chunk ? left : d->chunk;
            uint32_t *inputs = table + n * (BW_TABLE_WORDS - 3u);
            bw_planar_inputs(d, b->in, group, 3u * begin, taps, b->segments, inputs, 3u * n);
            bw_planar_tables(inputs, table, n);
            job.triples = n;
            job.kind = begin == 0u ? BW_COUNT_FIRST : BW_COUNT_MORE;
            bw_planar_count(&job);
            job.index += d->out_c * ((n + BW_TRIPLES_A_WORD - 1u) / BW_TRIPLES_A_WORD);
        }
        job.state += COUNTS * d->out_c;
    }
}

/* The bits of a block as counts of 0 and 1. */
static void spread(const branch *b, uint32_t word)
{
    const bw_planar_conv *d = b->d;
    for (uint32_t o = 0; o < outputs(d); o++) {
        const uint32_t plane = d->source != 0 ? d->source[o] : o;
        const uint32_t bits = b->in[plane * d->in_stride + word];
        for (uint32_t l = 0; l < COUNTS; l++) {
            b->state[COUNTS * o + l] = bits >> l & 0x00010001u;
        }
    }
}

static branch begin(const bw_planar_conv *d, const uint32_t *in, uint32_t *state)
{
    branch b = {.d = d, .in = in, .state = state};
    if (d->in_c != 0u) {
        b.geometry = bw_planar_conv_geometry(d);
        b.segments = bw_planar_segments(&b.geometry);
    }
    return b;
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
    for (uint32_t l = COUNTS; l != 0u; l--) {
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
    for (uint32_t l = COUNTS; l != 0u; l--) {
        const uint32_t x = a[l - 1u], y = b[l - 1u];
        low = behind(low, table[y & 0xffffu] - (int32_t)(x & 0xffffu));
        high = behind(high, table[y >> 16] - (int32_t)(x >> 16));
    }
    return low | high << 16;
}

static void decide(const bw_planar_pair *d, const uint32_t *a, const uint32_t *b, uint32_t *out)
{
    const uint32_t n = outputs(&d->a);
    const int16_t *factors = d->factors, *table = d->table;
    for (uint32_t o = 0; o < n; o++, a += COUNTS, b += COUNTS, out += d->a.out_stride) {
        if (factors != 0) {
            *out = by_factors(a, b, factors, d->limits[o]);
            factors += 2;
        } else {
            *out = by_table(a, b, table);
            table += d->states;
        }
    }
}

void bw_planar_pair_bits(const bw_planar_pair *d, const uint32_t *in_a, const uint32_t *in_b,
                         uint32_t *out, void *scratch)
{
    const uint32_t words = BW_PLANE_WORDS(d->a.out_h, d->a.out_w), n = outputs(&d->a);
    bw_tap *taps = scratch;
    uint32_t *state = (uint32_t *)scratch + most(tap_bytes(&d->a), tap_bytes(&d->b)) / 4u;
    uint32_t *table = state + 2u * COUNTS * n;
    const branch a = begin(&d->a, in_a, state), b = begin(&d->b, in_b, state + COUNTS * n);

    for (uint32_t word = 0; word < words; word++) {
        count(&a, 32u * word, taps, table);
        if (d->b.in_c != 0u) {
            count(&b, 32u * word, taps, table);
        } else {
            spread(&b, word);
        }
        decide(d, a.state, b.state, out + word);
    }
    bw_planar_conv_trim(&d->a, out);
}
