/* UART and counter of Arm's MPS2 and MPS3 boards; addresses and interrupt come from board.h.
 * Source: Arm DDI 0479, Cortex-M System Design Kit, 4.3 (UART); Arm DAI 0385, 0386, 0500 and 0547
 * (FPGA system control and I/O). */
#include "board.h"
#include "cortexm.h"

#define UART_DATA     CM_REG(BOARD_UART)
#define UART_STATE    CM_REG(BOARD_UART + 0x04u)
#define UART_CTRL     CM_REG(BOARD_UART + 0x08u)
#define UART_INTCLEAR CM_REG(BOARD_UART + 0x0Cu)
#define UART_BAUDDIV  CM_REG(BOARD_UART + 0x10u)

#define STATE_TX_FULL 1u
#define STATE_RX_FULL 2u
#define CTRL_TX       1u
#define CTRL_RX       2u
#define CTRL_RX_IRQ   8u
#define INT_RX        2u
#define LEAST_DIVISOR 16u

const uint32_t board_receive_irq = BOARD_UART_IRQ;

static void receive_handler(void)
{
    while ((UART_STATE & STATE_RX_FULL) != 0) {
        if (cm_line_full()) {
            cm_receive(false);
            return;
        }
        UART_INTCLEAR = INT_RX; /* before the byte is taken: the next one may follow at once */
        cm_line_received((uint8_t)UART_DATA);
    }
}

__attribute__((section(".vectors.irq"), used)) static const cm_vector irqs[BOARD_UART_IRQ + 1u] = {
    [BOARD_UART_IRQ] = receive_handler,
};

void mps_init(void)
{
    UART_BAUDDIV = LEAST_DIVISOR; /* the emulator sends at once at any divisor that is allowed */
    UART_CTRL = CTRL_TX | CTRL_RX | CTRL_RX_IRQ;
    cm_receive(true);
    MPS_PRESCALE = 0; /* the counter takes every step of its clock */
}

void board_put_polled(uint8_t byte)
{
    for (uint32_t i = 0; i < 1000000u && (UART_STATE & STATE_TX_FULL) != 0; i++) {
    }
    UART_DATA = byte;
}
