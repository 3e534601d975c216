"""int8 built-in operators: every pass, and the kernels that they lower to."""

from __future__ import annotations

from convert.lower import int8_conv, int8_elementwise, int8_move
from convert.lower.rewrite import Pass

PASSES: tuple[Pass, ...] = (
    int8_elementwise.picture_table,
    int8_conv.conv2d,
    int8_conv.fully_connected,
    int8_conv.transpose_conv,
    int8_elementwise.table,
    int8_elementwise.pair,
    int8_elementwise.scalar_pair,
    int8_elementwise.pool,
    int8_elementwise.reduce,
    int8_elementwise.softmax,
    int8_elementwise.bilinear,
    int8_elementwise.affine,
    int8_elementwise.fold_tables,
    int8_move.move,
)

# The kinds that these passes leave behind; convert.emit.int8 knows how each is called.
KERNELS = frozenset(
    {
        "conv2d_i8", "depthwise_i8", "transpose_conv_i8", "average_pool_i8", "max_pool_i8",
        *int8_elementwise.PAIRS.values(), "table_i8", "table_u8_i8", "softmax_i8", "mean_i8",
        "sum_i8", "reduce_max_i8", "reduce_min_i8", "bilinear_i8", "quantize_f32_i8",
        "dequantize_i8_f32", "move",
    }
)  # fmt: skip
