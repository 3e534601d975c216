/* Two binary convolutions on planar maps and the sign of their sum with MVE.
 *
 * Counts are made as gen/count_mve.py derives: half-words A and B of vectors v = 0 ... 2 W - 1 for
 * W blocks, in groups of min(4, 2 W) vectors, A before B. Even bytes of vector v are then the
 * half-words A - 256 B and its odd bytes the half-words B. For either the sign of the decision is
 * the top bit of a half-word; those of both are put side by side (vsri.16), which makes a byte, and
 * the bytes of all vectors one behind the other (vsri.8), as in the counting itself. Decisions by
 * factors are in the generated file, those by table here. */
#include "bw_planar_pair.h"

#include "bw_planar_count_mve.h"
#include "bw_planar_fetch_mve.h"

#ifdef BW_HAVE_MVE

typedef struct {
    const bw_planar_conv *d;
    bw_mve_lanes lanes; /* where it is a convolution */
    const uint32_t *in;
    uint32_t *state; /* [part][16 * blocks] */
} branch;

/* Half-words of the even and the odd bytes of a vector. */
typedef struct {
    int16x8_t even, odd;
} counts;

static void begin(branch *b, const bw_planar_conv *d, const uint32_t *in, bw_tap *taps)
{
    b->d = d;
    b->in = in;
    if (d->in_c != 0u) {
        bw_mve_lanes_begin(&b->lanes, d, in, taps);
    }
}

/* Counts of outputs from ... to - 1 of all groups. */
static void count(const branch *b, uint32_t blocks, uint32_t *table, uint32_t from, uint32_t to)
{
    const bw_planar_conv *d = b->d;
    bw_mve_job job = {.words = blocks};
    job.job.bias = d->bias;
    job.job.state = b->state;
    while (from < to) {
        const uint32_t group = from / d->out_c, done = from - group * d->out_c;
        const uint32_t left = d->out_c - done;
        job.job.outputs = left < to - from ? left : to - from;
        bw_mve_lanes_count(&b->lanes, blocks, table, group, done, true, &job);
        job.job.state += 16u * blocks * job.job.outputs;
        from += job.job.outputs;
    }
}

/* The bits of the blocks from word `word` on as counts of 0 and 1. */
static void spread(const branch *b, uint32_t blocks, uint32_t word, uint32_t words, uint32_t from,
                   uint32_t to)
{
    const bw_planar_conv *d = b->d;
    const uint32_t vectors = 2u * blocks, group = vectors < 4u ? vectors : 4u;
    const uint16x8_t one = vdupq_n_u16(1);
    const uint32x4_t element = vidupq_n_u32(0, 1);
    const uint32x4_t block = vandq_u32(element, vdupq_n_u32(blocks - 1u));
    const int32x4_t shift = vreinterpretq_s32(vsubq_u32(block, element));
    const mve_pred16_t real = vcmphiq_u32(vdupq_n_u32(words), block);
    for (uint32_t o = from; o < to; o++) {
        const uint32_t *plane = b->in + (d->source != 0 ? d->source[o] : o) * d->in_stride + word;
        const uint32x4_t bits = vldrwq_gather_shifted_offset_z_u32(plane, block, real);
        const uint32x4_t x = vshlq_u32(bits, shift);
        uint32_t *state = b->state + 16u * blocks * (o - from);
        for (uint32_t v = 0; v < vectors; v++) {
            const int32_t down = -(int32_t)(v % blocks + 4u * (v / blocks));
            const uint16x8_t low = vreinterpretq_u16(vshlq_r_u32(x, down));
            const uint16x8_t even = vandq_u16(low, one);
            const uint16x8_t odd = vandq_u16(vshrq_n_u16(low, 8), one);
            uint32_t *to_ = state + 4u * (v / group * 2u * group + v % group);
            vst1q_u32(to_, vreinterpretq_u32(vaddq_u16(even, vshlq_n_u16(odd, 8))));
            vst1q_u32(to_ + 4u * group, vreinterpretq_u32(odd));
        }
    }
}

static inline __attribute__((always_inline)) counts load(const uint32_t *state, uint32_t group)
{
    const int16x8_t odd = vreinterpretq_s16(vld1q_u32(state + 4u * group));
    const int16x8_t both = vreinterpretq_s16(vld1q_u32(state));
    const counts c = {vsubq_s16(both, vshlq_n_s16(odd, 8)), odd};
    return c;
}

/* Half-words whose top bit says that table[b] - a is negative. */
static inline uint16x8_t by_table(int16x8_t a, int16x8_t b, const int16_t *table)
{
    const int16x8_t most = vldrhq_gather_shifted_offset_s16(table, vreinterpretq_u16(b));
    return vreinterpretq_u16(vsubq_s16(most, a));
}

