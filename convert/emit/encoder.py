"""C calls of the encoders beside the plain table."""

from __future__ import annotations

from collections.abc import Callable

from convert.emit.call import Call
from convert.emit.int8 import Kernel, call_of
from convert.ir import Graph, Op

KERNELS: dict[str, Kernel] = {
    "encode_tiles_u8": Kernel(
        "bw_encode_tiles", "bw_encode_tiles_u8", ("uint8_t",), ("uint32_t",), "other"
    ),
    "bit_planes_u8": Kernel(
        "bw_bit_planes", "bw_bit_planes_u8", ("uint8_t",), ("uint32_t",), "binary"
    ),
}

CALLS: dict[str, Callable[[Graph, Op], Call]] = dict.fromkeys(KERNELS, call_of(KERNELS))
