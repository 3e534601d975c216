#include "board.h"

#include <setjmp.h>
#include <string.h>

#include "bw_hal.h"

int app_main(int argc, char **argv); /* the firmware's main, renamed by the build */

char board_output[BOARD_OUTPUT];
uint32_t board_written;
bool board_cut_off;
uint32_t board_spare_bytes;

static const uint8_t *next;
static uint32_t left;
static jmp_buf end;

void board_run(const uint8_t *input, uint32_t size)
{
    next = input;
    left = size;
    board_written = 0;
    board_cut_off = false;
    if (setjmp(end) == 0) {
        (void)app_main(0, NULL);
    }
}

void bw_hal_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
}

bool bw_hal_emulated(void)
{
    return true;
}

uint32_t bw_hal_ticks(void)
{
    static uint32_t ticks = 0xFFFFF000u; /* wraps soon */
    ticks += 77u;
    return ticks;
}

const char *bw_hal_unit(void)
{
    return "instructions";
}

uint64_t bw_hal_microseconds(uint64_t ticks)
{
    return ticks;
}

int bw_hal_getc(uint32_t timeout_ms)
{
    (void)timeout_ms;
    if (left == 0) {
        return BW_HAL_EOF;
    }
    left--;
    next++;
    return next[-1];
}

void bw_hal_write(const void *data, uint32_t bytes)
{
    const uint32_t room = BOARD_OUTPUT - board_written;
    board_cut_off = board_cut_off || bytes > room;
    const uint32_t part = bytes < room ? bytes : room;
    memcpy(board_output + board_written, data, part);
    board_written += part;
}

void bw_hal_stack_paint(void)
{
}

void bw_hal_read_memory(bw_hal_memory *memory)
{
    memset(memory, 0, sizeof *memory);
}

/* One object for each size, so that AddressSanitizer sees where it ends. */
uint8_t *bw_hal_spare(uint32_t *bytes)
{
    static _Alignas(8) uint8_t small[BOARD_SMALL], large[BOARD_LARGE];
    *bytes = board_spare_bytes;
    return board_spare_bytes > BOARD_SMALL ? large : small;
}

const char *bw_hal_last_fault(void)
{
    return NULL;
}

bool bw_hal_camera_frame(uint8_t *frame, uint32_t bytes)
{
    (void)frame;
    (void)bytes;
    return false;
}

void bw_hal_panic(const char *name)
{
    (void)name;
    longjmp(end, 1);
}

void bw_hal_provoke(bw_hal_fault_kind kind)
{
    (void)kind;
}

void bw_hal_exit(uint8_t status)
{
    (void)status;
    longjmp(end, 1);
}
