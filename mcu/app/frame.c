#include "frame.h"

#include <string.h>

#include "bitwake/bw_model.h"
#include "bw_hal.h"
#include "crc32.h"
#include "print.h"
#include "rows.h"

#define FRAME_TIMEOUT_MS 2000u

/* Bytes of a `db` transfer: announced and taken. Nothing is armed when both are equal. */
static uint32_t db_expected, db_taken;

uint32_t bw_frame_bytes(void)
{
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < bw_linked_model.n_inputs; i++) {
        bytes += bw_linked_model.inputs[i].bytes;
    }
    return bytes;
}

/* Copies bytes to place `offset` of the frame; what lies beyond its end is dropped. */
static void store(uint32_t offset, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < bw_linked_model.n_inputs && count > 0; i++) {
        const bw_tensor *input = &bw_linked_model.inputs[i];
        if (offset >= input->bytes) {
            offset -= input->bytes;
            continue;
        }
        const uint32_t room = input->bytes - offset;
        const uint32_t part = count < room ? count : room;
        memcpy((input->data != NULL ? input->data : bw_rows_store()) + offset, bytes, part);
        bytes += part;
        count -= part;
        offset = 0;
    }
}

/* e-[<prefix>N must be <frame size>] */
static void refuse_size(const char *prefix)
{
    bw_put("e-[");
    bw_put(prefix);
    bw_put("the model takes ");
    bw_put_number(bw_frame_bytes());
    bw_line(" bytes]");
}

/* True, with the reason printed, where no picture can be kept: it then comes with p-run. */
static bool refuse_to_keep(const char *prefix)
{
    if (!bw_rows_fed() || bw_rows_store() != NULL) {
        return false;
    }
    bw_put("e-[");
    bw_put(prefix);
    bw_line("no RAM to keep a picture; p-run and p-infer take it by rows]");
    return true;
}

void bw_db_load(const bw_command *command)
{
    if (refuse_to_keep("db load: ")) {
        return;
    }
    if (command->number[0] != bw_frame_bytes()) {
        db_expected = db_taken = 0;
        refuse_size("db load: ");
        return;
    }
    db_expected = command->number[0];
    db_taken = 0;
    bw_put("m-[Expecting ");
    bw_put_number(db_expected);
    bw_line(" bytes]");
}

void bw_db_bytes(const bw_command *command)
{
    if (db_taken == db_expected) {
        bw_line("e-[db: nothing is armed; db load comes first]");
        return;
    }
    if (command->n_bytes > db_expected - db_taken) {
        bw_line("e-[db: more bytes than were announced]");
        return;
    }
    store(db_taken, command->bytes, command->n_bytes);
    db_taken += command->n_bytes;
    if (db_taken == db_expected) {
        bw_line("m-load-done");
    }
}

/* Receives into `staged`, or straight into the inputs when it is NULL. Returns the number of bytes
 * that came before the line fell silent; on success that is `bytes` + 4. */
static uint32_t receive(uint32_t bytes, uint8_t *staged, uint32_t *computed, uint32_t *announced)
{
    *computed = *announced = 0;
    for (uint32_t i = 0; i < bytes + 4u; i++) {
        const int c = bw_hal_getc(FRAME_TIMEOUT_MS);
        if (c < 0) {
            return i;
        }
        const uint8_t byte = (uint8_t)c;
        if (i >= bytes) {
            *announced |= (uint32_t)byte << (8u * (i - bytes));
            continue;
        }
        *computed = bw_crc32(*computed, byte);
        if (staged != NULL) {
            staged[i] = byte;
        } else {
            store(i, &byte, 1);
        }
    }
    return bytes + 4u;
}

void bw_frame_receive(const bw_command *command)
{
    const uint32_t bytes = bw_frame_bytes();
    if (command->number[0] != bytes) {
        refuse_size("frame: ");
        return;
    }
    if (refuse_to_keep("frame: ")) {
        return;
    }
    uint32_t spare;
    uint8_t *staged = bw_rows_spare(&spare);
    if (spare < bytes) {
        staged = NULL;
    }
    /* Where RAM is too short for a second picture, a failed transfer costs the first. */
    const char *lost = staged == NULL ? ", picture lost]" : "]";
    bw_line_number("p-go-", bytes);

    uint32_t computed, announced;
    const uint32_t came = receive(bytes, staged, &computed, &announced);
    if (came < bytes + 4u) {
        bw_put("e-[frame: timeout after ");
        bw_put_number(came);
        bw_put(" bytes");
        bw_line(lost);
    } else if (computed != announced) {
        bw_put("e-[frame: crc ");
        bw_put_hex32(computed);
        bw_put(" of what came, announced ");
        bw_put_hex32(announced);
        bw_line(lost);
    } else {
        if (staged != NULL) {
            store(0, staged, bytes);
        }
        bw_line("p-frame-ok");
    }
}
