/* Private to the kernels: turning square matrices of bits that lie in words. */
#ifndef BITWAKE_BW_TURN_H
#define BITWAKE_BW_TURN_H

/* Exchanges the bits `mask << s` of x with the bits `mask` of y, words of 32 bits. */
#define BW_SWAP(x, y, s, mask)                                                                     \
    do {                                                                                           \
        const uint32_t t_ = (((x) >> (s)) ^ (y)) & (mask);                                         \
        (y) ^= t_;                                                                                 \
        (x) ^= t_ << (s);                                                                          \
    } while (0)

/* Eight words hold four 8 x 8 matrices side by side, a byte of each word a row: bit m of byte k of
 * word j becomes bit j of byte k of word m. */
#define BW_TURN_EIGHT(a, b, c, d, e, f, g, h)                                                      \
    do {                                                                                           \
        BW_SWAP(a, e, 4, 0x0f0f0f0fu);                                                             \
        BW_SWAP(b, f, 4, 0x0f0f0f0fu);                                                             \
        BW_SWAP(c, g, 4, 0x0f0f0f0fu);                                                             \
        BW_SWAP(d, h, 4, 0x0f0f0f0fu);                                                             \
        BW_SWAP(a, c, 2, 0x33333333u);                                                             \
        BW_SWAP(b, d, 2, 0x33333333u);                                                             \
        BW_SWAP(e, g, 2, 0x33333333u);                                                             \
        BW_SWAP(f, h, 2, 0x33333333u);                                                             \
        BW_SWAP(a, b, 1, 0x55555555u);                                                             \
        BW_SWAP(c, d, 1, 0x55555555u);                                                             \
        BW_SWAP(e, f, 1, 0x55555555u);                                                             \
        BW_SWAP(g, h, 1, 0x55555555u);                                                             \
    } while (0)

#endif
