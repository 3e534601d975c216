/* Plays recorded cases through the planar kernels, on this machine or on an emulated core.
 *
 * A case file is words: count, then for each case: kind, number of numbers, the numbers, number of
 * arrays, and for each array its words and then the words themselves. The last array is what the
 * kernel must write. One line a case: `case <n> <mismatching words> <instructions>`.
 */
#ifndef BITWAKE_TESTS_PLANAR_RUNNER_H
#define BITWAKE_TESTS_PLANAR_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_NUMBERS 64u
#define MAX_ARRAYS  12u

typedef struct {
    uint32_t kind;
    uint32_t n[MAX_NUMBERS];
    const uint32_t *array[MAX_ARRAYS];
    uint32_t words[MAX_ARRAYS]; /* 0: the pointer is NULL */
    uint32_t arrays;
} test_case;

/* Runs the kernel of a case; `scratch` has the bytes that need() says. false: unknown kind. */
bool run_case(const test_case *c, uint32_t *out, void *scratch);
uint32_t need(const test_case *c);

#endif
