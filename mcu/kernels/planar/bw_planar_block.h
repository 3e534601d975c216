/* Private to the planar convolutions: the inputs of a block of 32 lanes. */
#ifndef BITWAKE_BW_PLANAR_BLOCK_H
#define BITWAKE_BW_PLANAR_BLOCK_H

#include "bitwake/bw_planar.h"
#include "bw_planar_count.h"
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

#endif
