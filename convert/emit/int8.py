"""C calls of the int8 kernels: an operation's attributes are its descriptor's fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.emit.call import Call
from convert.emit.writer import c_float, c_int
from convert.ir import Array, Graph, Op


@dataclass(frozen=True)
class Kernel:
    """How a kernel is called.

    Attributes:
        struct, function: C names.
        takes: C types of the maps read, in order of the operation's inputs.
        gives: C types of what it writes, in order of its outputs.
        kind: "int8" or "other", for the layer table.
        is_float: listed as float in the compile report.
    """

    struct: str
    function: str
    takes: tuple[str, ...] = ("int8_t",)
    gives: tuple[str, ...] = ("int8_t",)
    kind: str = "int8"
    is_float: bool = False


_TWO = ("int8_t", "int8_t")
_SCRATCH = ("int8_t", "int16_t")
KERNELS: dict[str, Kernel] = {
    "conv2d_i8": Kernel("bw_conv2d_i8", "bw_conv2d_i8_run", gives=_SCRATCH),
    "conv2d_i8_bits": Kernel("bw_conv2d_i8", "bw_conv2d_i8_bits", gives=("uint32_t",)),
    "conv2d_i8_signs": Kernel("bw_conv2d_i8", "bw_conv2d_i8_signs"),
    "depthwise_i8": Kernel("bw_conv2d_i8", "bw_depthwise_i8"),
    "transpose_conv_i8": Kernel("bw_conv2d_i8", "bw_transpose_conv_i8"),
    "average_pool_i8": Kernel("bw_pool_i8", "bw_average_pool_i8"),
    "max_pool_i8": Kernel("bw_pool_i8", "bw_max_pool_i8"),
    "add_i8": Kernel("bw_binary_i8", "bw_add_i8", _TWO),
    "sub_i8": Kernel("bw_binary_i8", "bw_sub_i8", _TWO),
    "mul_i8": Kernel("bw_binary_i8", "bw_mul_i8", _TWO),
    "minimum_i8": Kernel("bw_binary_i8", "bw_minimum_i8", _TWO),
    "maximum_i8": Kernel("bw_binary_i8", "bw_maximum_i8", _TWO),
    "prelu_i8": Kernel("bw_binary_i8", "bw_prelu_i8", _TWO),
    "table_i8": Kernel("bw_table_i8", "bw_table_i8_run"),
    "table_u8_i8": Kernel("bw_table_i8", "bw_table_u8_i8", ("uint8_t",)),
    "softmax_i8": Kernel("bw_softmax_i8", "bw_softmax_i8_run"),
    "mean_i8": Kernel("bw_reduce_i8", "bw_mean_i8"),
    "sum_i8": Kernel("bw_reduce_i8", "bw_sum_i8"),
    "reduce_max_i8": Kernel("bw_reduce_i8", "bw_reduce_max_i8"),
    "reduce_min_i8": Kernel("bw_reduce_i8", "bw_reduce_min_i8"),
    "bilinear_i8": Kernel("bw_bilinear_i8", "bw_bilinear_i8_run"),
    "quantize_f32_i8": Kernel("bw_affine", "bw_quantize_f32_i8", ("float",), is_float=True),
    "dequantize_i8_f32": Kernel(
        "bw_affine", "bw_dequantize_i8_f32", gives=("float",), is_float=True
    ),
}

# Attributes that are no fields of a descriptor.
_BESIDE = ("macs", "encodes", "operand_a", "operand_b")


def _literal(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return c_float(float(value))
    return c_int(int(value))


def descriptor(attrs: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, Array]]]:
    """Fields and arrays: numbers as literals, arrays by name, tuples in braces."""
    fields: list[tuple[str, str]] = []
    arrays: list[tuple[str, Array]] = []
    for name, value in attrs.items():
        if name in _BESIDE:
            continue
        if isinstance(value, np.ndarray):
            arrays.append((name, value))
            fields.append((name, f"@{name}"))
        elif isinstance(value, tuple):
            parts = []
            for k, entry in enumerate(value):
                if isinstance(entry, np.ndarray):
                    arrays.append((f"{name}{k}", entry))
                    parts.append(f"@{name}{k}")
                else:
                    parts.append("NULL" if entry is None else _literal(entry))
            if any(part != "NULL" for part in parts):
                fields.append((name, f"{{{', '.join(parts)}}}"))
        else:
            fields.append((name, _literal(value)))
    return fields, arrays


def call_of(kernels: dict[str, Kernel]) -> Callable[[Graph, Op], Call]:
    """The emitter of every operation that is one call of a kernel of this table."""

    def emit(graph: Graph, op: Op) -> Call:
        kernel = kernels[op.kind]
        fields, arrays = descriptor(dict(op.attrs))
        arguments, variables = [], 0
        for k, ctype in enumerate(kernel.takes):
            operand = f"operand_{'ab'[k]}" if len(kernel.takes) == 2 else ""
            if operand in op.attrs:
                arrays.append((operand, op.attrs[operand]))
                arguments.append((f"const {ctype}", f"@{operand}"))
            else:
                arguments.append((f"const {ctype}", f"in{variables}"))
                variables += 1
        for k, ctype in enumerate(kernel.gives):
            arguments.append((ctype, f"out{k}" if k < len(op.outputs) else "NULL"))
        return Call(
            kernel.struct, kernel.function, fields, arrays, "", "", kernel.kind,
            macs=int(op.attrs.get("macs", 0)), is_float=kernel.is_float,
            arguments=tuple(arguments),
        )  # fmt: skip

    return emit


def conv2d_add(graph: Graph, op: Op) -> Call:
    """A convolution and the sum behind it; that of signs has no scratch."""
    signs = op.kind.endswith("_signs")
    scratch = () if signs else (("int16_t", "out1"),)
    function = f"bw_conv2d_add_i8_{'signs' if signs else 'run'}"
    conv, arrays = descriptor({name: value for name, value in op.attrs.items() if name != "add"})
    add, _ = descriptor(dict(op.attrs["add"]))
    fields = [(f"conv.{name}", value) for name, value in conv]
    fields += [(f"add.{name}", value) for name, value in add]
    return Call(
        "bw_conv2d_add_i8", function, fields, arrays, "", "", "int8",
        macs=int(op.attrs["macs"]),
        arguments=(("const int8_t", "in0"), ("const int8_t", "in1"), ("int8_t", "out0"), *scratch),
    )  # fmt: skip


def move(graph: Graph, op: Op) -> Call:
    """Copies and fills of one operation, in order."""
    calls = []
    kind = "int8" if graph.tensor(op.outputs[0]).dtype == "int8" else "other"
    for copy in op.attrs["copies"]:
        fields, arrays = descriptor(copy.fields)
        if copy.source is None:
            struct, function = "bw_fill", "bw_fill_run"
            arguments: tuple[tuple[str, str], ...] = (("void", copy.target),)
        else:
            struct, function = "bw_move", "bw_move_run"
            if copy.source.startswith("@"):
                arrays = [*arrays, (copy.source[1:], op.attrs[copy.source[1:]])]
            arguments = (("const void", copy.source), ("void", copy.target))
        calls.append(Call(struct, function, fields, arrays, "", "", kind, arguments=arguments))
    first, *more = calls
    return Call(
        first.struct, first.function, first.fields, first.arrays, "", "", kind,
        arguments=first.arguments, more=tuple(more),
    )  # fmt: skip


CALLS: dict[str, Callable[[Graph, Op], Call]] = {
    **dict.fromkeys(KERNELS, call_of(KERNELS)),
    **dict.fromkeys(("conv2d_add_i8", "conv2d_add_i8_signs"), conv2d_add),
    "move": move,
}
