#include "fault_line.h"

static void add(fault_line *line, const char *text)
{
    while (*text != '\0' && line->used < FAULT_LINE_LENGTH - 1u) {
        line->text[line->used] = *text;
        line->used++;
        text++;
    }
    line->text[line->used] = '\0';
}

void fault_line_begin(fault_line *line, const char *name)
{
    line->used = 0;
    add(line, "p-fault-[");
    add(line, name);
}

void fault_line_register(fault_line *line, const char *name, uint64_t value)
{
    char digits[17];
    const uint32_t n = value >> 32 != 0 ? 16u : 8u;
    for (uint32_t i = 0; i < n; i++) {
        digits[i] = "0123456789abcdef"[value >> (4u * (n - 1u - i)) & 15u];
    }
    digits[n] = '\0';
    add(line, " ");
    add(line, name);
    add(line, "=");
    add(line, digits);
}

void fault_line_end(fault_line *line)
{
    add(line, "]");
}

/* The volatile array stays alive over the inner call, so that this cannot become a loop. */
__attribute__((noinline)) uint32_t fault_overflow_stack(uint32_t depth)
{
    volatile uint32_t frame[16];
    frame[depth % 16u] = depth;
    const uint32_t below = depth == UINT32_MAX ? 0 : fault_overflow_stack(depth + 1u);
    return below + frame[depth % 16u];
}
