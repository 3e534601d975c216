/* What counting with MVE begins with, and the counts of a convolution. */
#include "bw_planar_fetch_mve.h"

#ifdef BW_HAVE_MVE

static uint32_t in_bytes(uint32_t value)
{
    return (value & 255u) * 0x01010101u;
}

/* What the bytes of a chunk are less than its counts, modulo 256. Any number from 15 folds - 127 to
 * 128 keeps sums of high fields within signed bytes. Bytes of several chunks are added up: theirs
 * make 128 together. Only 41 to 45 triples have nine folds, and then there are two such chunks. */
static uint32_t off(bw_count_kind kind, uint32_t folds, uint32_t chunks)
{
    const uint32_t more = folds > 8u ? 8u : 0u;
    if (kind == BW_COUNT_ADD) {
        return more;
    }
    return kind == BW_COUNT_KEEP && chunks > 2u ? 128u - (chunks - 2u) * more : 128u;
}

void bw_mve_chunk(bw_mve_job *job, const uint32_t *inputs, uint32_t blocks, uint32_t chunks)
{
    static void (*const tables[])(const uint32_t *, uint32_t *, uint32_t, uint32_t) = {
        0, bw_mve_tables_1, bw_mve_tables_2, 0, bw_mve_tables_4};
    static void (*const counts[])(const bw_mve_job *) = {0, bw_mve_count_1, bw_mve_count_2, 0,
                                                         bw_mve_count_4};
    const uint32_t triples = job->job.triples, folds = (triples + 4u) / 5u;
    const uint32_t high = 8u * folds - off((bw_count_kind)job->job.kind, folds, chunks);
    job->high = in_bytes(high);
    job->sum = in_bytes(17u * high - 8u * folds);
    tables[blocks](inputs, (uint32_t *)job->job.table, triples, triples % 5u);
    counts[blocks](job);
}

void bw_mve_lanes_count(const bw_mve_lanes *l, uint32_t blocks, uint32_t *table, uint32_t group,
                        uint32_t done, bool keep, bw_mve_job *job)
{
    const bw_planar_conv *d = l->d;
    const uint32_t chunks = BW_PLANAR_CHUNKS(d->triples, d->chunk);
    const uint32_t *index = d->index + group * bw_planar_group_words(d);
    job->job.table = table;
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        const uint32_t begin = chunk * d->chunk, left = d->triples - begin;
        const uint32_t n = left < d->chunk ? left : d->chunk, words = bw_planar_words(n);
        uint32_t *inputs = table + n * (BW_TABLE_WORDS * blocks - 12u);
        bw_mve_lanes_fetch(l, group, 3u * begin, inputs, 3u * n);
        job->job.triples = n;
        job->job.kind = bw_planar_conv_kind(d, chunk, keep);
        job->job.index = index + done * words;
        bw_mve_chunk(job, inputs, blocks, chunks);
        index += d->out_c * words;
    }
}

#endif
