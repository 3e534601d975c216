#include "identity.h"

#include "bw_build.h" /* written by the build: BW_BOARD, BW_CORE, BW_BUILD, BW_COMMIT, BW_FLAGS */
#include "bw_hal.h"
#include "print.h"
#include "protocol.h"

#define COMMIT_BYTES 24u

void bw_print_identity(void)
{
    /* As long for `-dirty` as without: the size of an image must not tell the two apart. */
    static const char commit[sizeof BW_COMMIT > COMMIT_BYTES ? sizeof BW_COMMIT : COMMIT_BYTES] =
        BW_COMMIT;
    bw_line_field("p-protocol-", BW_PROTOCOL);
    bw_line_field("p-board-", BW_BOARD);
    bw_line_field("p-core-", BW_CORE);
    bw_line_field("p-emulated-", bw_hal_emulated() ? "1" : "0");
    bw_line_field("p-unit-", bw_hal_unit());
#ifdef __clang__
    bw_line_field("p-compiler-", __VERSION__);
#else
    bw_line_field("p-compiler-", "gcc " __VERSION__);
#endif
    bw_line_field("p-flags-", BW_FLAGS);
    bw_line_field("p-commit-", commit);
    bw_line_field("p-build-", BW_BUILD);
}
