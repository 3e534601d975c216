/* The HAL of a board that exists in the emulator only: time is a number of instructions.
 *
 * board.h supplies the clock: BOARD_RAW_TICKS() reads a 32-bit counter that runs on the emulator's
 * virtual time, of which -icount shift=N gives every instruction 2^N ns. An instruction is worth
 *     BOARD_TICKS_SHIFTED / BOARD_TICKS_FACTOR = 2^s / f  counter steps,  more than two,
 * so that the nearest whole number of instructions to (steps * f) / 2^s is the exact one: reading
 * the counter is wrong by less than one step, hence by less than half an instruction. Each reading
 * converts what went by since the one before and is exact by itself, so nothing adds up.
 */
#include "board.h"
#include "bw_hal.h"
#include "cortexm.h"

_Static_assert((1u << BOARD_TICKS_SHIFT) > 2u * BOARD_TICKS_FACTOR, "steps too coarse to round");

uint32_t board_core_hz;

void bw_hal_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    cm_faults_init();
    board_init();
    __asm__ volatile("cpsie i" ::: "memory");
}

bool board_emulated(void)
{
    return true;
}

bool bw_hal_emulated(void)
{
    return true;
}

uint32_t bw_hal_ticks(void)
{
    static uint32_t raw, instructions;
    const uint32_t now = BOARD_RAW_TICKS();
    const uint64_t scaled = (uint64_t)(uint32_t)(now - raw) * BOARD_TICKS_FACTOR;
    raw = now;
    instructions += (uint32_t)((scaled + (1u << (BOARD_TICKS_SHIFT - 1u))) >> BOARD_TICKS_SHIFT);
    return instructions;
}

const char *bw_hal_unit(void)
{
    return "instructions";
}

uint64_t bw_hal_microseconds(uint64_t ticks)
{
    return ticks;
}

void board_delay_ms(uint32_t ms)
{
    (void)ms; /* nobody watches */
}

bool bw_hal_camera_frame(uint8_t *frame, uint32_t bytes)
{
    (void)frame;
    (void)bytes;
    return false;
}

void bw_hal_exit(uint8_t status)
{
    cm_semihosting_exit(status);
}
