"""C calls of the float32 kernels."""

from __future__ import annotations

from collections.abc import Callable

from convert.emit.call import Call
from convert.emit.int8 import Kernel, call_of
from convert.ir import Graph, Op


def _kernel(struct: str, function: str, inputs: int = 1) -> Kernel:
    return Kernel(struct, function, ("float",) * inputs, ("float",), "other", is_float=True)


KERNELS: dict[str, Kernel] = {
    **{
        f"{name}_f32": _kernel("bw_binary_f32", f"bw_{name}_f32", 2)
        for name in ("add", "sub", "mul", "minimum", "maximum", "prelu")
    },
    **{
        f"{name}_f32": _kernel("bw_unary_f32", f"bw_{name}_f32")
        for name in ("relu", "clamp", "leaky", "logistic")
    },
    **{
        f"{name}_f32": _kernel("bw_reduce_f32", f"bw_{name}_f32")
        for name in ("mean", "sum", "reduce_max", "reduce_min")
    },
    **{
        f"{name}_pool_f32": _kernel("bw_pool_f32", f"bw_{name}_pool_f32")
        for name in ("average", "max")
    },
    "softmax_f32": _kernel("bw_softmax_f32", "bw_softmax_f32_run"),
    "dense_f32": _kernel("bw_dense_f32", "bw_dense_f32_run"),
}

CALLS: dict[str, Callable[[Graph, Op], Call]] = dict.fromkeys(KERNELS, call_of(KERNELS))
