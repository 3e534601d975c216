/* Private: loops over maps of up to four dimensions, of any type. */
#ifndef BITWAKE_BW_WALK_H
#define BITWAKE_BW_WALK_H

#include <stdint.h>

/* Walks all elements of two maps; EXPR sees the operands, turned to numbers, as xa and xb. */
#define BW_WALK(element, number, d, a, b, out, EXPR)                                               \
    do {                                                                                           \
        for (uint32_t i = 0; i < (d)->dims[0]; i++) {                                              \
            for (uint32_t j = 0; j < (d)->dims[1]; j++) {                                          \
                for (uint32_t k = 0; k < (d)->dims[2]; k++) {                                      \
                    const element *pa =                                                            \
                        (a) + i * (d)->step_a[0] + j * (d)->step_a[1] + k * (d)->step_a[2];        \
                    const element *pb =                                                            \
                        (b) + i * (d)->step_b[0] + j * (d)->step_b[1] + k * (d)->step_b[2];        \
                    for (uint32_t l = 0; l < (d)->dims[3]; l++) {                                  \
                        const number xa = *pa, xb = *pb;                                           \
                        pa += (d)->step_a[3];                                                      \
                        pb += (d)->step_b[3];                                                      \
                        *(out)++ = (EXPR);                                                         \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* Loop bounds and steps: kept axes outside, reduced axes inside. */
typedef struct {
    uint32_t kept[4], reduced[4], step[4];
} bw_reduce_plan;

static inline bw_reduce_plan bw_reduce_split(const uint16_t *dims, uint32_t reduce)
{
    bw_reduce_plan p;
    uint32_t step = 1;
    for (uint32_t k = 4; k-- > 0;) {
        const int gone = (reduce >> k & 1) != 0;
        p.kept[k] = gone ? 1u : dims[k];
        p.reduced[k] = gone ? dims[k] : 1u;
        p.step[k] = step;
        step *= dims[k];
    }
    return p;
}

/* Runs STEP on every reduced x of each output, between START and FINISH; acc is the state. */
#define BW_REDUCE(element, number, d, in, out, START, STEP, FINISH)                                \
    do {                                                                                           \
        const bw_reduce_plan p = bw_reduce_split((d)->dims, (d)->reduce);                          \
        for (uint32_t i = 0; i < p.kept[0]; i++) {                                                 \
            for (uint32_t j = 0; j < p.kept[1]; j++) {                                             \
                for (uint32_t k = 0; k < p.kept[2]; k++) {                                         \
                    for (uint32_t l = 0; l < p.kept[3]; l++) {                                     \
                        const element *base =                                                      \
                            (in) + i * p.step[0] + j * p.step[1] + k * p.step[2] + l * p.step[3];  \
                        number acc = (START);                                                      \
                        for (uint32_t r = 0; r < p.reduced[0]; r++) {                              \
                            for (uint32_t s = 0; s < p.reduced[1]; s++) {                          \
                                for (uint32_t t = 0; t < p.reduced[2]; t++) {                      \
                                    const element *at =                                            \
                                        base + r * p.step[0] + s * p.step[1] + t * p.step[2];      \
                                    for (uint32_t u = 0; u < p.reduced[3]; u++) {                  \
                                        const number x = *at++;                                    \
                                        STEP;                                                      \
                                    }                                                              \
                                }                                                                  \
                            }                                                                      \
                        }                                                                          \
                        *(out)++ = (FINISH);                                                       \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#endif
