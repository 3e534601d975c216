/* USART1, 115200 8N1: sends by polling, receives by interrupt into a ring. */
#include "board.h"
#include "bw_hal.h"

#define BAUD       115200u
#define SR_RXNE    (1u << 5)
#define SR_TXE     (1u << 7)
#define CR1_RE     (1u << 2)
#define CR1_TE     (1u << 3)
#define CR1_RXNEIE (1u << 5)
#define CR1_UE     (1u << 13)
#define RING       1024u /* a power of two */

static volatile uint8_t ring[RING];
static volatile uint32_t head; /* bytes ever received; written by the interrupt only */
static uint32_t tail;          /* bytes ever read */

static void usart1_handler(void)
{
    while ((USART1_SR & SR_RXNE) != 0) {
        if (head - tail == RING) {
            /* The emulator waits until there is room again; silicon drops what comes now. */
            USART1_CR1 &= ~CR1_RXNEIE;
            return;
        }
        ring[head % RING] = (uint8_t)USART1_DR;
        head++;
    }
}

typedef void (*vector)(void);

__attribute__((section(".vectors.irq"), used)) static const vector irqs[USART1_IRQ + 1u] = {
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
    CM_NVIC_ISER[USART1_IRQ / 32u] = 1u << (USART1_IRQ % 32u);
}

void board_put_polled(uint8_t byte)
{
    /* Bounded, so that a fault report ends even when the fault is in the UART. */
    for (uint32_t i = 0; i < 1000000u && (USART1_SR & SR_TXE) == 0; i++) {
    }
    USART1_DR = byte;
}

void bw_hal_write(const void *data, uint32_t bytes)
{
    const uint8_t *from = data;
    for (uint32_t i = 0; i < bytes; i++) {
        board_put_polled(from[i]);
    }
}

static void sleep_until_byte(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    if (head == tail) {
        __asm__ volatile("wfi" ::: "memory"); /* wakes on a pending interrupt, masked or not */
    }
    __asm__ volatile("cpsie i\n\tisb" ::: "memory");
}

int bw_hal_getc(uint32_t timeout_ms)
{
    const bool emulated = bw_hal_emulated();
    uint32_t waited_ms = 0;
    uint32_t mark = bw_hal_ticks();
    while (head == tail) {
        USART1_CR1 |= CR1_RXNEIE;
        if (emulated) {
            sleep_until_byte();
            continue;
        }
        /* Silicon does not sleep here: the cycle counter would stop, and time with it. */
        if (bw_hal_ticks() - mark >= board_core_hz / 1000u) {
            mark += board_core_hz / 1000u;
            waited_ms++;
            if (timeout_ms != BW_HAL_FOREVER && waited_ms >= timeout_ms) {
                return BW_HAL_TIMEOUT;
            }
        }
    }
    const uint8_t byte = ring[tail % RING];
    tail++;
    return byte;
}
