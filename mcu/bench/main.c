/* The benchmark firmware: `p-kernels%` runs every case once. It answers `name%`, `profile%` and
 * `p-info%` as the app does, so that the same tools find it. */
#include "bw_bench.h"
#include "bw_hal.h"
#include "identity.h"
#include "print.h"
#include "protocol.h"

static void list_and_run(void)
{
    for (uint32_t i = 0; i < bw_bench_count; i++) {
        bw_put("p-case-");
        bw_put_number(i);
        bw_line_field("-", bw_bench_cases[i].name);
        bw_bench_run(i);
    }
}

static void answer(const bw_command *command)
{
    switch (command->verb) {
    case BW_CMD_NAME:
        bw_line("m-name-dut-[bitwake]");
        break;
    case BW_CMD_PROFILE:
        bw_line("m-profile-[bitwake]");
        bw_line("m-model-[kernels]");
        break;
    case BW_CMD_INFO:
        bw_print_identity();
        break;
    case BW_CMD_KERNELS:
        list_and_run();
        break;
    case BW_CMD_FAULT:
        bw_hal_provoke((bw_hal_fault_kind)command->number[0]);
        break;
    case BW_CMD_EXIT:
        bw_reply_end();
        bw_hal_exit((uint8_t)command->number[0]);
    default:
        bw_line("e-[the benchmark firmware runs kernels only: p-kernels]");
        break;
    }
}

int main(int argc, char **argv)
{
    static bw_assembler line;
    static bw_command command;
    bw_hal_init(argc, argv);
    bw_hal_stack_paint();
    if (bw_hal_last_fault() != (const char *)0) {
        bw_line(bw_hal_last_fault());
    }
    bw_line("m-init-done");
    bw_line("m-ready");
    for (;;) {
        const int byte = bw_hal_getc(BW_HAL_FOREVER);
        if (byte == BW_HAL_EOF) {
            bw_hal_exit(0);
        }
        if (byte < 0) {
            continue;
        }
        const bw_assembled state = bw_assemble(&line, (uint8_t)byte);
        if (state == BW_MORE) {
            continue;
        }
        const char *refusal = "a command has at most 80 characters";
        bw_reply_begin(line.text, state == BW_COMPLETE ? line.length : 0);
        if (state == BW_COMPLETE) {
            refusal = bw_parse(line.text, line.length, &command);
        }
        if (refusal != (const char *)0) {
            bw_line_field("e-", refusal);
        } else {
            answer(&command);
        }
        bw_reply_end();
        bw_assembler_reset(&line);
    }
}
