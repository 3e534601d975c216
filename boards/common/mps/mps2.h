/* What all FPGA images of the MPS2 board share: addresses, clock, guard. */
#ifndef BITWAKE_BOARDS_MPS2_H
#define BITWAKE_BOARDS_MPS2_H

#define BOARD_UART     0x40004000u
#define BOARD_UART_IRQ 0u
#define BOARD_FPGAIO   0x40028000u

/* 40 ns a step (25 MHz), 2^7 ns an instruction: 3.2 = 2^4 / 5 steps an instruction. */
#define BOARD_TICKS_FACTOR 5u
#define BOARD_TICKS_SHIFT  4u

#include "mps.h"

/* Where RAM begins. Below it the emulator swallows writes, so an overflow would go unseen. */
#define GUARD_BASE 0x20000000u
#define GUARD_LOG2 16u

static inline void board_init(void)
{
    mps_init();
    cm_guard(GUARD_BASE, GUARD_LOG2);
}

#endif
