#include "streams.h"

#include <stdio.h>
#include <string.h>

#include "crc32.h"

#define FRAME 42u /* bytes of the tiny model's inputs */

static uint64_t state;

/* splitmix64, Steele, Lea and Flood 2014 */
static uint32_t random_below(uint32_t bound)
{
    state += 0x9E3779B97F4A7C15u;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) % bound);
}

static void add(stream *s, const void *bytes, uint32_t size)
{
    const uint32_t room = STREAM_MAX - s->size;
    const uint32_t part = size < room ? size : room;
    memcpy(s->bytes + s->size, bytes, part);
    s->size += part;
}

static void add_text(stream *s, const char *text)
{
    add(s, text, (uint32_t)strlen(text));
}

static void add_random(stream *s, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)random_below(256);
        add(s, &byte, 1);
    }
}

static void add_number(stream *s)
{
    static const char *const borders[] = {
        "0",     "1",          "41",         "42",
        "43",    "4294967295", "4294967296", "-1",
        "00042", "0x2a",       "1e3",        "",
        "255",   "256",        "10000",      "99999999999999999999999",
        "+42",   "4 2 42",     "31"};
    add_text(s, borders[random_below(sizeof borders / sizeof borders[0])]);
}

static void add_hex(stream *s, uint32_t digits)
{
    for (uint32_t i = 0; i < digits; i++) {
        add(s, &"0123456789abcdefABCDEF"[random_below(22)], 1);
    }
}

/* A frame that is right, or broken at one place. */
static void add_frame(stream *s)
{
    uint8_t frame[FRAME + 4u];
    uint32_t crc = 0;
    for (uint32_t i = 0; i < FRAME; i++) {
        frame[i] = (uint8_t)random_below(256);
        crc = bw_crc32(crc, frame[i]);
    }
    for (uint32_t i = 0; i < 4u; i++) {
        frame[FRAME + i] = (uint8_t)(crc >> (8u * i));
    }
    if (random_below(3) == 0) {
        frame[random_below(sizeof frame)] ^= (uint8_t)(1u << random_below(8));
    }
    add_text(s, "p-frame 42%");
    add(s, frame, random_below(5) == 0 ? random_below(sizeof frame) : (uint32_t)sizeof frame);
}

static void add_db(stream *s)
{
    add_text(s, "db load 42%");
    const uint32_t commands = 1u + random_below(4);
    for (uint32_t i = 0; i < commands; i++) {
        add_text(s, "db ");
        add_hex(s, random_below(4) == 0 ? random_below(90) : 28u);
        add_text(s, "%");
    }
}

static void add_command(stream *s)
{
    static const char *const words[] = {
        "name",  "profile", "timestamp", "infer",    "results",   "p-info",   "p-frame",
        "p-run", "p-infer", "p-mem",     "p-layers", "p-kernels", "p-fault",  "p-exit",
        "db",    "db load", "",          " ",        "m-ready",   "p-frame ", "NAME"};
    add_text(s, words[random_below(sizeof words / sizeof words[0])]);
    for (uint32_t n = random_below(4); n > 0; n--) {
        add_text(s, " ");
        add_number(s);
    }
    add_text(s, random_below(8) == 0 ? "\r\n%\n" : "%");
}

static void mutate(stream *s)
{
    for (uint32_t n = random_below(6); n > 0 && s->size > 0; n--) {
        const uint32_t at = random_below(s->size);
        switch (random_below(4)) {
        case 0:
            s->bytes[at] ^= (uint8_t)(1u << random_below(8));
            break;
        case 1:
            s->bytes[at] = (uint8_t)random_below(256);
            break;
        case 2: /* drop the rest, or a byte */
            memmove(s->bytes + at, s->bytes + at + 1, s->size - at - 1u);
            s->size--;
            break;
        default: /* double a piece */
            add(s, s->bytes + at, random_below(s->size - at));
            break;
        }
    }
}

void stream_make(stream *s, uint64_t seed)
{
    state = seed * 0xD1342543DE82EF95u + 1u;
    s->size = 0;
    const uint32_t parts = 1u + random_below(12);
    for (uint32_t i = 0; i < parts; i++) {
        switch (random_below(8)) {
        case 0:
            add_random(s, random_below(200));
            break;
        case 1:
            add_db(s);
            break;
        case 2:
            add_frame(s);
            break;
        default:
            add_command(s);
            break;
        }
    }
    if (random_below(2) == 0) {
        mutate(s);
    }
}
