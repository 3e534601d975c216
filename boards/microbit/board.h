/* BBC micro:bit, nRF51822. Source of registers: Nordic, nRF51 Series Reference Manual 3.0. */
#ifndef BITWAKE_BOARDS_MICROBIT_H
#define BITWAKE_BOARDS_MICROBIT_H

#include "cortexm.h"

#define TIMER0_START     CM_REG(0x40008000u)
#define TIMER0_CAPTURE0  CM_REG(0x40008040u)
#define TIMER0_BITMODE   CM_REG(0x40008508u)
#define TIMER0_PRESCALER CM_REG(0x40008510u)
#define TIMER0_CC0       CM_REG(0x40008540u)

/* 62.5 ns a step (16 MHz), 2^8 ns an instruction: 4.096 = 2^9 / 125 steps an instruction. */
#define BOARD_TICKS_FACTOR 125u
#define BOARD_TICKS_SHIFT  9u

static inline uint32_t board_raw_ticks(void)
{
    TIMER0_CAPTURE0 = 1;
    return TIMER0_CC0;
}

#define BOARD_RAW_TICKS() board_raw_ticks()

/* UART, its interrupt and the timer. */
void board_init(void);

#endif
