/* The pieces of the host board: the firmware as a process of this machine. */
#ifndef BITWAKE_BOARDS_HOST_H
#define BITWAKE_BOARDS_HOST_H

#include <stdint.h>

/* Opens the serial line that the arguments name and waits for the first peer. Ends the process
 * with status 2 and one line when they name none. */
void line_open(int argc, char **argv);

/* As bw_hal_write, but may be called from a signal handler. */
void line_send(const void *data, uint32_t bytes);

/* Waits a second at most until the peer of a pseudo terminal has closed it: the end of the process
 * would take away what was not read. Callable from a signal handler, once. */
void line_drain(void);

/* Turns signals that mean a crash into a fault report. */
void faults_init(void);

#endif
