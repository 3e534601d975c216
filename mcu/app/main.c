/* The firmware: waits for commands on the serial line and answers them. */
#include "bitwake/bw_model.h"
#include "bw_hal.h"
#include "frame.h"
#include "info.h"
#include "print.h"
#include "protocol.h"
#include "run.h"

#define IDLE_MS 1000u /* the 32-bit tick counter is read at least that often while waiting */

static void answer(const bw_command *command)
{
    switch (command->verb) {
    case BW_CMD_NAME:
        bw_line("m-name-dut-[bitwake]");
        break;
    case BW_CMD_PROFILE:
        bw_line("m-profile-[bitwake]");
        bw_line_field("m-model-", bw_linked_model.name);
        break;
    case BW_CMD_TIMESTAMP:
        bw_timestamp();
        break;
    case BW_CMD_DB_LOAD:
        bw_db_load(command);
        break;
    case BW_CMD_DB_BYTES:
        bw_db_bytes(command);
        break;
    case BW_CMD_INFER:
        bw_infer(command);
        break;
    case BW_CMD_RESULTS:
        bw_results();
        break;
    case BW_CMD_INFO:
        bw_print_info();
        break;
    case BW_CMD_FRAME:
        bw_frame_receive(command);
        break;
    case BW_CMD_RUN:
        bw_run_profiled();
        break;
    case BW_CMD_INFER_ONCE:
        bw_run_once();
        break;
    case BW_CMD_MEMORY:
        bw_print_memory();
        break;
    case BW_CMD_LAYERS:
        bw_print_layers();
        break;
    case BW_CMD_KERNELS:
        bw_line("e-[p-kernels: this firmware runs a model; kit kernels builds the other one]");
        break;
    case BW_CMD_FAULT:
        bw_hal_provoke((bw_hal_fault_kind)command->number[0]);
        bw_line("e-[p-fault: the board withstood it]");
        break;
    case BW_CMD_EXIT:
        bw_reply_end();
        bw_hal_exit((uint8_t)command->number[0]);
    }
}

static void refuse(const char *reason)
{
    bw_line_field("e-", reason);
}

static void handle(bw_assembled state, const bw_assembler *line)
{
    static bw_command command;
    bw_reply_begin(line->text, state == BW_COMPLETE ? line->length : 0);
    if (state == BW_OVERLONG) {
        refuse("a command has at most 80 characters");
    } else {
        const char *refusal = bw_parse(line->text, line->length, &command);
        if (refusal != NULL) {
            refuse(refusal);
        } else {
            answer(&command);
        }
    }
    bw_reply_end();
}

int main(int argc, char **argv)
{
    static bw_assembler line;
    bw_hal_init(argc, argv);
    bw_hal_stack_paint();
    if (bw_hal_last_fault() != NULL) {
        bw_line(bw_hal_last_fault());
    }
    bw_line("m-init-done");
    bw_line("m-ready");
    for (;;) {
        const int byte = bw_hal_getc(IDLE_MS);
        if (byte == BW_HAL_EOF) {
            bw_hal_exit(0);
        }
        if (byte == BW_HAL_TIMEOUT) {
            (void)bw_clock();
            continue;
        }
        const bw_assembled state = bw_assemble(&line, (uint8_t)byte);
        if (state != BW_MORE) {
            handle(state, &line);
            bw_assembler_reset(&line);
        }
    }
}
