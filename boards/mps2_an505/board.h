/* Arm MPS2+ with FPGA image AN505; the core runs in the secure state, at the secure aliases. */
#ifndef BITWAKE_BOARDS_MPS2_AN505_H
#define BITWAKE_BOARDS_MPS2_AN505_H

#define BOARD_UART     0x50200000u
#define BOARD_UART_IRQ 32u
#define BOARD_FPGAIO   0x50302000u

/* 50 ns a step (20 MHz), 2^7 ns an instruction: 2.56 = 2^6 / 25 steps an instruction. */
#define BOARD_TICKS_FACTOR 25u
#define BOARD_TICKS_SHIFT  6u

#include "mps.h"

static inline void board_init(void)
{
    mps_init();
}

#endif
