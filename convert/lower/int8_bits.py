"""int8 convolutions of which only signs are read: sums are compared, nothing is scaled."""

from __future__ import annotations

import numpy as np

from convert.ir import Array, Graph, Op
from convert.lower.int8_conv import nine_lanes
from convert.lower.rewrite import Context, Rewrite
from convert.quantize import rescale

MOST = 2**30  # of an accumulator of a `narrow` layer
_GEOMETRY = (
    "in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "k_h", "k_w", "stride_h", "stride_w",
    "dilation_h", "dilation_w", "pad_top", "pad_left", "in_zero", "macs",
)  # fmt: skip


def bound(conv: Op, channel: int, zero: int) -> int:
    """The least accumulator, -2^30 .. 2^30, whose output is not below `zero`; 2^30 where there is
    none. Outputs never fall where accumulators rise, so it is found by halving."""
    a = conv.attrs
    _, multiplier, shift = (int(v) for v in a["channels"][channel // 4, :, channel % 4])
    low, high = -MOST, MOST
    while low < high:
        middle = (low + high) // 2
        q = int(rescale(np.array(middle), multiplier, shift)) + a["out_zero"]
        if min(max(q, a["act_min"]), a["act_max"]) >= zero:
            high = middle
        else:
            low = middle + 1
    return low


def signs_of_convolutions(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A sign alone behind a convolution of one channel by 3x3 filters, packed for two lanes."""
    if op.kind != "quantize_i8":
        return None
    conv = graph.producer(op.inputs[0] or "")
    if conv is None or conv.kind != "conv2d_i8" or "packed" not in conv.attrs:
        return None
    a = conv.attrs
    alone = graph.sole_consumer(conv.outputs[0]) is op and not graph.is_output(conv.outputs[0])
    if not alone or (a["k_h"], a["k_w"], a["in_c"]) != (3, 3, 1):
        return None
    n = a["out_c"]
    bias: Array = a["channels"][:, 0].reshape(-1)[:n].astype(np.int64)
    bounds = np.array([bound(conv, o, op.attrs["zero_point"]) for o in range(n)])
    packed = np.hstack([(bias - bounds)[:, None], nine_lanes(a["weights"])]).astype(np.int32)
    attrs = {name: a[name] for name in _GEOMETRY} | {"packed": packed}
    made = Op("conv2d_i8_bits", conv.name, conv.inputs, op.outputs, attrs)
    return Rewrite((made,), (), (conv,))
