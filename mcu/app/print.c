#include "print.h"

#include "bw_hal.h"

static char buffer[64];
static uint32_t used;

static void send(void)
{
    if (used > 0) {
        bw_hal_write(buffer, used);
        used = 0;
    }
}

static void put_char(char c)
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
