/* Binary convolution on planar maps: prepares blocks of 32 lanes, then counts. */
#include "bw_planar_conv.h"

#include "bw_planar_block.h"
#include "bw_planar_count_mve.h"

bw_tap_geometry bw_planar_conv_geometry(const bw_planar_conv *d)
{
    const bw_tap_geometry g = {
        .in_h = d->in_h,
        .in_w = d->in_w,
        .in_stride = d->in_stride,
        .in_origin = d->in_origin,
        .real_h = (uint32_t)d->in_h * d->stride_h,
        .real_w = (uint32_t)d->in_w * d->stride_w,
        .dilation_h = d->dilation_h,
        .dilation_w = d->dilation_w,
        BW_TAP_WINDOW(d),
    };
    return g;
}

uint32_t bw_planar_conv_scratch(const bw_planar_conv *d)
{
    return BW_PLANAR_BLOCKS(d->blocks) *
           BW_PLANAR_SCRATCH((uint32_t)d->k_h * d->k_w, BW_PLANAR_SEGMENTS(d->in_w, d->out_w),
                             BW_PLANAR_PART(d->part, d->out_c), d->triples, d->chunk);
}

bw_count_kind bw_planar_conv_kind(const bw_planar_conv *d, uint32_t chunk, bool keep)
{
    const uint32_t chunks = BW_PLANAR_CHUNKS(d->triples, d->chunk);
    const bool bytes = BW_PLANAR_IN_BYTES(d->triples, d->chunk);
    if (keep) {
        return chunk == 0 ? BW_COUNT_FIRST : BW_COUNT_MORE;
    }
    if (chunks == 1) {
        return BW_COUNT_ONLY;
    }
    if (chunk == 0) {
        return bytes ? BW_COUNT_KEEP : BW_COUNT_FIRST;
    }
    if (chunk + 1 < chunks) {
        return bytes ? BW_COUNT_ADD : BW_COUNT_MORE;
    }
    return bytes ? BW_COUNT_PAIR : BW_COUNT_LAST;
}

uint32_t bw_planar_group_words(const bw_planar_conv *d)
{
    const uint32_t whole = d->triples / d->chunk, rest = d->triples % d->chunk;
    return d->out_c * (whole * bw_planar_words(d->chunk) + bw_planar_words(rest));
}

void bw_planar_conv_trim(const bw_planar_conv *d, uint32_t *out)
{
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w;
    if (pixels % 32u != 0) {
        const uint32_t mask = UINT32_MAX >> (32u - pixels % 32u);
        const uint32_t planes = (uint32_t)d->groups * d->out_c;
        out += pixels / 32u;
        for (uint32_t o = 0; o < planes; o++) {
            out[o * d->out_stride] &= mask;
        }
    }
}

#ifndef BW_HAVE_MVE /* else bw_planar_conv_mve.c */

void bw_planar_conv_bits(const bw_planar_conv *d, const uint32_t *in, uint32_t *out, void *scratch)
{
    const bw_tap_geometry g = bw_planar_conv_geometry(d);
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w;
    const uint32_t segments = bw_planar_segments(&g);
    const uint32_t part = BW_PLANAR_PART(d->part, d->out_c);
    uint32_t *planes = out;
    bw_tap *taps = scratch;
    uint32_t *state = (uint32_t *)(taps + (uint32_t)d->k_h * d->k_w * segments);
    bw_count_job job = {.state = state, .out_stride = d->out_stride};
    const bw_planar_block block = {
        .d = d,
        .in = in,
        .taps = taps,
        .segments = segments,
        .table = state + BW_PLANAR_STATE(d->triples, d->chunk) / 4u * part,
    };

    for (uint32_t first = 0; first < pixels; first += 32u, out++) {
        bw_planar_taps(&g, first, segments, taps);
        job.bias = d->bias;
        job.out = out;
        for (uint32_t group = 0; group < d->groups; group++) {
            for (uint32_t done = 0; done < d->out_c; done += part) {
                const uint32_t left = d->out_c - done;
                job.outputs = left < part ? left : part;
                bw_planar_block_count(&block, group, done, false, &job);
                job.bias += job.outputs;
                job.out += job.outputs * d->out_stride;
            }
        }
    }
    bw_planar_conv_trim(d, planes);
}

#endif
