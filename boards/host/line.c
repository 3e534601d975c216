/* The serial line of the process: a TCP port of the loopback, a pseudo terminal, or standard input
 * and output. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "bw_hal.h"
#include "host.h"

#define EXIT_USAGE 2
#define CHUNK      4096u
#define DRAIN_MS   1000

static int listener = -1; /* of --port; another peer may come when one has gone */
static int reader = -1, writer = -1;
static int far_end = -1; /* of --pty */

static uint8_t chunk[CHUNK];
static size_t chunk_used, chunk_size;

static _Noreturn void refuse(const char *what, const char *found)
{
    (void)fprintf(stderr, "bitwake: %s: %s\n", what, found);
    exit(EXIT_USAGE);
}

static void accept_peer(void)
{
    do {
        reader = writer = accept(listener, NULL, NULL);
    } while (reader < 0 && errno == EINTR);
    if (reader < 0) {
        refuse("no peer can be accepted", strerror(errno));
    }
    const int yes = 1; /* a reply of several short lines must not wait for acknowledgements */
    (void)setsockopt(reader, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void open_port(const char *text)
{
    char *end;
    errno = 0;
    const unsigned long port = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || port > 65535u) {
        refuse("--port takes a number 0..65535", text);
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const int yes = 1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        refuse("the port cannot be opened", strerror(errno));
    }
    (void)fprintf(stderr, "bitwake: socket://127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    accept_peer();
}

static void open_pty(void)
{
    reader = writer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (reader < 0 || grantpt(reader) != 0 || unlockpt(reader) != 0) {
        refuse("no pseudo terminal can be opened", strerror(errno));
    }
    /* Our own handle on the far end stays open, so that reading does not fail between two peers. */
    const char *name = ptsname(reader);
    far_end = name == NULL ? -1 : open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios settings;
    if (far_end < 0 || tcgetattr(far_end, &settings) != 0) {
        refuse("the pseudo terminal cannot be set up", strerror(errno));
    }
    cfmakeraw(&settings); /* bytes, not lines; no echo */
    (void)tcsetattr(far_end, TCSANOW, &settings);
    (void)fprintf(stderr, "bitwake: %s\n", name);
}

void line_open(int argc, char **argv)
{
    if (argc == 1) {
        reader = STDIN_FILENO;
        writer = STDOUT_FILENO;
    } else if (argc == 3 && strcmp(argv[1], "--port") == 0) {
        open_port(argv[2]);
    } else if (argc == 2 && strcmp(argv[1], "--pty") == 0) {
        open_pty();
    } else {
        refuse("the serial line is --port N, --pty, or standard input and output", argv[1]);
    }
}

static bool wait_for_bytes(uint32_t timeout_ms)
{
    struct pollfd entry = {.fd = reader, .events = POLLIN};
    const int limit = timeout_ms == BW_HAL_FOREVER || timeout_ms > 1u << 30 ? -1 : (int)timeout_ms;
    int ready;
    do {
        ready = poll(&entry, 1, limit);
    } while (ready < 0 && errno == EINTR);
    return ready != 0; /* an error shows when reading */
}

int bw_hal_getc(uint32_t timeout_ms)
{
    while (chunk_used == chunk_size) {
        if (!wait_for_bytes(timeout_ms)) {
            return BW_HAL_TIMEOUT;
        }
        const ssize_t got = read(reader, chunk, sizeof chunk);
        if (got > 0) {
            chunk_size = (size_t)got;
            chunk_used = 0;
        } else if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        } else if (listener >= 0) {
            (void)close(reader);
            accept_peer();
        } else {
            return BW_HAL_EOF;
        }
    }
    chunk_used++;
    return chunk[chunk_used - 1u];
}

void line_send(const void *data, uint32_t bytes)
{
    const uint8_t *from = data;
    while (bytes > 0) {
        const ssize_t sent = write(writer, from, bytes);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return; /* the peer has gone; reading notices */
        }
        from += sent;
        bytes -= (uint32_t)sent;
    }
}

void line_drain(void)
{
    if (far_end >= 0) {
        /* Without our handle the terminal hangs up as soon as its peer, if any, has closed it. */
        struct pollfd entry = {.fd = reader, .events = 0};
        (void)close(far_end);
        (void)poll(&entry, 1, DRAIN_MS);
    }
}

void bw_hal_write(const void *data, uint32_t bytes)
{
    line_send(data, bytes);
}
