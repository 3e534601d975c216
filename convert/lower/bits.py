"""Packed maps get their real number of channels.

In the file a packed map is int32 and its last side counts words. What made it, or what reads it,
tells how many channels those words hold; from here on the tensor is of dtype "bits" and its last
side counts channels. Pooling knows nothing of channels: it passes on what is known on either side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from convert.ir import Graph, Op, Tensor
from convert.rules import Refusal


def type_bits(graph: Graph) -> Graph:
    """The graph with every packed map typed."""
    known: dict[str, int] = {}
    for op in graph.ops:
        for name, channels in _told(graph.tensors, op):
            known.setdefault(name, channels)
    pools = [op for op in graph.ops if op.kind == "LceBMaxPool2d"]
    for op in (*pools, *reversed(pools), *pools):
        source, out = op.inputs[0] or "", op.outputs[0]
        if source in known:
            known.setdefault(out, known[source])
        elif out in known:
            known[source] = known[out]
    for op in pools:  # nobody tells: whole words
        for name in (op.inputs[0] or "", op.outputs[0]):
            known.setdefault(name, 32 * graph.tensors[name].channels)
    tensors = dict(graph.tensors)
    for name, channels in known.items():
        t = tensors[name]
        if t.dtype == "int32" and t.data is None:
            tensors[name] = replace(t, dtype="bits", shape=(*t.shape[:-1], channels))
    return graph.with_ops(graph.ops, tensors.values())


def disagreements(graph: Graph) -> list[Refusal]:
    """Operators that take a typed map for one of other channels."""
    out = []
    for op in graph.ops:
        wanted = _told(graph.tensors, op)
        if op.kind == "LceBMaxPool2d":
            wanted = [(op.outputs[0], graph.tensor(op.inputs[0]).channels)]
        for name, channels in wanted:
            if graph.tensors[name].dtype == "bits" and graph.tensors[name].channels != channels:
                rule = f"{op.kind}: all who make or read a packed map agree on its channels"
                found = f"{channels} channels, {graph.tensors[name].text()}"
                out.append(Refusal(op.name, rule, found, "convert again with LCE 0.16"))
    return out


def _told(tensors: Mapping[str, Tensor], op: Op) -> list[tuple[str, int]]:
    """Packed maps at an operator and their channels, where the operator tells them."""
    source, out = op.inputs[0] if op.inputs else None, op.outputs[0]
    if source is None:
        return []
    if op.kind == "LceQuantize":
        return [(out, tensors[source].channels)]
    if op.kind == "LceDequantize":
        return [(source, tensors[out].channels)]
    if op.kind == "LceBconv2d" and len(op.inputs) > 1 and op.inputs[1]:
        weights = tensors[op.inputs[1]]
        return [(source, int(op.attrs["channels_in"])), (out, weights.shape[0])]
    return []
