/* What is left of the HAL for this board. */
#include "bw_hal.h"

#include "board.h"

void bw_hal_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    cm_faults_init();
    clock_init();
    ticks_init();
    serial_init();
    __asm__ volatile("cpsie i" ::: "memory");
}

bool bw_hal_camera_frame(uint8_t *frame, uint32_t bytes)
{
    (void)frame;
    (void)bytes;
    return false;
}

void bw_hal_exit(uint8_t status)
{
    if (board_emulated()) {
        cm_semihosting_exit(status);
    }
    cm_system_reset();
}
