/* Inference commands: timed, profiled, repeated. Each prints its reply without m-ready. */
#ifndef BITWAKE_APP_RUN_H
#define BITWAKE_APP_RUN_H

#include "protocol.h"

/* Ticks since boot in 64 bits. Must be called at least once every 10^9 ticks. */
uint64_t bw_clock(void);

void bw_timestamp(void);
void bw_infer(const bw_command *command);
void bw_results(void);
void bw_run_profiled(void);
void bw_run_once(void);

#endif