/* Decides by thresholds. Bits of vector v of 2 W are put at bit v of every byte for W = 4, with two
 * left out below either half for W = 2, and three for W = 1; those of elements e, e + W, ... then
 * belong to block e. */
static void by_tables(const bw_planar_pair *d, const uint32_t *a, const uint32_t *b, uint32_t from,
                      uint32_t to, uint32_t blocks, uint32_t words, uint32_t *out)
{
    const uint32_t vectors = 2u * blocks, group = vectors < 4u ? vectors : 4u;
    const uint32x4_t element = vidupq_n_u32(0, 1);
    const uint32x4_t block = vandq_u32(element, vdupq_n_u32(blocks - 1u));
    const int32x4_t place = vreinterpretq_s32(vsubq_u32(element, block));
    const int32x4_t shift = vaddq_n_s32(place, (int32_t)blocks - 4);
    for (uint32_t o = from; o < to; o++, a += 16u * blocks, b += 16u * blocks) {
        const int16_t *table = d->table + o * d->states;
        uint8x16_t bits = vdupq_n_u8(0);
        for (uint32_t v = 0; v < vectors; v++) {
            const uint32_t at = 4u * (v / group * 2u * group + v % group);
            const counts x = load(a + at, group), y = load(b + at, group);
            const uint16x8_t even = by_table(x.even, y.even, table);
            const uint16x8_t odd = by_table(x.odd, y.odd, table);
            const uint8x16_t both = vreinterpretq_u8(vsriq_n_u16(odd, even, 8));
            if (v == blocks) {
                bits = vshlq_r_u8(bits, (int32_t)blocks - 4);
            }
            bits = vsriq_n_u8(both, bits, 1);
        }
        const uint32x4_t lanes = vshlq_u32(vreinterpretq_u32(bits), shift);
        for (uint32_t w = 0; w < words; w++) {
            out[o * d->a.out_stride + w] = vaddvq_p_u32(lanes, vcmpeqq_n_u32(block, w));
        }
    }
}

static void by_lines(const bw_planar_pair *d, const uint32_t *a, const uint32_t *b, uint32_t from,
                     uint32_t to, uint32_t blocks, uint32_t words, uint32_t *out)
{
    static void (*const lines[])(const bw_mve_lines *) = {0, bw_mve_lines_1, bw_mve_lines_2, 0,
                                                          bw_mve_lines_4};
    const bw_mve_lines job = {
        .a = a,
        .b = b,
        .factors = d->factors + 2u * from,
        .limits = d->limits + from,
        .out = out + from * d->a.out_stride,
        .out_stride = d->a.out_stride,
        .outputs = to - from,
        .words = words,
    };
    lines[blocks](&job);
}

void bw_planar_pair_bits(const bw_planar_pair *d, const uint32_t *in_a, const uint32_t *in_b,
                         uint32_t *out, void *scratch)
{
    const uint32_t words = BW_PLANE_WORDS(d->a.out_h, d->a.out_w);
    const uint32_t n = bw_planar_pair_outputs(d), room = BW_PLANAR_BLOCKS(d->blocks);
    const uint32_t tap_words = bw_planar_pair_tap_words(&d->a);
    uint32_t *taps = scratch, *memory = taps + room * (tap_words + bw_planar_pair_tap_words(&d->b));
    branch a, b;

    begin(&a, &d->a, in_a, (bw_tap *)taps);
    begin(&b, &d->b, in_b, (bw_tap *)(taps + room * tap_words));
    for (uint32_t word = 0, blocks; word < words; word += blocks) {
        const uint32_t left = words - word;
        blocks = bw_mve_width(room, left);
        const uint32_t at_once = BW_PLANAR_PART(d->part, n) * room / blocks;
        const uint32_t part = at_once < n ? at_once : n;
        const uint32_t real = left < blocks ? left : blocks;
        uint32_t *table = memory + 32u * blocks * part;
        a.state = memory;
        b.state = memory + 16u * blocks * part;
        bw_mve_lanes_move(&a.lanes, word, blocks);
        if (d->b.in_c != 0u) {
            bw_mve_lanes_move(&b.lanes, word, blocks);
        }
        for (uint32_t from = 0; from < n; from += part) {
            const uint32_t to = n - from < part ? n : from + part;
            count(&a, blocks, table, from, to);
            if (d->b.in_c != 0u) {
                count(&b, blocks, table, from, to);
            } else {
                spread(&b, blocks, word, real, from, to);
            }
            if (d->factors != 0) {
                by_lines(d, a.state, b.state, from, to, blocks, real, out + word);
            } else {
                by_tables(d, a.state, b.state, from, to, blocks, real, out + word);
            }
        }
    }
    bw_planar_conv_trim(&d->a, out);
}

#endif
