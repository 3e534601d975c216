/* The picture of a model that is fed by rows: kept whole in spare RAM where it fits there, else
 * taken from the serial line while the network runs.
 */
#ifndef BITWAKE_APP_ROWS_H
#define BITWAKE_APP_ROWS_H

#include <stdbool.h>

#include "bitwake/bw_model.h"

/* Whether the linked model takes its picture by rows. */
bool bw_rows_fed(void);

/* Where a whole picture is kept for it; NULL where spare RAM is too short. */
uint8_t *bw_rows_store(void);

/* Spare RAM beside the kept picture, 8-byte aligned; its size goes to *bytes. */
uint8_t *bw_rows_spare(uint32_t *bytes);

/* Before a run: where its rows come from. When they come over the line, prints p-go-N; prints e-[]
 * and returns NULL when there is no RAM even for the rows asked for at once. */
const bw_rows *bw_rows_begin(void);

/* After a run: takes what was not asked for and the CRC. False, with e-[] printed, when the
 * picture was damaged or did not come whole: the results then mean nothing. */
bool bw_rows_end(void);

/* Ticks spent so far waiting for rows: not the network's. */
uint64_t bw_rows_waited(void);

#endif
