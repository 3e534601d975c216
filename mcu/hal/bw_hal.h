/* What the firmware app asks of a board. One implementation per board, in boards/.
 *
 * No function allocates, and none but bw_hal_getc, bw_hal_write and those that never return waits.
 * Everything is called from one thread, never from an interrupt.
 */
#ifndef BITWAKE_BW_HAL_H
#define BITWAKE_BW_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BW_HAL_TIMEOUT (-1) /* bw_hal_getc: no byte within the time given */
#define BW_HAL_EOF     (-2) /* bw_hal_getc: the peer has gone for good (host only) */
#define BW_HAL_FOREVER 0u   /* bw_hal_getc: wait without limit */

/* Sizes in bytes, from the linker; 0 where a board has no such number. */
typedef struct {
    uint32_t stack_size; /* reserved for the stack */
    uint32_t stack_used; /* high-water mark since bw_hal_stack_paint */
    uint32_t flash;      /* code, constants and initial values */
    uint32_t ram;        /* initialised and zeroed variables; not the stack */
} bw_hal_memory;

/* Ways to break on purpose, to try the fault report. */
typedef enum {
    BW_HAL_FAULT_UNDEFINED = 1, /* undefined instruction */
    BW_HAL_FAULT_ADDRESS = 2,   /* access to where there is no memory */
    BW_HAL_FAULT_STACK = 3,     /* endless recursion */
    BW_HAL_FAULT_ASSERT = 4     /* bw_hal_panic */
} bw_hal_fault_kind;

/* Clock, serial line (115200 8N1), tick counter, fault handlers. Called once, first; the arguments
 * are main's (argc is 0 on a microcontroller). */
void bw_hal_init(int argc, char **argv);

/* True when no silicon is behind the ticks, so that they say nothing about time. */
bool bw_hal_emulated(void);

/* Free-running counter, wraps at 2^32. To be read at least once every 10^9 ticks: some boards
 * derive it from a faster one. Not counted faithfully while the core sleeps in bw_hal_getc. */
uint32_t bw_hal_ticks(void);

/* What a tick is: "instructions", "cycles" or "nanoseconds". */
const char *bw_hal_unit(void);

/* Real microseconds that `ticks` last, rounded down; `ticks` unchanged on an emulated board, where
 * there is no time to tell. */
uint64_t bw_hal_microseconds(uint64_t ticks);

/* One byte 0..255 of the serial line, BW_HAL_TIMEOUT or BW_HAL_EOF. The core may sleep
 * meanwhile. An emulated board never times out: its clock runs ahead while it sleeps. */
int bw_hal_getc(uint32_t timeout_ms);

/* Sends `bytes` bytes; returns when they are handed over. */
void bw_hal_write(const void *data, uint32_t bytes);

/* Fills the unused stack with a pattern, so that later use can be seen. */
void bw_hal_stack_paint(void);

void bw_hal_read_memory(bw_hal_memory *memory);

/* RAM that nothing else uses, 8-byte aligned; its size goes to *bytes (may be 0). The app stages
 * incoming pictures and tick counts there. */
uint8_t *bw_hal_spare(uint32_t *bytes);

/* The fault line that the boot before this one left behind ("p-fault-[...]"), or NULL. */
const char *bw_hal_last_fault(void);

/* A frame of the board's camera, `bytes` bytes into `frame`; false when there is none. The app does
 * not call it yet: no board here has a camera, and frames come over the serial line. */
bool bw_hal_camera_frame(uint8_t *frame, uint32_t bytes);

/* Prints the fault line for `name` and ends as after any fault. */
_Noreturn void bw_hal_panic(const char *name);

/* Breaks in the given way; comes back only if the board withstood it. */
void bw_hal_provoke(bw_hal_fault_kind kind);

/* Ends the emulator or process with `status` (0..255); resets silicon. */
_Noreturn void bw_hal_exit(uint8_t status);

#ifdef __cplusplus
}
#endif
#endif
