/* CRC-32 as zlib computes it: polynomial 0xEDB88320 (reflected), start and final xor 0xFFFFFFFF. */
#ifndef BITWAKE_APP_CRC32_H
#define BITWAKE_APP_CRC32_H

#include <stdint.h>

/* Continues `crc` (0 at the start) over one byte. */
uint32_t bw_crc32(uint32_t crc, uint8_t byte);

#endif
