/* A square of 32 x 32 bits turned in two passes over words that fit registers. Fields of 16, 8, 4,
 * 2 and 1 bits change places with those of words as far apart, in any order. */
#include "bw_level_square.h"

#include "../bw_turn.h"

/* Words 16 and 8 apart. */
static void far(uint32_t *m)
{
    for (const uint32_t *end = m + 8; m != end; m++) {
        uint32_t a = m[0], b = m[8], c = m[16], d = m[24];
        BW_SWAP(a, c, 16, 0x0000ffffu);
        BW_SWAP(b, d, 16, 0x0000ffffu);
        BW_SWAP(a, b, 8, 0x00ff00ffu);
        BW_SWAP(c, d, 8, 0x00ff00ffu);
        m[0] = a;
        m[8] = b;
        m[16] = c;
        m[24] = d;
    }
}

void bw_level_square(uint32_t *m, uint32_t planes, uint32_t *out, uint32_t apart)
{
    far(m);
    for (uint32_t left = planes;; left -= 8u, m += 8) {
        uint32_t a = m[0], b = m[1], c = m[2], d = m[3], e = m[4], f = m[5], g = m[6], h = m[7];
        BW_TURN_EIGHT(a, b, c, d, e, f, g, h);
        if (left < 8u) {
            const uint32_t w[8] = {a, b, c, d, e, f, g, h};
            for (uint32_t k = 0; k < left; k++, out += apart) {
                *out = w[k];
            }
            return;
        }
        out[0] = a;
        out[apart] = b;
        out += 2u * apart;
        out[0] = c;
        out[apart] = d;
        out += 2u * apart;
        out[0] = e;
        out[apart] = f;
        out += 2u * apart;
        out[0] = g;
        out[apart] = h;
        out += 2u * apart;
        if (left == 8u) {
            return;
        }
    }
}
