/* Binary convolution on planar maps with MVE: up to four blocks of 32 lanes at once. */
#include "bw_planar_conv.h"
#include "bw_planar_fetch_mve.h"

#ifdef BW_HAVE_MVE

/* All outputs of `blocks` blocks; job->job.out is the first word of plane 0. */
static void convolve(const bw_mve_lanes *l, uint32_t blocks, uint32_t *memory, bw_mve_job *job)
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
            bw_mve_lanes_fetch(l, group, 3u * begin, inputs, 3u * n);
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
    const uint32_t words = BW_PLANE_WORDS(d->out_h, d->out_w);
    bw_mve_job mve = {.job = {.outputs = d->out_c, .out_stride = d->out_stride}};
    bw_mve_lanes l;

    bw_mve_lanes_begin(&l, d, in, scratch);
    for (uint32_t word = 0; word < words;) {
        const uint32_t left = words - word;
        const uint32_t blocks =
            d->blocks >= 4u && left >= 3u ? 4u : (d->blocks >= 2u && left >= 2u ? 2u : 1u);
        bw_mve_lanes_move(&l, word, blocks);
        mve.words = left < blocks ? left : blocks;
        mve.job.out = out + word;
        convolve(&l, blocks,
                 (uint32_t *)scratch + blocks * d->k_h * d->k_w * l.segments * sizeof(bw_tap) / 4u,
                 &mve);
        word += blocks;
    }
    bw_planar_conv_trim(d, out);
}

#endif
