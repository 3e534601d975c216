"""C of a row-streaming operation: its layers' arrays once, a descriptor for each form of a call.

A map that the chain begins at is no layer: layers are counted from the link behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from convert.emit.call import Call
from convert.emit.writer import Writer
from convert.ir import Graph, Op
from convert.lower.chain import MAP, Link
from convert.lower.stream import SOURCE, StreamCall
from convert.plan import Plan

FUNCTIONS = {
    "encode": ("bw_planar_encode", "bw_planar_encode_u8"),
    "level": ("bw_level_conv", "bw_planar_level_conv_u8"),
    "split": ("bw_planar_split", "bw_planar_split_bits"),
    "conv": ("bw_planar_conv", "bw_planar_conv_bits"),
    "pair": ("bw_planar_pair", "bw_planar_pair_bits"),
    "maxpool": ("bw_planar_maxpool", "bw_planar_maxpool_bits"),
    "slide": ("bw_slide", "bw_slide_planes"),
}
Calls = dict[str, Callable[[Graph, Op], Call]]


@dataclass(frozen=True)
class Streamed:
    """What a stream becomes: a row a layer, the calls in order, bytes of constant tables."""

    layers: tuple[tuple[Link, Call, int], ...]
    calls: tuple[str, ...]


class _Emitter:
    """Writes descriptors as they are first needed."""

    def __init__(self, w: Writer, op: Op, plan: Plan, first: int, calls: Calls) -> None:
        self.w, self.op, self.plan, self.first = w, op, plan, first
        graph: Graph = op.attrs["inner"].graph
        links: tuple[Link, ...] = op.attrs["links"]
        self.begin = int(links[0].op.kind == MAP)
        self.links = links[self.begin :]
        self.bases = [calls[link.op.kind](graph, link.op) for link in self.links]
        self.splits = [
            calls["split_planes"](graph, link.split) if link.split else None for link in self.links
        ]
        self.labels: dict[tuple[Any, ...], str] = {}

    def arrays(self, layer: int) -> int:
        label = f"l{self.first + layer}"
        return sum(self.w.array(f"{label}_{name}", data) for name, data in self.bases[layer].arrays)

    def descriptor(self, call: StreamCall) -> str:
        """The label of the call's descriptor, written if it is new."""
        layer = call.layer - self.begin
        label = f"l{self.first + layer}"
        base: Call | None = self.bases[layer]
        if call.kind == "split":
            base = self.splits[layer]
        own = {} if call.kind == "slide" or base is None else dict(base.fields)
        fields = {**own, **{name: str(value) for name, value in call.fields.items()}}
        key = (call.kind, label, *fields.items())
        if key not in self.labels:
            number = sum(k[1] == label for k in self.labels)
            self.labels[key] = f"{label}_{call.kind}{number}"
            head = f"static const {FUNCTIONS[call.kind][0]} {self.labels[key]} = {{"
            with self.w.block(head, "};"):
                for name, value in fields.items():
                    self.w.line(f".{name} = {value.replace('@', label + '_')},")
        return self.labels[key]

    def place(self, place: tuple[int, int]) -> str:
        number, offset = place
        name = self.op.inputs[0] if number == SOURCE else self.op.outputs[number]
        return f"arena + {self.plan.offsets[name or ''] + offset}"

    def picture(self, rows: tuple[int, int], row_bytes: int) -> str:
        first, count = rows
        if self.op.attrs["fed"]:
            return f"rows->get(rows->context, {first}, {count})"
        at = self.plan.offsets[self.op.inputs[0] or ""] + first * row_bytes
        return f"arena + {at}"

    def line(self, call: StreamCall, row_bytes: int) -> list[str]:
        """One call as C."""
        words, out = "(const uint32_t *)(const void *)", "(uint32_t *)(void *)"
        label = self.descriptor(call)
        function = FUNCTIONS[call.kind][1]
        target = f"{out}({self.place(call.write)})"
        if call.kind == "slide":
            return [f"{function}(&{label}, {target});"]
        if call.read is None:
            source = self.picture(call.rows, row_bytes)
        else:
            source = f"{words}({self.place(call.read)})"
        pointers = [source, source, target] if call.kind == "pair" else [source, target]
        if call.kind in ("conv", "pair", "maxpool"):
            pointers.append(f"arena + {self.plan.offsets[self.op.outputs[-2]]}")
        return [
            f"{function}(&{label}, {pointers[0]},",
            *(f"    {pointer}," for pointer in pointers[1:-1]),
            f"    {pointers[-1]});",
        ]


def emit_stream(w: Writer, graph: Graph, op: Op, plan: Plan, first: int, calls: Calls) -> Streamed:
    """Writes a stream's constants.

    Args:
        first: index of its first layer.
        calls: C calls of the operations inside.
    """
    e = _Emitter(w, op, plan, first, calls)
    row_bytes = 0
    if not e.begin:
        image = op.attrs["inner"].graph.tensor(e.links[0].op.inputs[0])
        row_bytes = image.shape[2] * image.channels
    sizes = [e.arrays(layer) for layer in range(len(e.links))]
    text: list[str] = []
    for call in op.attrs["calls"]:
        text += e.line(call, row_bytes)
        text.append(f"BW_MARK({first + call.layer - e.begin});")
    return Streamed(tuple(zip(e.links, e.bases, sizes, strict=True)), tuple(text))
