/* A board whose serial line is a piece of memory. */
#ifndef BITWAKE_TESTS_FUZZ_BOARD_H
#define BITWAKE_TESTS_FUZZ_BOARD_H

#include <stdbool.h>
#include <stdint.h>

/* Runs the firmware's main over `size` bytes of input, until they end or the firmware exits. What
 * it wrote is in board_output[0..board_written), cut off at its size. */
void board_run(const uint8_t *input, uint32_t size);

#define BOARD_OUTPUT 262144u
extern char board_output[BOARD_OUTPUT];
extern uint32_t board_written;
extern bool board_cut_off;

/* RAM given to the app for staging: 0, too little for a frame, or enough. With too little the app
 * must receive straight into the inputs. */
#define BOARD_SMALL 40u
#define BOARD_LARGE 64u
extern uint32_t board_spare_bytes;

#endif
