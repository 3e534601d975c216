/* Binary kernels on planar maps: lanes are 32 neighbouring pixels.
 *
 * A planar map holds one bitmap a channel. Pixel p = y * w + x of a plane is bit p & 31 of its word
 * p >> 5: raster order, rows are not padded, bits after the last pixel are 0. Bit 1 stands for -1
 * and bit 0 for +1, as everywhere. Plane n begins n * stride words after plane 0; a stride is at
 * least BW_PLANE_WORDS(h, w), and kernels read and write those words only.
 *
 * Phase planes: a map that a kernel reads with stride s_h x s_w is first split, so that every tap
 * is again a constant shift of a raster. Plane n becomes s_h * s_w planes of ceil(h / s_h) x
 * ceil(w / s_w) pixels; pixel (y, x) goes to plane (n * s_h + y % s_h) * s_w + x % s_w, pixel
 * (y / s_h, x / s_w). Pixels that the smaller phases lack are 0. A map of stride 1 is its own
 * phase.
 *
 * All word pointers are 4-byte aligned; byte order is little-endian. Nothing overlaps. Kernels do
 * not fail: the compiler has checked every bound stated here before it emits a call. Scratch is
 * undefined before and after a call. No kernel takes more than 640 bytes of stack on a Cortex-M
 * with Thumb-2, 700 without, 2560 with MVE, where sums of 128 lanes lie there; bw_planar_pair_bits
 * takes 300 more, 640 with MVE.
 */
#ifndef BITWAKE_BW_PLANAR_H
#define BITWAKE_BW_PLANAR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BW_PLANE_WORDS(h, w) (((uint32_t)(h) * (uint32_t)(w) + 31u) / 32u)

/* ---- binary convolution ------------------------------------------------------------------------
 *
 * acc(o, y, x) = number of products that are -1 over the k_h * k_w * in_c inputs of output o; taps
 * outside the map read bit 0 (+1, one padding). Output bit = acc > threshold[o]. There is no form
 * with zero padding: such a layer stays with bw_bconv2d.
 *
 * Inputs are numbered n = (c * k_h + ky) * k_w + kx and taken by threes: a triple has a table of
 * eight entries, one for each pattern of three weights, that holds for each of the 32 lanes the
 * number of mismatches in a 4-bit field. An output adds one entry a triple; see bw_planar_count.h
 * for the counting and convert/planar/pack.py for the streams.
 *
 * Tables are built for `chunk` triples at a time and used for `part` outputs of the group before
 * the next are built; counts of these outputs wait in the scratch. Both trade RAM for instructions:
 * a chunk takes some 45 more an output, a part builds all tables of the group once more.
 */
#define BW_PLANAR_MAX_CHUNK 84u /* triples: 252 inputs and a bias fit a byte */

typedef struct {
    uint16_t in_h, in_w;   /* pixels of one plane, after the split */
    uint16_t out_h, out_w; /* any; out_w == in_w is fastest */
    uint32_t in_stride;    /* words from plane to plane */
    uint32_t out_stride;
    uint32_t in_origin;   /* bit of each plane at which pixel 0 lies; 0 but for windows of rows */
    uint16_t in_c, out_c; /* channels of one group, >= 1 */
    uint16_t groups;      /* >= 1 */
    uint8_t k_h, k_w;     /* k_h * k_w <= 255 */
    uint8_t stride_h, stride_w;
    uint8_t dilation_h, dilation_w;
    int16_t pad_top, pad_left; /* pixels of the unsplit map; may be negative */
    /* ceil(K / 3) or one more, K = k_h * k_w * in_c <= 32767; inputs from K on are constant 0. */
    uint16_t triples;
    uint16_t chunk; /* 1..BW_PLANAR_MAX_CHUNK; the last chunk holds what is left */
    uint16_t part;  /* outputs whose counts wait at once, 1..out_c; 0 is all of a group */
    /* Blocks of 32 lanes that the scratch has room for: 1, 2 or 4, and 0 is 1. A core with MVE
     * takes up to so many at once; others take one, whatever it is. */
    uint8_t blocks;
    /* Channel plane read by input channel g * in_c + c, or NULL for that channel itself. A shuffle,
     * slice or concatenation of channels before the convolution costs nothing here. */
    const uint16_t *source;
    const uint32_t *index; /* [groups][chunks][out_c][words(chunk)]: 3 bits a triple, 10 a word */
    const uint16_t *bias;  /* [groups * out_c]: thresholds, see pack.py */
} bw_planar_conv;

#define BW_PLANAR_CHUNKS(triples, chunk) (((uint32_t)(triples) + (chunk)-1u) / (chunk))
/* Whether bytes can count: all chunks but the last one together, and the last one. */
#define BW_PLANAR_IN_BYTES(triples, chunk)                                                         \
    ((BW_PLANAR_CHUNKS(triples, chunk) - 1u) * (chunk) <= BW_PLANAR_MAX_CHUNK)
