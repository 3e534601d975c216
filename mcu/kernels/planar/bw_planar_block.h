/* Private to the planar convolutions: inputs and counts of a block of 32 lanes. */
#ifndef BITWAKE_BW_PLANAR_BLOCK_H
#define BITWAKE_BW_PLANAR_BLOCK_H

#include <stdbool.h>

#include "bw_planar_conv.h"
#include "bw_planar_taps.h"

/* Input words n, n + 1, ... of a group, where every output row has a shift of its own. */
static inline void bw_planar_inputs_rows(const bw_fetch_job *job, uint32_t segments)
{
    const uint32_t *plane = job->plane, *end = job->words + job->count;
    const uint16_t *source = job->source;
    const bw_tap *t = job->tap;
    for (uint32_t *words = job->words; words != end; t = job->taps) {
        if (source) {
            plane = job->in + *source++ * (job->stride / 4u);
        }
        while (t != job->last && words != end) {
            uint32_t x = 0;
            for (uint32_t s = 0; s < segments; s++, t++) {
                x |= bw_planar_tap_word(plane, t);
            }
            *words++ = x;
        }
        plane += job->stride / 4u;
    }
}

/* `count` input words of a group from number n in the lanes of the block that `taps` describe. */
static inline void bw_planar_inputs(const bw_planar_conv *d, const uint32_t *in, uint32_t group,
                                    uint32_t n, const bw_tap *taps, uint32_t segments,
                                    uint32_t *words, uint32_t count)
{
    const uint32_t per_channel = (uint32_t)d->k_h * d->k_w;
    const uint32_t stride = d->in_stride * d->stride_h * d->stride_w;
    const uint32_t inputs = per_channel * d->in_c;
    const uint32_t real = n < inputs ? (inputs - n < count ? inputs - n : count) : 0;
    const uint32_t channel = group * d->in_c + n / per_channel;
    const bw_fetch_job job = {
        .in = in,
        .source = d->source ? d->source + channel : 0,
        .plane = in + channel * stride,
        .stride = 4u * stride,
        .taps = taps,
        .tap = taps + n % per_channel * segments,
        .last = taps + per_channel * segments,
        .words = words,
        .count = real,
        .by_threes = per_channel % 3u == 0,
    };
    if (real != 0 && segments == 1) {
        bw_planar_fetch(&job);
    } else if (real != 0) {
        bw_planar_inputs_rows(&job, segments);
    }
    for (uint32_t i = real; i < count; i++) {
        words[i] = 0;
    }
}

/* A convolution at one block, whose taps are prepared. */
typedef struct {
    const bw_planar_conv *d;
    const uint32_t *in;
    const bw_tap *taps;
    uint32_t segments;
    uint32_t *table; /* [chunk] */
} bw_planar_block;

/* Counts outputs done ... of a group, job->outputs of them: all chunks, and what their kinds make
 * of the counts. With `keep` all counts stay in the state as half-words, after the bias. */
static inline void bw_planar_block_count(const bw_planar_block *b, uint32_t group, uint32_t done,
                                         bool keep, bw_count_job *job)
{
    const bw_planar_conv *d = b->d;
    const uint32_t *index = d->index + group * bw_planar_group_words(d);
    uint32_t chunk = 0;
    for (uint32_t begin = 0; begin < d->triples; begin += d->chunk, chunk++) {
        const uint32_t left = d->triples - begin, n = left < d->chunk ? left : d->chunk;
        const uint32_t words = bw_planar_words(n);
        uint32_t *inputs = b->table + n * (BW_TABLE_WORDS - 3u);
        bw_planar_inputs(d, b->in, group, 3u * begin, b->taps, b->segments, inputs, 3u * n);
        bw_planar_tables(inputs, b->table, n);
        job->table = b->table;
        job->triples = n;
        job->kind = bw_planar_conv_kind(d, chunk, keep);
        job->index = index + done * words;
        bw_planar_count(job);
        index += d->out_c * words;
    }
}

#endif
