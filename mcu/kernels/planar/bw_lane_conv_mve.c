/* Binary convolution on packed maps with MVE: lanes are up to four times 32 outputs. */
#include "bw_lane_conv.h"
#include "bw_planar_count_mve.h"

#ifdef BW_HAVE_MVE

#include <arm_mve.h>

/* Some blocks of outputs: element e of a vector belongs to block `block`, shifted as X is. */
typedef struct {
    uint32x4_t block, shift;
    uint32_t blocks;
} bw_lane_blocks;

static bw_lane_blocks choose(uint32_t room, uint32_t left)
{
    const uint32x4_t element = vidupq_n_u32(0, 1);
    bw_lane_blocks b = {.blocks =
                            room >= 4u && left >= 3u ? 4u : (room >= 2u && left >= 2u ? 2u : 1u)};
    b.block = vandq_u32(element, vdupq_n_u32(b.blocks - 1u));
    b.shift = vsubq_u32(element, b.block);
    b.block = vminq_u32(b.block, vdupq_n_u32(left - 1u)); /* of three, the last one twice */
    return b;
}

/* What the counts of an output begin at: half-words A and B of gen/count_mve.py, of as many vectors
 * as the counting keeps. Half-words of vector v, element e, are lanes j, j + 8 and j + 16, j + 24
 * of a block with j = 4 (v / W) + v % W + shift. Returns the words written. */
static uint32_t begin_counts(const bw_lane_blocks *b, const uint32_t *start, uint32_t *state)
{
    const uint32_t vectors = 2u * b->blocks, group = vectors < 4u ? vectors : 4u;
    const uint32x4_t at = vaddq_u32(vshlq_n_u32(b->block, 4), b->shift);
    for (uint32_t v = 0; v < vectors; v++) {
        const uint32_t *from = start + 4u * (v / b->blocks) + v % b->blocks;
        const uint16x8_t x = vreinterpretq_u16(vldrwq_gather_shifted_offset_u32(from, at));
        const uint16x8_t y = vreinterpretq_u16(vldrwq_gather_shifted_offset_u32(from + 8, at));
        uint32_t *to = state + 4u * (v / group * 2u * group + v % group);
        vst1q_u32(to, vreinterpretq_u32(vaddq_u16(x, vshlq_n_u16(y, 8))));
        vst1q_u32(to + 4u * group, vreinterpretq_u32(y));
    }
    return 8u * vectors;
}

static void repeat(uint32_t *state, uint32_t words, uint32_t times)
{
    const uint32_t *from = state;
    for (uint32_t *to = state + words, *end = state + words * times; to < end; from += 4, to += 4) {
        vst1q_u32(to, vld1q_u32(from));
    }
}

static void fetch(const bw_lane_blocks *b, const uint32_t *weights, uint32_t apart, uint32_t count,
                  uint32_t *inputs)
{
    const uint32x4_t at = vmulq_n_u32(b->block, apart);
    const int32x4_t shift = vnegq_s32(vreinterpretq_s32(b->shift));
    for (const uint32_t *end = weights + count; weights != end; weights++, inputs += 4) {
        vst1q_u32(inputs, vshlq_u32(vldrwq_gather_shifted_offset_u32(weights, at), shift));
    }
}

/* Words of weights of a block. */
static uint32_t weight_words(const bw_lane_conv *d, uint32_t words)
{
    const uint32_t rest = words % d->chunk;
    return 3u *
           (words / d->chunk * BW_LANE_TRIPLES(d->chunk) + (rest ? BW_LANE_TRIPLES(rest) : 0u));
}

void bw_lane_conv_bits(const bw_lane_conv *d, const uint32_t *in, uint32_t *out, void *scratch)
{
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w;
    const uint32_t words = (uint32_t)d->k_h * d->k_w * d->in_words;
    const uint32_t apart = weight_words(d, words);
    const uint32_t *weights = d->weights, *start = d->start;
    uint32_t *index = scratch;
    uint32_t *state = index + (d->chunk + 1u) * pixels;
    bw_mve_job job = {
        .job =
            {
                .index = index,
                .outputs = pixels,
                .state = state,
                .out_stride = (uint32_t)d->out_words * d->groups,
            },
    };

    for (uint32_t group = 0; group < d->groups; group++, in += d->in_words) {
        for (uint32_t done = 0; done < d->out_words;) {
            const uint32_t rest = d->out_words - done;
            const bw_lane_blocks b = choose(d->blocks, rest);
            const uint32_t count = rest < b.blocks ? rest : b.blocks;
            const uint32_t *of = weights;
            uint32_t *table = state + 16u * b.blocks * pixels;
            repeat(state, begin_counts(&b, start, state), pixels);
            job.job.table = table;
            job.job.out = out;
            job.words = count;
            for (uint32_t begin = 0; begin < words; begin += d->chunk) {
                const uint32_t left = words - begin, m = left < d->chunk ? left : d->chunk;
                const uint32_t triples = BW_LANE_TRIPLES(m);
                uint32_t *inputs = table + triples * (BW_TABLE_WORDS * b.blocks - 12u);
                bw_lane_index(d, in, begin, m, index);
                fetch(&b, of, apart, 3u * triples, inputs);
                of += 3u * triples;
                job.job.triples = triples;
                job.job.kind = left > m ? BW_COUNT_MORE : BW_COUNT_LAST;
                bw_mve_chunk(&job, inputs, b.blocks, 0);
            }
            done += count;
            out += count;
            weights += count * apart;
            start += 16u * count;
        }
    }
}

#endif
