/* Private to the planar kernels: counting W = 1, 2 or 4 blocks of 32 lanes at once with MVE.
 *
 * The streams are those of bw_planar_count.h and so are the kinds; vectors replace words:
 *   - an input X is 16 bytes: element e is the word of block e % W, shifted right by e / W * W;
 *   - an entry is W vectors: vector k = (X >> k) & 0x11111111 counted in fields of four bits;
 *   - an output's state is 2 W (bytes) or 4 W (half-words) vectors.
 * Tables and state take W times the bytes that they take with words. gen/count_mve.py derives it.
 */
#ifndef BITWAKE_BW_PLANAR_COUNT_MVE_H
#define BITWAKE_BW_PLANAR_COUNT_MVE_H

#include "bw_planar_count.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define BW_HAVE_MVE 1

/* Blocks to take at once where there is room for so many and so many are left; of three, the last
 * of four is taken in vain. */
static inline uint32_t bw_mve_width(uint32_t room, uint32_t left)
{
    return room >= 4u && left >= 3u ? 4u : (room >= 2u && left >= 2u ? 2u : 1u);
}

typedef struct {
    bw_count_job job;   /* table: [triples][8][W][4]; out: W words an output */
    uint32_t sum, high; /* what S and H begin at, a byte four times: see gen/count_mve.py */
    uint32_t words;     /* to write, 1..W; less than W only with W = 4 */
} bw_mve_job;

/* inputs: [3 * triples] vectors, which may lie at the end of the tables, as in bw_planar_tables.
 * lead: triples before the first one that begins a fold. */
void bw_mve_tables_1(const uint32_t *inputs, uint32_t *table, uint32_t triples, uint32_t lead);
void bw_mve_tables_2(const uint32_t *inputs, uint32_t *table, uint32_t triples, uint32_t lead);
void bw_mve_tables_4(const uint32_t *inputs, uint32_t *table, uint32_t triples, uint32_t lead);
void bw_mve_count_1(const bw_mve_job *job);
void bw_mve_count_2(const bw_mve_job *job);
void bw_mve_count_4(const bw_mve_job *job);

/* Two branches and the sign of limit - (p a + q b), for W blocks. */
typedef struct {
    const uint32_t *a, *b;  /* counts as FIRST and MORE leave them: [outputs][16 W] */
    const int16_t *factors; /* [outputs][2]: p, q */
    const int32_t *limits;  /* [outputs] */
    uint32_t *out;          /* W words an output, of which `words` are written */
    uint32_t out_stride;    /* words */
    uint32_t outputs;       /* >= 1 */
    uint32_t words;         /* 1..W; less than W only with W = 4 */
} bw_mve_lines;

void bw_mve_lines_1(const bw_mve_lines *lines);
void bw_mve_lines_2(const bw_mve_lines *lines);
void bw_mve_lines_4(const bw_mve_lines *lines);

/* Tables, then counts: job->job.table, triples, kind and all that the kind reads are set; `chunks`
 * are those of the whole convolution. inputs as above. */
void bw_mve_chunk(bw_mve_job *job, const uint32_t *inputs, uint32_t blocks, uint32_t chunks);

#endif
#endif
