/* Binary convolution on planar maps with MVE: up to four blocks of 32 lanes at once. */
#include "bw_planar_conv.h"
#include "bw_planar_fetch_mve.h"

#ifdef BW_HAVE_MVE

/* All outputs of `blocks` blocks; job->job.out is the first word of plane 0. */
static void convolve(const bw_mve_lanes *l, uint32_t blocks, uint32_t *memory, bw_mve_job *job)
{
    const bw_planar_conv *d = l->d;
    const uint32_t part = bw_mve_part(d, blocks);
    uint32_t *table = memory + blocks * BW_PLANAR_STATE(d->triples, d->chunk) / 4u * part;
    job->job.state = memory;
    job->job.bias = d->bias;
    for (uint32_t group = 0; group < d->groups; group++) {
        for (uint32_t done = 0; done < d->out_c; done += part) {
            const uint32_t left = d->out_c - done;
            job->job.outputs = left < part ? left : part;
            bw_mve_lanes_count(l, blocks, table, group, done, false, job);
            job->job.bias += job->job.outputs;
            job->job.out += job->job.outputs * d->out_stride;
        }
    }
}

void bw_planar_conv_bits(const bw_planar_conv *d, const uint32_t *in, uint32_t *out, void *scratch)
{
    const uint32_t words = BW_PLANE_WORDS(d->out_h, d->out_w);
    bw_mve_job mve = {.job = {.out_stride = d->out_stride}};
    bw_mve_lanes l;

    bw_mve_lanes_begin(&l, d, in, scratch);
    for (uint32_t word = 0, blocks; word < words; word += blocks) {
        const uint32_t left = words - word;
        blocks = bw_mve_width(d->blocks, left);
        bw_mve_lanes_move(&l, word, blocks);
        mve.words = left < blocks ? left : blocks;
        mve.job.out = out + word;
        convolve(&l, blocks, (uint32_t *)scratch + blocks * bw_mve_tap_words(&l), &mve);
    }
    bw_planar_conv_trim(d, out);
}

#endif