/* Bytes that wait between chunks for each output of a group. */
#define BW_PLANAR_STATE(triples, chunk)                                                            \
    (BW_PLANAR_CHUNKS(triples, chunk) == 1u ? 0u : (BW_PLANAR_IN_BYTES(triples, chunk) ? 32u : 64u))
/* Rows of the output that 32 lanes can touch, where each needs its own shift; else 1. */
#define BW_PLANAR_SEGMENTS(in_w, out_w) ((in_w) == (out_w) ? 1u : 30u / (uint32_t)(out_w) + 2u)
#define BW_PLANAR_BLOCKS(blocks)        ((blocks) == 0u ? 1u : (uint32_t)(blocks))
#define BW_PLANAR_PART(part, out_c)     ((part) == 0u ? (uint32_t)(out_c) : (uint32_t)(part))
/* Scratch of a convolution, bytes a block; part is not 0. */
#define BW_PLANAR_SCRATCH(taps, segments, part, triples, chunk)                                    \
    (20u * (taps) * (segments) + BW_PLANAR_STATE(triples, chunk) * (part) + 128u * (chunk))

uint32_t bw_planar_conv_scratch(const bw_planar_conv *d);

/* in: planes of the split map; out: groups * out_c planes of out_h x out_w pixels. */
void bw_planar_conv_bits(const bw_planar_conv *d, const uint32_t *in, uint32_t *out, void *scratch);

/* ---- two branches and the sign of their sum ----------------------------------------------------
 *
 * bw_bconv2d_pair on planes (bw_kernels.h): for each block of 32 lanes, and `part` outputs at a
 * time, the counts of both branches are made side by side as half-words in the scratch, and a
 * comparison for each lane makes a word of the output of them. One padding only. Both branches have
 * the same output map, and at most 32767 inputs an output. */
typedef struct {
    bw_planar_conv a; /* bias: [out_c] zeros, for all groups; out_stride is that of the output */
    bw_planar_conv b; /* in_c = 0: no convolution; plane o of in_b is acc_b, in_stride counts */
    const int16_t *factors; /* [groups * out_c][2], or NULL */
    const int32_t *limits;  /* [groups * out_c], with factors */
    const int16_t *table;   /* [groups * out_c][states], or NULL */
    uint16_t states;
    uint16_t part;  /* outputs of all groups whose counts wait at once; 0 is all */
    uint8_t blocks; /* as in bw_planar_conv; those of a and b are not read, and so their part */
} bw_planar_pair;

/* Scratch, bytes a block: taps and counts of both branches, the larger tables. */
#define BW_PLANAR_COUNTS(part) (128u * (part))
uint32_t bw_planar_pair_scratch(const bw_planar_pair *d);

/* in_a, in_b: planes of the split maps; out: planes of out_h x out_w pixels. */
void bw_planar_pair_bits(const bw_planar_pair *d, const uint32_t *in_a, const uint32_t *in_b,
                         uint32_t *out, void *scratch);

/* ---- the same with 32 outputs as lanes ---------------------------------------------------------
 *
 * For small maps, where lanes of pixels would stay empty: maps are packed ([pixels][words], see
 * bw_kernels.h), tables are made of weights and used for all pixels, and the words of a pixel are
 * themselves the index stream. Weights take one bit. Layers with groups need whole words of inputs
 * and outputs in a group.
 *
 * The inputs of an output are n = k_h * k_w * in_words words, taken `chunk` at a time. A word gives
 * ten triples (bits 0 ... 29); bits 30 and 31 of the chunk's m words are put together in one more
 * word, which comes first: those of word i at bit 30 - 2 m + 2 i, so that its triples begin in slot
 * (30 - 2 m) / 3. */
#define BW_LANE_MAX_CHUNK 7u
/* Triples of a chunk of m words. */
#define BW_LANE_TRIPLES(m) (10u * (m) + 10u - (30u - 2u * (m)) / 3u)

typedef struct {
    uint16_t in_h, in_w;
    uint16_t out_h, out_w;
    uint16_t in_words;  /* a pixel and group */
    uint16_t out_words; /* a pixel and group */
    uint16_t groups;
    uint8_t k_h, k_w, stride_h, stride_w, dilation_h, dilation_w;
    int16_t pad_top, pad_left;
    uint8_t chunk;           /* words, 1..BW_LANE_MAX_CHUNK; the last chunk holds what is left */
    uint8_t blocks;          /* of 32 outputs that the scratch has room for, as in bw_planar_conv */
    const uint32_t *weights; /* [groups * out_words][chunks][triples][3], see lanes.py */
    const uint32_t *start;   /* [groups * out_words][16]: thresholds, see lanes.py */
} bw_lane_conv;

/* Scratch, bytes: tables, and for every pixel its counts and its index words. */
#define BW_LANE_SCRATCH(pixels, chunk, blocks)                                                     \
    (BW_PLANAR_BLOCKS(blocks) * (128u * BW_LANE_TRIPLES(chunk) + 64u * (pixels)) +                 \
     4u * ((chunk) + 1u) * (pixels))

