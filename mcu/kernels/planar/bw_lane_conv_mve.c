/* Binary convolution on packed maps with MVE: lanes are up to four times 32 outputs. */
#include "bitwake/bw_planar.h"
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
    bw_lane_blocks b = {.blocks = bw_mve_width(room, left)};
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

/* bw_lane_index for `n` words of one tap, from word `word` of a pixel on: four pixels of a column
 * of fours at once. They are words done ... done + n - 1 of a chunk of m. */
static void index_tap(const bw_lane_conv *d, const uint32_t *in, int32_t dy, int32_t dx,
                      uint32_t word, uint32_t done, uint32_t n, uint32_t m, uint32_t *index)
{
    const uint32_t pixel_words = (uint32_t)d->in_words * d->groups;
    const uint32x4_t element = vidupq_n_u32(0, 1), to = vmulq_n_u32(element, m + 1u);
    const int32_t shift = (int32_t)(30u - 2u * m + 2u * done);
    for (uint32_t x = 0; x < d->out_w; x += 4u) {
        const mve_pred16_t real = vctp32q(d->out_w - x);
        const int32x4_t columns = vaddq_n_s32(vreinterpretq_s32(vmulq_n_u32(element, d->stride_w)),
                                              dx + (int32_t)(x * d->stride_w));
        /* As unsigned, columns before the first one are beyond the last one. */
        const uint32x4_t at = vreinterpretq_u32(columns);
        const mve_pred16_t inside = vcmphiq_m_u32(vdupq_n_u32(d->in_w), at, real);
        const uint32x4_t from = vmulq_n_u32(at, pixel_words);
        uint32_t *row = index + x * (m + 1u);
        int32_t y = dy;
        for (uint32_t rows = d->out_h; rows != 0; rows--, y += d->stride_h) {
            const uint32_t exists = y >= 0 && y < d->in_h;
            const uint32_t *source = in + word + exists * (uint32_t)y * d->in_w * pixel_words;
            const mve_pred16_t reads = exists ? inside : (mve_pred16_t)0;
            uint32_t *words = row + 1u + done;
            uint32x4_t top = vdupq_n_u32(0);
            for (uint32_t i = 0; i < n; i++) {
                const uint32x4_t bits = vldrwq_gather_shifted_offset_z_u32(source + i, from, reads);
                const uint32x4_t two = vshrq_n_u32(bits, 30);
                top = vorrq_u32(top, vshlq_r_u32(two, shift + 2 * (int32_t)i));
                vstrwq_scatter_shifted_offset_p_u32(words + i, to, bits, real);
            }
            if (done != 0) {
                top = vorrq_u32(top, vldrwq_gather_shifted_offset_z_u32(row, to, real));
            }
            vstrwq_scatter_shifted_offset_p_u32(row, to, top, real);
            row += d->out_w * (m + 1u);
        }
    }
}

static void index_words(const bw_lane_conv *d, const uint32_t *in, uint32_t begin, uint32_t m,
                        uint32_t *index)
{
    for (uint32_t done = 0; done < m;) {
        const uint32_t tap = (begin + done) / d->in_words, word = (begin + done) % d->in_words;
        const uint32_t rest = d->in_words - word, n = rest < m - done ? rest : m - done;
        const int32_t dy = (int32_t)(tap / d->k_w * d->dilation_h) - d->pad_top;
        const int32_t dx = (int32_t)(tap % d->k_w * d->dilation_w) - d->pad_left;
        index_tap(d, in, dy, dx, word, done, n, m, index);
        done += n;
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
    bw_mve_job mve = {
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
            mve.job.table = table;
            mve.job.out = out;
            mve.words = count;
            for (uint32_t begin = 0; begin < words; begin += d->chunk) {
                const uint32_t left = words - begin, m = left < d->chunk ? left : d->chunk;
                const uint32_t triples = BW_LANE_TRIPLES(m);
                uint32_t *inputs = table + triples * (BW_TABLE_WORDS * b.blocks - 12u);
                index_words(d, in, begin, m, index);
                fetch(&b, of, apart, 3u * triples, inputs);
                of += 3u * triples;
                mve.job.triples = triples;
                mve.job.kind = left > m ? BW_COUNT_MORE : BW_COUNT_LAST;
                bw_mve_chunk(&mve, inputs, b.blocks, 0);
            }
            done += count;
            out += count;
            weights += count * apart;
            start += 16u * count;
        }
    }
}

#endif
