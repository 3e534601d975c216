/* How a picture gets into the model's inputs: MLPerf's `db` commands or `p-frame`.
 *
 * A frame is all inputs one after the other, in the order of bw_model.inputs.
 */
#ifndef BITWAKE_APP_FRAME_H
#define BITWAKE_APP_FRAME_H

#include "protocol.h"

/* Size of a frame in bytes. */
uint32_t bw_frame_bytes(void);

/* The three commands; each prints its reply without m-ready. */
void bw_db_load(const bw_command *command);
void bw_db_bytes(const bw_command *command);
void bw_frame_receive(const bw_command *command);

#endif
