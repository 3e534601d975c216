/* Private to the planar kernels: the seam between preparing a block of lanes and counting.
 *
 * A *block* is 32 lanes. A *triple* is three inputs, each a word with one bit a lane. Its *table*
 * has eight entries of four words: entry e holds for every lane the number of inputs i whose bit
 * differs from bit i of e, 0..3, in a field of four bits. Lane 4 f + k is field f of word k.
 *
 * Counting one output over n triples:
 *   - five entries add up to at most 15, so they are added as plain words: a *fold* of four words;
 *   - with S the sum of all folds as words, modulo 2^32, and H the sum of their high fields,
 *     (fold >> 4) & 0x0f0f0f0f, the sum of their low fields is S - 16 H. Both are bytes as long as
 *     n <= 84: three operations a word and fold instead of four, and none to clear the sums.
 * This gives eight words of bytes: word j = 4 h + k (h = 1 for the high fields), byte b, is the
 * count of lane 8 b + j.
 *
 * The index stream has ten triples a word, three bits each from bit 0. With first = (10 - n % 10)
 * % 10, triple t sits in slot first + t; slots before it are skipped. In an even slot the three
 * bits are 7 - e, in an odd slot e: tables of even slots are addressed downwards from their end
 * and those of odd slots upwards from their beginning, so that both share one base register.
 * Bit 31 of an output's first word adds 1 to all its lanes; it may be set only if n % 5 != 0,
 * since a fold that begins with its first triple takes that entry in place of the bias.
 */
#ifndef BITWAKE_BW_PLANAR_COUNT_H
#define BITWAKE_BW_PLANAR_COUNT_H

#include <stdint.h>

#include "bw_planar_taps.h"

#define BW_TRIPLES_A_WORD 10u
#define BW_TABLE_WORDS    32u

/* What to do with the bytes v of an output. `b` is its half-word of bias. */
typedef enum {
    BW_COUNT_ONLY,  /* bit = v + byte(b) > 255 */
    BW_COUNT_KEEP,  /* state = v, 8 words */
    BW_COUNT_ADD,   /* state += v */
    BW_COUNT_PAIR,  /* bit = (state + v) / 2 + byte(b) > 255 */
    BW_COUNT_FIRST, /* state = b + v as half-words: 16 words, word l has lanes l and l + 16 */
    BW_COUNT_MORE,  /* state += v */
    BW_COUNT_LAST   /* bit = top bit of state + v */
} bw_count_kind;

typedef struct {
    const uint32_t *table; /* [triples][8][4] */
    uint32_t triples;      /* 1..84 */
    const uint32_t *index; /* [outputs][ceil(triples / 10)] */
    uint32_t outputs;      /* >= 1 */
    uint32_t kind;         /* a bw_count_kind */
    const uint16_t *bias;  /* [outputs]: a byte twice (ONLY, PAIR) or a half-word (FIRST) */
    uint32_t *state;       /* [outputs][8 or 16] */
    uint32_t *out;         /* one word an output */
    uint32_t out_stride;   /* words */
} bw_count_job;

/* Reads inputs of a block, a bit a lane: taps of one channel after another (bw_planar_taps.h). */
typedef struct {
    const uint32_t *in;     /* plane 0 */
    const uint16_t *source; /* plane of the first channel and of those after it, or NULL */
    const uint32_t *plane;  /* first channel where source is NULL; its planes follow one another */
    uint32_t stride;        /* bytes from channel to channel */
    const bw_tap *taps;     /* taps of a channel, one segment each */
    const bw_tap *tap;      /* the first one to read */
    const bw_tap *last;     /* behind the last tap of a channel */
    uint32_t *words;        /* what was read: [count] */
    uint32_t count;         /* >= 1 */
    uint32_t by_threes;     /* not 0: taps, count and the first tap are multiples of three */
} bw_fetch_job;

void bw_planar_fetch(const bw_fetch_job *job);
/* Table of every triple from its three words. `inputs` may lie at the end of the tables, its last
 * word being their last word: a triple is read before its own table reaches it. */
void bw_planar_tables(const uint32_t *inputs, uint32_t *table, uint32_t triples);
void bw_planar_count(const bw_count_job *job);

/* The same in portable C; the names above are the fastest for the core. */
void bw_planar_fetch_c(const bw_fetch_job *job);
void bw_planar_tables_c(const uint32_t *inputs, uint32_t *table, uint32_t triples);
void bw_planar_count_c(const bw_count_job *job);

#endif
