/* Command streams for the fuzzer: random, nearly right, and right. */
#ifndef BITWAKE_TESTS_FUZZ_STREAMS_H
#define BITWAKE_TESTS_FUZZ_STREAMS_H

#include <stdint.h>

#define STREAM_MAX 4096u

typedef struct {
    uint8_t bytes[STREAM_MAX];
    uint32_t size;
} stream;

/* The same `seed` gives the same stream, which is also independent of the machine. */
void stream_make(stream *s, uint64_t seed);

#endif
