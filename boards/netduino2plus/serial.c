/* USART1, 115200 8N1: sends by polling, receives by interrupt. */
#include "board.h"

#define BAUD       115200u
#define SR_RXNE    (1u << 5)
#define SR_TXE     (1u << 7)
#define CR1_RE     (1u << 2)
#define CR1_TE     (1u << 3)
#define CR1_RXNEIE (1u << 5)
#define CR1_UE     (1u << 13)

const uint32_t board_receive_irq = USART1_IRQ;

static void usart1_handler(void)
{
    while ((USART1_SR & SR_RXNE) != 0) {
        if (cm_line_full()) {
            cm_receive(false);
            return;
        }
        cm_line_received((uint8_t)USART1_DR);
    }
}

__attribute__((section(".vectors.irq"), used)) static const cm_vector irqs[USART1_IRQ + 1u] = {
    [USART1_IRQ] = usart1_handler,
};

void serial_init(void)
{
    RCC_AHB1ENR |= 1u;      /* GPIOA */
    RCC_APB2ENR |= 1u << 4; /* USART1 */
    /* PA9 and PA10: alternate function 7. */
    GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 18)) | 0xAu << 18;
    GPIOA_AFRH = (GPIOA_AFRH & ~(0xFFu << 4)) | 0x77u << 4;
    USART1_BRR = (board_usart1_hz + BAUD / 2u) / BAUD;
    USART1_CR1 = CR1_UE | CR1_TE | CR1_RE | CR1_RXNEIE;
    cm_receive(true);
}

void board_put_polled(uint8_t byte)
{
    /* Bounded, so that a fault report ends even when the fault is in the UART. */
    for (uint32_t i = 0; i < 1000000u && (USART1_SR & SR_TXE) == 0; i++) {
    }
    USART1_DR = byte;
}
