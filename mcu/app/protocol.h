/* The command side of the serial protocol (docs/serial-protocol.md): bytes to commands.
 *
 * Pure functions over caller-owned memory, no I/O: what a peer sends cannot reach anything else,
 * and a fuzzer can drive them directly.
 */
#ifndef BITWAKE_APP_PROTOCOL_H
#define BITWAKE_APP_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#define BW_PROTOCOL     "2" /* docs/serial-protocol.md, p-protocol */
#define BW_COMMAND_MAX  80u /* characters before the closing % */
#define BW_DB_BYTES_MAX 31u /* bytes of one `db` command */

/* A command being assembled. All zero is the empty state. */
typedef struct {
    char text[BW_COMMAND_MAX];
    uint8_t length; /* 0..BW_COMMAND_MAX */
    bool overlong;  /* more came than fits; the rest is dropped up to the % */
} bw_assembler;

typedef enum { BW_MORE, BW_COMPLETE, BW_OVERLONG } bw_assembled;

typedef enum {
    BW_CMD_NAME,
    BW_CMD_PROFILE,
    BW_CMD_TIMESTAMP,
    BW_CMD_DB_LOAD,  /* number[0]: bytes */
    BW_CMD_DB_BYTES, /* bytes[0..n_bytes) */
    BW_CMD_INFER,    /* number[0]: 1..10000 inferences, number[1]: 0..1000 for warming up */
    BW_CMD_RESULTS,
    BW_CMD_INFO,
    BW_CMD_FRAME, /* number[0]: bytes */
    BW_CMD_RUN,
    BW_CMD_INFER_ONCE,
    BW_CMD_MEMORY,
    BW_CMD_LAYERS,
    BW_CMD_KERNELS, /* of the benchmark firmware */
    BW_CMD_FAULT,   /* number[0]: 1..4 */
    BW_CMD_EXIT     /* number[0]: 0..255 */
} bw_verb;

typedef struct {
    bw_verb verb;
    uint32_t number[2];
    uint8_t n_bytes; /* 1..BW_DB_BYTES_MAX */
    uint8_t bytes[BW_DB_BYTES_MAX];
} bw_command;

/* Takes one byte. BW_COMPLETE: text[0..length) holds a command without its %. After BW_COMPLETE or
 * BW_OVERLONG the caller resets with bw_assembler_reset. */
bw_assembled bw_assemble(bw_assembler *a, uint8_t byte);
void bw_assembler_reset(bw_assembler *a);

/* Reads a command of `length` characters (at most BW_COMMAND_MAX, any byte values). Returns NULL
 * and fills *command, or returns the reason for a refusal (static text, fit for e-[...]). */
const char *bw_parse(const char *text, uint32_t length, bw_command *command);

#endif
