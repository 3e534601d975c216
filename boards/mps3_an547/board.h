/* Arm MPS3 with FPGA image AN547; the core runs in the secure state. */
#ifndef BITWAKE_BOARDS_MPS3_AN547_H
#define BITWAKE_BOARDS_MPS3_AN547_H

#define BOARD_UART     0x59303000u
#define BOARD_UART_IRQ 33u
#define BOARD_FPGAIO   0x59302000u

/* 50 ns a step (20 MHz), 2^7 ns an instruction: 2.56 = 2^6 / 25 steps an instruction. */
#define BOARD_TICKS_FACTOR 25u
#define BOARD_TICKS_SHIFT  6u

#include "mps.h"

static inline void board_init(void)
{
    mps_init();
}

#endif
