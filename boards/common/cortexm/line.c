/* The serial line behind every UART: a ring that the receive interrupt fills, sleep while it is
 * empty, sending by polling. */
#include "bw_hal.h"
#include "cortexm.h"

#define RING 256u /* a power of two */

static volatile uint8_t ring[RING];
static volatile uint32_t head; /* bytes ever received; written by the interrupt only */
static volatile uint32_t tail; /* bytes ever read */

/* At the interrupt controller, not at the UART: some UARTs forget a byte that comes meanwhile. */
void cm_receive(bool on)
{
    volatile uint32_t *const set = on ? CM_NVIC_ISER : CM_NVIC_ICER;
    set[board_receive_irq / 32u] = 1u << (board_receive_irq % 32u);
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

bool cm_line_full(void)
{
    return head - tail == RING;
}

void cm_line_received(uint8_t byte)
{
    ring[head % RING] = byte;
    head++;
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
        cm_receive(true);
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
    /* What the app counts in the emulator must not hold interrupts; the peer waits there as long as
     * we like. Silicon would lose what comes meanwhile. */
    if (emulated) {
        cm_receive(false);
    }
    const uint8_t byte = ring[tail % RING];
    tail++;
    return byte;
}
