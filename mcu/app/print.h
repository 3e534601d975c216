/* Lines of text to the serial port, without stdio: a few hundred bytes of code instead of 10 KB.
 *
 * The reply to a private command (p-...) ends with a checksum of that command and all its lines.
 */
#ifndef BITWAKE_APP_PRINT_H
#define BITWAKE_APP_PRINT_H

#include <stdint.h>

/* Text is sent when a line ends or the buffer is full. */
void bw_put(const char *text);
/* As bw_put, for text of a model: what is not printable ASCII becomes '?'. */
void bw_put_foreign(const char *text);
void bw_put_number(uint64_t number);
void bw_put_hex_byte(uint8_t byte);
/* Eight digits. */
void bw_put_hex32(uint32_t number);
/* Ends the line with CR LF and sends it. */
void bw_put_end(void);

/* text + CR LF */
void bw_line(const char *text);
/* prefix + number + CR LF */
void bw_line_number(const char *prefix, uint64_t number);
/* prefix + '[' + text + ']' + CR LF; text may come from the model. */
void bw_line_field(const char *prefix, const char *text);

/* Before the reply to a command, given without its %. */
void bw_reply_begin(const char *command, uint32_t length);
/* p-crc-XXXXXXXX where the command was a private one, then m-ready. */
void bw_reply_end(void);

#endif
