#include "print.h"

#include <stdbool.h>

#include "bw_hal.h"
#include "crc32.h"

static char buffer[64];
static uint32_t used;

static bool checked; /* of the reply at hand a checksum is told */
static uint32_t checksum;

static void check(const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        checksum = bw_crc32(checksum, (uint8_t)text[i]);
    }
}

static void send(void)
{
    if (used > 0) {
        if (checked) {
            check(buffer, used);
        }
        bw_hal_write(buffer, used);
        used = 0;
    }
}

/* Not inlined: its copies would take more flash than all else here. */
static __attribute__((noinline)) void put_char(char c)
{
    if (used == sizeof buffer) {
        send();
    }
    buffer[used] = c;
    used++;
}

void bw_put(const char *text)
{
    while (*text != '\0') {
        put_char(*text);
        text++;
    }
}

void bw_put_foreign(const char *text)
{
    while (*text != '\0') {
        put_char(*text >= ' ' && *text <= '~' ? *text : '?');
        text++;
    }
}

void bw_put_number(uint64_t number)
{
    char digits[20];
    uint32_t n = 0;
    do {
        digits[n] = (char)('0' + (int)(number % 10u));
        number /= 10u;
        n++;
    } while (number > 0);
    while (n > 0) {
        n--;
        put_char(digits[n]);
    }
}

void bw_put_hex_byte(uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    put_char(digits[byte >> 4]);
    put_char(digits[byte & 15u]);
}

void bw_put_hex32(uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        bw_put_hex_byte((uint8_t)(number >> shift));
    }
}

void bw_put_end(void)
{
    bw_put("\r\n");
    send();
}

void bw_line(const char *text)
{
    bw_put(text);
    bw_put_end();
}

void bw_line_number(const char *prefix, uint64_t number)
{
    bw_put(prefix);
    bw_put_number(number);
    bw_put_end();
}

void bw_line_field(const char *prefix, const char *text)
{
    bw_put(prefix);
    put_char('[');
    bw_put_foreign(text);
    put_char(']');
    bw_put_end();
}

void bw_reply_begin(const char *command, uint32_t length)
{
    checked = length > 1 && command[0] == 'p' && command[1] == '-';
    checksum = 0;
    if (checked) {
        check(command, length);
    }
}

void bw_reply_end(void)
{
    if (checked) {
        checked = false; /* the checksum does not change while it is printed */
        bw_put("p-crc-");
        bw_put_hex32(checksum);
        bw_put_end();
    }
    bw_line("m-ready");
}
