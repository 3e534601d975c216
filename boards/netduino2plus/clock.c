/* Clock tree and tick counter. The half for silicon has never run on a part. */
#include "board.h"
#include "bw_hal.h"

#define HSI_HZ    16000000u
#define PLL_HZ    168000000u
#define PLL_ON    (1u << 24)
#define PLL_READY (1u << 25)
#define POLLS     100000u /* far longer than the 200 us that the data sheet grants */
#define TRACE_ON  (1u << 24)
#define CYCCNT_ON 1u

uint32_t board_core_hz = HSI_HZ;
uint32_t board_usart1_hz = HSI_HZ;

/* How a tick is made, chosen once. */
static enum { COUNT_INSTRUCTIONS, COUNT_DWT, COUNT_TIM2 } source;
static uint32_t tim2_shift; /* core cycles a TIM2 step, as a power of two */

/* QEMU's machine has no clock controller and reads zero; on silicon the reset value is 0x83. */
bool board_emulated(void)
{
    return RCC_CR == 0;
}

static bool wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < POLLS; i++) {
        if ((*reg & mask) == value) {
            return true;
        }
    }
    return false;
}

/* The internal oscillator, because what crystal a board carries differs; its 1 % is enough for
 * a UART. 16 MHz / 16 * 336 / 2 = 168 MHz. */
void clock_init(void)
{
    if (board_emulated()) {
        return;
    }
    RCC_PLLCFGR = 16u | 336u << 6 | 0u << 16 | 7u << 24; /* M, N, P = 2, Q; source HSI */
    RCC_CR |= PLL_ON;
    if (!wait_for(&RCC_CR, PLL_READY, PLL_READY)) {
        return;
    }
    FLASH_ACR = 5u | 7u << 8; /* five wait states; prefetch, both caches */
    if (!wait_for(&FLASH_ACR, 7u, 5u)) {
        return;
    }
    RCC_CFGR = 5u << 10 | 4u << 13; /* APB1 / 4, APB2 / 2 */
    RCC_CFGR |= 2u;                 /* run from the PLL */
    if (!wait_for(&RCC_CFGR, 3u << 2, 2u << 2)) {
        return;
    }
    board_core_hz = PLL_HZ;
    board_usart1_hz = PLL_HZ / 2u;
    tim2_shift = 1; /* timers of a divided APB1 run at twice its clock: 84 MHz */
}

void ticks_init(void)
{
    RCC_APB1ENR |= 1u; /* TIM2 */
    TIM2_PSC = 0;
    TIM2_ARR = UINT32_MAX;
    TIM2_EGR = 1;
    TIM2_CR1 = 1;
    if (board_emulated()) {
        source = COUNT_INSTRUCTIONS; /* with -icount shift=0 a step of TIM2 is an instruction */
        return;
    }
    CM_DEMCR |= TRACE_ON;
    CM_DWT_CYCCNT = 0;
    CM_DWT_CTRL |= CYCCNT_ON;
    const uint32_t before = CM_DWT_CYCCNT;
    __asm__ volatile("nop\n\tnop\n\tnop\n\tnop");
    source = CM_DWT_CYCCNT != before ? COUNT_DWT : COUNT_TIM2;
}

uint32_t bw_hal_ticks(void)
{
    if (source == COUNT_DWT) {
        return CM_DWT_CYCCNT;
    }
    return TIM2_CNT << tim2_shift;
}

const char *bw_hal_unit(void)
{
    return source == COUNT_INSTRUCTIONS ? "instructions" : "cycles";
}

bool bw_hal_emulated(void)
{
    return source == COUNT_INSTRUCTIONS;
}

uint64_t bw_hal_microseconds(uint64_t ticks)
{
    return bw_hal_emulated() ? ticks : ticks / (board_core_hz / 1000000u);
}

void board_delay_ms(uint32_t ms)
{
    for (; ms > 0; ms--) {
        const uint32_t start = bw_hal_ticks();
        while (bw_hal_ticks() - start < board_core_hz / 1000u) {
        }
    }
}
