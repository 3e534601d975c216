"""A second opinion on the memory plan: the schedule replayed byte by byte.

It knows nothing of lifetimes. It keeps, for every byte of the arena, which tensor last wrote it,
runs the operations in order, and complains when an operation reads bytes that are no longer its
input's, when it writes onto what it still reads, unless its kernel may work in place, or when an
output or input was lost at the end.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from convert.inplace import overwritable
from convert.ir import Graph


class PlanError(Exception):
    """The plan would corrupt data: a bug of the planner."""


def check_plan(graph: Graph, offsets: Mapping[str, int], arena_bytes: int) -> None:
    """Replay the schedule.

    Raises:
        PlanError: naming the operation, the tensor and the byte.
    """
    ids = {name: k + 1 for k, name in enumerate(sorted(graph.tensors))}
    owner = np.zeros(arena_bytes, np.int64)

    def place(name: str) -> slice:
        start, size = offsets[name], graph.tensors[name].bytes
        if start < 0 or start % 4 or start + size > arena_bytes:
            raise PlanError(f"{name}: bytes {start}..{start + size} of an arena of {arena_bytes}")
        return slice(start, start + size)

    def expect(name: str, who: str) -> None:
        wrong = np.flatnonzero(owner[place(name)] != ids[name])
        if len(wrong):
            at = offsets[name] + int(wrong[0])
            raise PlanError(f"{who} reads {name}, but byte {at} was overwritten")

    kept = [port.tensor for port in graph.inputs if not port.fed]
    for name in kept:
        owner[place(name)] = ids[name]
    for op in graph.ops:
        reads = [n for n in op.inputs if n is not None and graph.tensors[n].data is None]
        for name in reads:
            expect(name, op.name)
        for name in op.outputs:
            if op.kind == "alias":
                source = op.inputs[0]
                if source is None or offsets[name] != offsets[source]:
                    raise PlanError(f"{op.name}: an alias must share its source's place")
                # both names own the bytes: the source may not be read again under its own name
                ids[name] = ids[source]
                continue
            span = place(name)
            for other in reads:
                o = place(other)
                if o == span and other in overwritable(graph, op):
                    continue
                if span.start < o.stop and o.start < span.stop:
                    raise PlanError(f"{op.name} writes {name} onto its own input {other}")
            owner[span] = ids[name]
    for name in (*kept, *(port.tensor for port in graph.outputs)):
        expect(name, "the end")
