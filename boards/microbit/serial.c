/* UART and timer of the nRF51. */
#include "board.h"

#define UART_STARTRX  CM_REG(0x40002000u)
#define UART_STARTTX  CM_REG(0x40002008u)
#define UART_RXDRDY   CM_REG(0x40002108u)
#define UART_TXDRDY   CM_REG(0x4000211Cu)
#define UART_INTENSET CM_REG(0x40002304u)
#define UART_ENABLE   CM_REG(0x40002500u)
#define UART_PSELTXD  CM_REG(0x4000250Cu)
#define UART_PSELRXD  CM_REG(0x40002514u)
#define UART_RXD      CM_REG(0x40002518u)
#define UART_TXD      CM_REG(0x4000251Cu)
#define UART_BAUDRATE CM_REG(0x40002524u)
#define UART_IRQ      2u
#define INT_RXDRDY    (1u << 2)
#define ENABLED       4u
#define BAUD_115200   0x01D7E000u
#define PIN_TX        24u
#define PIN_RX        25u
#define TIMER_32_BITS 3u

const uint32_t board_receive_irq = UART_IRQ;

static void uart_handler(void)
{
    while (UART_RXDRDY != 0) {
        if (cm_line_full()) {
            cm_receive(false);
            return;
        }
        UART_RXDRDY = 0; /* before the byte is taken: the next one raises it again */
        cm_line_received((uint8_t)UART_RXD);
    }
}

__attribute__((section(".vectors.irq"), used)) static const cm_vector irqs[UART_IRQ + 1u] = {
    [UART_IRQ] = uart_handler,
};

void board_init(void)
{
    TIMER0_BITMODE = TIMER_32_BITS;
    TIMER0_PRESCALER = 0;
    TIMER0_START = 1;
    UART_PSELTXD = PIN_TX;
    UART_PSELRXD = PIN_RX;
    UART_BAUDRATE = BAUD_115200;
    UART_ENABLE = ENABLED;
    UART_INTENSET = INT_RXDRDY;
    cm_receive(true);
    UART_STARTTX = 1;
    UART_STARTRX = 1;
}

void board_put_polled(uint8_t byte)
{
    UART_TXDRDY = 0;
    UART_TXD = byte;
    for (uint32_t i = 0; i < 1000000u && UART_TXDRDY == 0; i++) {
    }
}
