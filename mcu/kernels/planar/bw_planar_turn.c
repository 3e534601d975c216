/* Look-ups that leave eight 8 x 8 bit matrices side by side, turned at once. */
#include "bw_planar_turn.h"

#include "../bw_turn.h"

/* Word j first holds the bits of pixels j,
 * j + 8, j + 16 and j + 24, a byte each; turning the matrix of word number and bit of byte leaves
 * bit m of every pixel in word m. */
void bw_planar_turn_c(const uint8_t *table, const uint8_t *const *in, uint32_t step, uint32_t *w)
{
#define LOOK(j)                                                                                    \
    ((uint32_t)table[in[0][(j)*step]] | (uint32_t)table[in[1][(j)*step]] << 8 |                    \
     (uint32_t)table[in[2][(j)*step]] << 16 | (uint32_t)table[in[3][(j)*step]] << 24)
    uint32_t a = LOOK(0u), b = LOOK(1u), c = LOOK(2u), d = LOOK(3u);
    uint32_t e = LOOK(4u), f = LOOK(5u), g = LOOK(6u), h = LOOK(7u);
    BW_TURN_EIGHT(a, b, c, d, e, f, g, h);
    w[0] = a;
    w[1] = b;
    w[2] = c;
    w[3] = d;
    w[4] = e;
    w[5] = f;
    w[6] = g;
    w[7] = h;
}

#if !defined(__ARM_ARCH_ISA_THUMB) || __ARM_ARCH_ISA_THUMB < 2 /* else bw_planar_turn_thumb2.S */
void bw_planar_turn(const uint8_t *table, const uint8_t *const *in, uint32_t step, uint32_t *words)
{
    bw_planar_turn_c(table, in, step, words);
}
#endif
