"""Packed maps get their real number of channels.

In the file a packed map is int32 and its last side counts words. What made it, or what reads it,
tells how many channels those words hold; from here on the tensor is of dtype "bits" and its last
side counts channels.
"""

from __future__ import annotations

from dataclasses import replace

from convert.ir import Graph, Op, Tensor


def type_bits(graph: Graph) -> Graph:
    """The graph with every packed map typed; operators are in order of execution."""
    tensors = dict(graph.tensors)
    for op in graph.ops:
        for name, channels in _channels(tensors, op):
            t = tensors[name]
            if t.dtype == "int32" and t.data is None:
                tensors[name] = replace(t, dtype="bits", shape=(*t.shape[:-1], channels))
    return graph.with_ops(graph.ops, tensors.values())


def _channels(tensors: dict[str, Tensor], op: Op) -> list[tuple[str, int]]:
    """Packed maps at an operator and their channels: what it reads first, then what it makes."""
    source, out = op.inputs[0] if op.inputs else None, op.outputs[0]
    if source is None:
        return []
    if op.kind == "LceQuantize":
        return [(out, tensors[source].channels)]
    if op.kind == "LceDequantize":
        return [(source, tensors[out].channels)]
    if op.kind == "LceBconv2d":
        weights = tensors[op.inputs[1] or ""]
        return [(source, int(op.attrs["channels_in"])), (out, weights.shape[0])]
    if op.kind == "LceBMaxPool2d":
        t = tensors[source]
        channels = t.channels if t.dtype == "bits" else 32 * t.channels  # an input of the model
        return [(source, channels), (out, channels)]
    return []
