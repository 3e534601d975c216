/* Windows of rows: what row-streaming needs beside the planar kernels.
 *
 * A window is a planar map of which only some rows are held: in each plane the rows lie one after
 * the other, w bits each, from bit `origin` of the plane's first word on (origin 0..31). The origin
 * is chosen so that the next rows to come begin at a word.
 */
#ifndef BITWAKE_BW_STREAM_H
#define BITWAKE_BW_STREAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint16_t planes; /* >= 1 */
    uint16_t stride; /* words from one plane to the next */
    uint32_t from;   /* bit of each plane at which the kept rows begin now */
    uint32_t to;     /* bit at which they shall begin */
    uint32_t bits;   /* kept, >= 1; to + bits is a multiple of 32 */
} bw_slide;

/* Moves the kept bits of every plane within the plane. Bits below `to` in its word are left
 * undefined; nothing above `to + bits` changes. */
void bw_slide_planes(const bw_slide *d, uint32_t *window);

#ifdef __cplusplus
}
#endif
#endif
