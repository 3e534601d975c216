/* Registers of the MPS2 and MPS3 boards; included by a board.h that has named the addresses. */
#ifndef BITWAKE_BOARDS_MPS_H
#define BITWAKE_BOARDS_MPS_H

#include "cortexm.h"

/* Counts steps of the I/O block's clock divided by MPS_PRESCALE + 1, in 32 bits. */
#define MPS_COUNTER  CM_REG(BOARD_FPGAIO + 0x18u)
#define MPS_PRESCALE CM_REG(BOARD_FPGAIO + 0x1Cu)

/* UART, its interrupt and the counter. */
void mps_init(void);

#define BOARD_RAW_TICKS() MPS_COUNTER

#endif
