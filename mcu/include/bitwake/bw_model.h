/* The face of a compiled model: what the firmware app knows of the network it runs.
 *
 * A generated model.c defines exactly one `bw_model`. It owns one static arena, sized at compile
 * time, in which inputs, intermediate maps and outputs live; nothing is allocated at run time and
 * running a model cannot fail.
 */
#ifndef BITWAKE_BW_MODEL_H
#define BITWAKE_BW_MODEL_H

#include <stdint.h>

#include "bitwake/bw_version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Element type of an input or output tensor. */
typedef enum {
    BW_U8 = 0,  /* unsigned byte, a raw camera pixel 0..255 */
    BW_I8 = 1,  /* signed byte, real = scale * (q - zero_point) */
    BW_F32 = 2, /* IEEE 754 single, little endian */
    BW_I32 = 3,
    BW_BITS = 4 /* 32 channels a word, bit 1 = -1, bit 0 = +1 */
} bw_dtype;

/* An input or output. Layout is row major [dims[0]][dims[1]]...; images are H, W, C. */
typedef struct {
    const char *name; /* signature name, as in the flatbuffer */
    bw_dtype dtype;
    uint8_t rank;       /* 0..4, the batch dimension (always 1) left out */
    uint16_t dims[4];   /* unused entries are 1 */
    uint32_t bytes;     /* size in the arena */
    uint8_t *data;      /* inside the arena, 8-byte aligned; NULL for an input fed by rows */
    float scale;        /* BW_I8 only, otherwise 1 */
    int32_t zero_point; /* BW_I8 only, otherwise 0 */
} bw_tensor;

typedef enum { BW_KIND_BINARY = 0, BW_KIND_INT8 = 1, BW_KIND_OTHER = 2 } bw_kind;

/* One row of the layer table, in order of execution. */
typedef struct {
    const char *name; /* provenance: the flatbuffer's tensor name, shortened */
    const char *op;   /* kernel name without prefix, e.g. "bconv2d_bits" */
    bw_kind kind;
    uint32_t
        macs; /* multiply-accumulates over real channels (padding taps counted, pad channels not) */
} bw_layer;

/* Called after each layer when a probe is given. `layer` indexes bw_model.layers. */
typedef void (*bw_mark_fn)(void *context, uint16_t layer);

typedef struct {
    bw_mark_fn mark;
    void *context;
} bw_probe;

/* Where the rows of a fed picture come from: a sensor, a line buffer, a stored picture. */
typedef struct {
    /* Rows [first, first + count), dims[1] * dims[2] bytes each, valid until the next call. Rows
     * are asked for in order, each once; the call returns when they are there. */
    const uint8_t *(*get)(void *context, uint16_t first, uint16_t count);
    void *context;
} bw_rows;

typedef struct {
    const char *name;
    const char *sha256;        /* of the .tflite the code was made from, 64 hex digits */
    const char *const *labels; /* n_labels names, or NULL */
    uint16_t n_labels;
    const bw_tensor *inputs;
    const bw_tensor *outputs;
    uint8_t n_inputs;
    uint8_t n_outputs;
    const bw_layer *layers;
    uint16_t n_layers;
    uint32_t arena_bytes;
    uint32_t weights_bytes; /* constant tables of all layers, in flash */
    /* Runs the network once: reads inputs[].data, writes outputs[].data. Inputs are preserved, so
     * that the same picture can be run again. `probe` may be NULL. Not reentrant. NULL when the
     * input is fed by rows. */
    void (*run)(const bw_probe *probe);
    /* The same where the picture is never in memory as a whole: asks for its rows as it goes. NULL
     * otherwise. */
    void (*run_rows)(const bw_rows *rows, const bw_probe *probe);
    uint16_t rows_most; /* rows that run_rows asks for at once, at most */
} bw_model;

/* The model linked into this firmware. */
extern const bw_model bw_linked_model;

#ifdef __cplusplus
}
#endif
#endif