/* in, out: packed maps. */
void bw_lane_conv_bits(const bw_lane_conv *d, const uint32_t *in, uint32_t *out, void *scratch);

/* ---- splitting into phases ---------------------------------------------------------------------
 *
 * Phases y < keep_h, x < keep_w of every plane; a kernel that needs phase (0, 0) only, such as a
 * 1x1 convolution with stride 2, keeps 1 x 1 and then has stride 1. */
typedef struct {
    uint16_t in_h, in_w;
    uint32_t in_stride, out_stride; /* words from plane to plane */
    uint32_t in_origin; /* bit of each plane at which pixel 0 lies; 0 but for windows of rows */
    uint16_t planes;
    uint8_t stride_h, stride_w;
    uint8_t keep_h, keep_w; /* 1..stride */
} bw_planar_split;

/* in: planes; out: planes * keep_h * keep_w planes of ceil(in_h / stride_h) x ceil(in_w / stride_w)
 * pixels. */
void bw_planar_split_bits(const bw_planar_split *d, const uint32_t *in, uint32_t *out);

/* ---- max pooling -------------------------------------------------------------------------------
 * The maximum of +1 / -1 is the AND of their bits; taps outside the map are left out. */
typedef struct {
    uint16_t in_h, in_w;
    uint16_t out_h, out_w;
    uint32_t in_stride, out_stride;
    uint32_t in_origin; /* bit of each plane at which pixel 0 lies; 0 but for windows of rows */
    uint16_t planes;
    uint8_t k_h, k_w, stride_h, stride_w;
    int16_t pad_top, pad_left; /* pad_top < 0: so many rows above are left out */
} bw_planar_maxpool;

/* Scratch of a pooling, bytes: none for 2x2 windows side by side over maps of even width; else the
 * phases of one plane and the taps of all blocks. */
uint32_t bw_planar_maxpool_scratch(const bw_planar_maxpool *d);
/* in: planes, not split; out: planes of out_h x out_w pixels. */
void bw_planar_maxpool_bits(const bw_planar_maxpool *d, const uint32_t *in, uint32_t *out,
                            void *scratch);

/* ---- picking planes ----------------------------------------------------------------------------
 * Plane n of the output is plane source[n] of the input: a shuffle for kernels that do not choose
 * their planes themselves. */
typedef struct {
    uint16_t planes; /* of the output */
    uint32_t words;  /* of a plane */
    uint32_t in_stride, out_stride;
    const uint16_t *source; /* [planes] */
} bw_planar_pick;

void bw_planar_pick_bits(const bw_planar_pick *d, const uint32_t *in, uint32_t *out);

/* ---- element-wise functions of bits ------------------------------------------------------------
 * bw_logic of bw_kernels.h on planes: plane n of the output is made of plane source_a[n] of a and
 * source_b[n] of b, or of planes n where there is no list. terms[n] has bit 0 for the constant,
 * bit 1 for a, bit 2 for b and bit 3 for both. */
typedef struct {
    uint32_t pixels;
    uint16_t planes;
    uint32_t a_stride, b_stride, out_stride; /* words from plane to plane */
    const uint16_t *source_a, *source_b;     /* [planes], or NULL */
    const uint8_t *terms;                    /* [planes] */
} bw_planar_logic;

void bw_planar_logic_bits(const bw_planar_logic *d, const uint32_t *a, const uint32_t *b,
                          uint32_t *out);

/* ---- between layouts ---------------------------------------------------------------------------
 * Packed: [pixels][BW_WORDS(channels)], see bw_kernels.h. Either side's unused bits are written 0;
 * those that are read must be 0 (planar to packed) or are ignored (packed to planar). */
typedef struct {
    uint32_t pixels;
    uint16_t channels;
    uint32_t stride; /* words from plane to plane */
    /* Planar to packed only: the plane that channel n is read from, or NULL for plane n. */
    const uint16_t *source;
} bw_planar_layout;

void bw_planar_from_packed(const bw_planar_layout *d, const uint32_t *in, uint32_t *out);
void bw_planar_to_packed(const bw_planar_layout *d, const uint32_t *in, uint32_t *out);

/* ---- input encoder -----------------------------------------------------------------------------
 *
 * Every 8-bit sample becomes `planes` bits by table. With a stride the map is written as phases,
 * as bw_planar_split would split it. */
typedef struct {
    uint16_t h, w;
    uint16_t in_c;  /* samples a pixel */
    uint8_t planes; /* a sample, 1..32 */
    uint8_t stride_h, stride_w;
    uint32_t out_stride; /* words from plane to plane */
    /* [in_c][ceil(planes / 8)][256], indexed by the raw byte: bit m of part q is plane 8 q + m of
     * the sample. Bits beyond the last plane are ignored. */
    const uint8_t *table;
} bw_planar_encode;

/* in: u8 [h][w][in_c]; out: in_c * planes planes, those of sample c first at c * planes. */
void bw_planar_encode_u8(const bw_planar_encode *d, const uint8_t *in, uint32_t *out);

#ifdef __cplusplus
}
#endif
#endif
