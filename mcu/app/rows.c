#include "rows.h"

#include <stddef.h>

#include "bw_hal.h"
#include "crc32.h"
#include "print.h"
#include "run.h"

#define LINE_TIMEOUT_MS 2000u
#define CRC_BYTES       4u

static struct {
    uint8_t *line; /* where rows are put; NULL when the picture is kept */
    uint32_t taken, crc;
    bool silent;
    uint64_t waited;
} feed;

static uint32_t row_bytes(void)
{
    return (uint32_t)bw_linked_model.inputs[0].dims[1] * bw_linked_model.inputs[0].dims[2];
}

static uint32_t picture_bytes(void)
{
    return bw_linked_model.inputs[0].bytes;
}

/* A picture and, behind it, the ticks of a profiled run; in multiples of 8 bytes. */
static uint32_t kept_bytes(void)
{
    return (picture_bytes() + 7u) & ~7u;
}

bool bw_rows_fed(void)
{
    return bw_linked_model.run_rows != NULL;
}

uint8_t *bw_rows_store(void)
{
    uint32_t bytes;
    uint8_t *spare = bw_hal_spare(&bytes);
    const uint32_t ticks = 4u * (uint32_t)bw_linked_model.n_layers;
    return bytes >= kept_bytes() + ticks ? spare : NULL;
}

uint8_t *bw_rows_spare(uint32_t *bytes)
{
    uint8_t *spare = bw_hal_spare(bytes);
    uint32_t used = 0;
    if (bw_rows_fed()) {
        used = bw_rows_store() != NULL ? kept_bytes()
                                       : (bw_linked_model.rows_most * row_bytes() + 7u) & ~7u;
    }
    used = used < *bytes ? used : *bytes;
    *bytes -= used;
    return spare + used;
}

static uint8_t take(void)
{
    const int c = feed.silent ? BW_HAL_TIMEOUT : bw_hal_getc(LINE_TIMEOUT_MS);
    if (c < 0) {
        feed.silent = true;
        return 0;
    }
    feed.taken++;
    return (uint8_t)c;
}

static uint8_t take_pixel(void)
{
    const uint8_t byte = take();
    feed.crc = bw_crc32(feed.crc, byte);
    return byte;
}

static const uint8_t *get(void *context, uint16_t first, uint16_t count)
{
    (void)context;
    if (feed.line == NULL) {
        return bw_rows_store() + first * row_bytes();
    }
    const uint64_t start = bw_clock();
    for (uint32_t i = 0; i < count * row_bytes(); i++) {
        feed.line[i] = take_pixel();
    }
    feed.waited += bw_clock() - start;
    return feed.line;
}

const bw_rows *bw_rows_begin(void)
{
    static const bw_rows rows = {get, NULL};
    uint32_t bytes;
    uint8_t *spare = bw_hal_spare(&bytes);
    feed.line = bw_rows_store() != NULL ? NULL : spare;
    feed.taken = feed.crc = 0;
    feed.silent = false;
    if (feed.line == NULL) {
        return &rows;
    }
    if (bytes < bw_linked_model.rows_most * row_bytes()) {
        bw_line("e-[rows: no RAM for the rows that the network asks for at once]");
        return NULL;
    }
    bw_line_number("p-go-", picture_bytes());
    return &rows;
}

bool bw_rows_end(void)
{
    if (feed.line == NULL) {
        return true;
    }
    while (feed.taken < picture_bytes() && !feed.silent) {
        (void)take_pixel();
    }
    uint32_t announced = 0;
    for (uint32_t i = 0; i < CRC_BYTES; i++) {
        announced |= (uint32_t)take() << (8u * i);
    }
    if (feed.silent) {
        bw_put("e-[frame: timeout after ");
        bw_put_number(feed.taken);
        bw_line(" bytes]");
        return false;
    }
    if (announced != feed.crc) {
        bw_line("e-[frame: crc of the rows differs from the announced one]");
        return false;
    }
    return true;
}

uint64_t bw_rows_waited(void)
{
    return feed.waited;
}
