/* The text of a fault report, and the fault that every kind of board can provoke alike.
 *
 * Usable where nothing else is: no allocation, no library call, no lock.
 */
#ifndef BITWAKE_BOARDS_FAULT_LINE_H
#define BITWAKE_BOARDS_FAULT_LINE_H

#include <stdint.h>

#define FAULT_LINE_LENGTH 160u /* bytes, with the final zero */
#define FAULT_EXIT        70u  /* status of an emulator or process that ends by a fault */

/* "p-fault-[name pc=... lr=...]" in the making. All zero is the empty line. What is too long is
 * cut off. */
typedef struct {
    uint32_t used;
    char text[FAULT_LINE_LENGTH];
} fault_line;

/* Begins the line: "p-fault-[name". */
void fault_line_begin(fault_line *line, const char *name);

/* Adds " name=" and the value in 8 hexadecimal digits, or 16 when it does not fit in 8. */
void fault_line_register(fault_line *line, const char *name, uint64_t value);

/* Adds the closing bracket. */
void fault_line_end(fault_line *line);

/* Calls itself until the stack is used up. Returns only where the stack never ends. */
uint32_t fault_overflow_stack(uint32_t depth);

#endif
