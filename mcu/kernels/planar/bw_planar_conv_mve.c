/* Binary convolution on planar maps with MVE: up to four blocks of 32 lanes at once. */
#include "bw_planar_conv.h"

#include "bw_planar_count_mve.h"
#include "bw_planar_taps.h"

#ifdef BW_HAVE_MVE

#include <arm_mve.h>
#include <stdbool.h>

#define TAP_WORDS (sizeof(bw_tap) / 4u)

/* What is the same for all chunks of some blocks. */
typedef struct {
    const bw_planar_conv *d;
    const uint32_t *in;
    const bw_tap *taps; /* [blocks][k_h * k_w][segments] */
    uint32_t segments;
    uint32_t stride;         /* words from channel to channel */
    uint32x4_t block, shift; /* e % blocks as an offset between taps, e / blocks * blocks */
} bw_lanes;

/* One segment of one tap in all elements. */
typedef struct {
    uint32x4_t low, high, mask;
    int32x4_t right, left;
} bw_wide_tap;

static bw_wide_tap gather(const bw_lanes *l, const bw_tap *tap)
{
    const uint32_t *field = &tap->low;
    const int32x4_t shift = vreinterpretq_s32(l->shift);
    const uint32x4_t right = vldrwq_gather_shifted_offset_u32(field + 2, l->block);
    const uint32x4_t left = vldrwq_gather_shifted_offset_u32(field + 3, l->block);
    const bw_wide_tap t = {
        .low = vldrwq_gather_shifted_offset_u32(field, l->block),
        .high = vldrwq_gather_shifted_offset_u32(field + 1, l->block),
        .right = vsubq_s32(vnegq_s32(vreinterpretq_s32(right)), shift),
        .left = vsubq_s32(vaddq_n_s32(vreinterpretq_s32(left), 1), shift),
        .mask = vshlq_u32(vldrwq_gather_shifted_offset_u32(field + 4, l->block), vnegq_s32(shift)),
    };
    return t;
}

/* A tap of `count` channels from number `channel` on, `step` words apart. */
static inline void read_tap(const bw_lanes *l, const bw_tap *tap, uint32_t channel, uint32_t count,
                            uint32_t *words, bool add)
{
    const bw_wide_tap t = gather(l, tap);
    const uint32_t step = 4u * l->d->k_h * l->d->k_w;
    const uint16_t *source = l->d->source ? l->d->source + channel : 0;
    const uint32_t *plane = l->in + channel * l->stride;
    for (; count != 0; count--, plane += l->stride, words += step) {
        if (source) {
            plane = l->in + *source++ * l->stride;
        }
        uint32x4_t x = vshlq_u32(vldrwq_gather_shifted_offset_u32(plane, t.low), t.right);
        x = vorrq_u32(x, vshlq_u32(vldrwq_gather_shifted_offset_u32(plane, t.high), t.left));
        x = vandq_u32(x, t.mask);
        vst1q_u32(words, add ? vorrq_u32(x, vld1q_u32(words)) : x);
    }
}

/* `count` inputs of a group from number n on. */
static void fetch(const bw_lanes *l, uint32_t group, uint32_t n, uint32_t *words, uint32_t count)
{
    const uint32_t taps = (uint32_t)l->d->k_h * l->d->k_w;
    const uint32_t inputs = taps * l->d->in_c;
    const uint32_t real = n < inputs ? (inputs - n < count ? inputs - n : count) : 0;
    const uint32_t first = group * l->d->in_c + n / taps, skip = n % taps;
    for (uint32_t i = 0; i < taps && i < real; i++) {
        const uint32_t tap = skip + i < taps ? skip + i : skip + i - taps;
        const uint32_t channel = first + (skip + i < taps ? 0u : 1u);
        const uint32_t channels = (real - i + taps - 1u) / taps;
        const bw_tap *t = l->taps + tap * l->segments;
        read_tap(l, t, channel, channels, words + 4u * i, false);
        for (uint32_t s = 1; s < l->segments; s++) {
            read_tap(l, t + s, channel, channels, words + 4u * i, true);
        }
    }
    for (uint32_t i = real; i < count; i++) {
        vst1q_u32(words + 4u * i, vdupq_n_u32(0));
    }
}

/* All outputs of `blocks` blocks; job->job.out is the first word of plane 0. */
static void convolve(const bw_lanes *l, uint32_t blocks, uint32_t *memory, bw_mve_job *job)
{
    const bw_planar_conv *d = l->d;
    const uint32_t chunks = BW_PLANAR_CHUNKS(d->triples, d->chunk);
    uint32_t *table = memory + blocks * BW_PLANAR_STATE(d->triples, d->chunk) / 4u * d->out_c;
    job->job.table = table;
    job->job.state = memory;
    job->job.index = d->index;
    job->job.bias = d->bias;
    for (uint32_t group = 0; group < d->groups; group++) {
        for (uint32_t chunk = 0; chunk < chunks; chunk++) {
            const uint32_t begin = chunk * d->chunk, left = d->triples - begin;
            const uint32_t n = left < d->chunk ? left : d->chunk;
            uint32_t *inputs = table + n * (BW_TABLE_WORDS * blocks - 12u);
            fetch(l, group, 3u * begin, inputs, 3u * n);
            job->job.triples = n;
            job->job.kind = bw_planar_conv_kind(d, chunk);
            bw_mve_chunk(job, inputs, blocks, chunks);
            job->job.index += d->out_c * ((n + BW_TRIPLES_A_WORD - 1u) / BW_TRIPLES_A_WORD);
        }
        job->job.bias += d->out_c;
        job->job.out += d->out_c * d->out_stride;
    }
}

void bw_planar_conv_bits(const bw_planar_conv *d, const uint32_t *in, uint32_t *out, void *scratch)
{
    const bw_tap_geometry g = bw_planar_conv_geometry(d);
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w, words = (pixels + 31u) / 32u;
    const uint32_t segments = bw_planar_segments(&g);
    const uint32_t taps = (uint32_t)d->k_h * d->k_w * segments;
    bw_lanes l = {.d = d, .in = in, .taps = scratch, .segments = segments};
    bw_mve_job job = {.job = {.outputs = d->out_c, .out_stride = d->out_stride}};

    l.stride = d->in_stride * d->stride_h * d->stride_w;
    for (uint32_t word = 0; word < words;) {
        const uint32_t left = words - word;
        const uint32_t blocks =
            d->blocks >= 4u && left >= 3u ? 4u : (d->blocks >= 2u && left >= 2u ? 2u : 1u);
        const uint32x4_t element = vidupq_n_u32(0, 1);
        bw_tap *t = scratch;
        for (uint32_t b = 0; b < blocks; b++, t += taps) {
            bw_planar_taps(&g, 32u * (word + b), segments, t);
        }
        l.block = vmulq_n_u32(vandq_u32(element, vdupq_n_u32(blocks - 1u)), taps * TAP_WORDS);
        l.shift = vbicq_u32(element, vdupq_n_u32(blocks - 1u));
        job.words = left < blocks ? left : blocks;
        job.job.out = out + word;
        convolve(&l, blocks, (uint32_t *)(void *)t, &job);
        word += blocks;
    }
    bw_planar_conv_trim(d, out);
}

#endif
