/* Fuzzes the firmware's command side under sanitizers: fuzz SECONDS FIRST COUNT SPARE.
 *
 * Stream FIRST, FIRST + 1, ... until COUNT are done or SECONDS are over; SPARE is
 * board_spare_bytes. The sanitizers look for broken memory, this file for a broken protocol: every
 * line ends with CR LF, is printable and begins as the protocol says, and after every stream a
 * healthy board still answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "board.h"
#include "streams.h"

static void fail(uint64_t seed, const char *what, const char *line)
{
    (void)printf("stream %llu: %s: %.100s\n", (unsigned long long)seed, what, line);
    exit(1);
}

static void check_line(uint64_t seed, const char *line, size_t length)
{
    static const char *const kinds[] = {"m-", "p-", "e-["};
    for (size_t i = 0; i < length; i++) {
        if (line[i] < ' ' || line[i] > '~') {
            fail(seed, "a line holds a byte that is no text", line);
        }
    }
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        if (strncmp(line, kinds[k], strlen(kinds[k])) == 0) {
            return;
        }
    }
    fail(seed, "a line begins with nothing that the protocol knows", line);
}

/* Returns how many lines are m-ready. */
static uint32_t check_output(uint64_t seed)
{
    uint32_t ready = 0;
    const char *line = board_output;
    const char *const end = board_output + board_written;
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL) {
            if (!board_cut_off) {
                fail(seed, "the last line does not end", line);
            }
            break;
        }
        if (stop == line || stop[-1] != '\r') {
            fail(seed, "a line ends without CR", line);
        }
        check_line(seed, line, (size_t)(stop - line) - 1u);
        ready += stop - line == 8 && memcmp(line, "m-ready", 7) == 0;
        line = stop + 1;
    }
    return ready;
}

/* Whatever was sent before, the board works. The first two characters spoil and end a command that
 * the stream left unfinished. */
static void check_health(uint64_t seed)
{
    static const char probe[] = "#%name%";
    static const char wanted[] = "m-name-dut-[bitwake]\r\nm-ready\r\n";
    board_run((const uint8_t *)probe, sizeof probe - 1u);
    const size_t length = sizeof wanted - 1u;
    if (board_written < length ||
        memcmp(board_output + board_written - length, wanted, length) != 0) {
        fail(seed, "the board does not answer any more", board_output);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        return 2;
    }
    const clock_t limit = (clock_t)atol(argv[1]) * CLOCKS_PER_SEC;
    const uint64_t first = strtoull(argv[2], NULL, 10);
    const uint64_t count = strtoull(argv[3], NULL, 10);
    board_spare_bytes = (uint32_t)strtoul(argv[4], NULL, 10);
    static stream s;
    uint64_t seed = first, answers = 0;
    for (; seed < first + count && clock() < limit; seed++) {
        stream_make(&s, seed);
        board_run(s.bytes, s.size);
        answers += check_output(seed);
        check_health(seed);
    }
    (void)printf("%llu streams, %llu answers\n", (unsigned long long)(seed - first),
                 (unsigned long long)answers);
    return 0;
}
