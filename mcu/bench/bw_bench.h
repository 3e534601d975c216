/* The face of a set of kernel cases: what the benchmark firmware knows of them.
 *
 * A generated cases.c defines bw_bench_cases. A case has no data but constants: its input is made
 * on the board from its number, and its output goes back as a checksum.
 */
#ifndef BITWAKE_BW_BENCH_H
#define BITWAKE_BW_BENCH_H

#include <stdint.h>

typedef struct {
    const char *name; /* printable, without ] */
    /* Input: `in_words` words that bench.c makes of `seed`. A map leaves bits unused at the end of
     * each pixel or plane: of every `row_words` words the last one is masked with `last_mask`. */
    uint32_t seed, in_words, row_words, last_mask;
    uint32_t out_words;
    uint32_t scratch_words; /* undefined before and after */
    void (*run)(const void *in, void *out, void *scratch);
} bw_bench_case;

extern const bw_bench_case bw_bench_cases[];
extern const uint32_t bw_bench_count;

/* Runs case `index` and prints `p-kernel-I-TICKS-CRC`: ticks of the call alone, and CRC-32 of the
 * output's bytes. Prints `p-kernel-I-[what]` instead when there is too little RAM or the kernel
 * wrote beyond its memory. */
void bw_bench_run(uint32_t index);

#endif
