"""Runs the passes: each over the whole graph until it finds nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from convert.ir import Graph, Op, verify
from convert.lower.bits import disagreements, type_bits
from convert.lower.encoder import read_as_floats
from convert.lower.passes import KERNELS, PASSES
from convert.lower.rewrite import Context, Pass, Rewrite
from convert.supported import Refusal, unsupported


def _apply(graph: Graph, op: Op, rewrite: Rewrite) -> Graph:
    gone = {id(o) for o in rewrite.removed}
    ops: list[Op] = []
    for other in graph.ops:
        if other is op:
            ops += rewrite.ops
        elif id(other) not in gone:
            ops.append(other)
    inputs = graph.inputs
    for new in rewrite.ops:
        old = new.attrs.get("encodes")
        if old:
            inputs = tuple(
                replace(p, tensor=new.inputs[0] or "") if p.tensor == old else p for p in inputs
            )
    return replace(graph, inputs=inputs).with_ops(ops, rewrite.tensors)


def run_pass(graph: Graph, one: Pass, context: Context) -> tuple[Graph, list[Refusal]]:
    """Apply a pass until it finds nothing more."""
    refused: dict[str, Refusal] = {}
    changed = True
    while changed:
        changed = False
        for op in graph.ops:
            result = one(graph, op, context)
            if isinstance(result, Refusal):
                refused[op.name] = result
            elif result is not None:
                graph = _apply(graph, op, result)
                changed = True
                break
    return graph, list(refused.values())


def drop_dead(graph: Graph) -> Graph:
    """Without the operations whose results nobody reads: all are free of side effects."""
    needed = {port.tensor for port in graph.outputs}
    kept: list[Op] = []
    for op in reversed(graph.ops):
        if any(name in needed for name in op.outputs):
            kept.append(op)
            needed |= {name for name in op.inputs if name is not None}
    return graph if len(kept) == len(graph.ops) else graph.with_ops(reversed(kept))


def lower(
    graph: Graph, context: Context, watch: Callable[[str, Graph], None] | None = None
) -> tuple[Graph, list[Refusal]]:
    """Run all passes.

    Args:
        watch: called with a pass's name and the graph after it.

    Returns:
        The lowered graph and every refusal; without refusals the graph holds kernel calls only.

    Raises:
        ValueError: a pass made an unsound graph (a bug).
    """
    graph = type_bits(graph)
    if watch is not None:
        watch("type_bits", graph)
    refusals = disagreements(graph)
    if refusals:
        return graph, refusals
    for one in PASSES:
        graph, refused = run_pass(graph, one, context)
        graph = drop_dead(graph)
        refusals += refused
        if watch is not None:
            watch(one.__name__, graph)
    refusals += read_as_floats(graph)
    named = {name for r in refusals for name in (r.layer, *r.covers)}
    for op in graph.ops:
        if op.kind not in KERNELS and op.name not in named:
            refusals.append(unsupported(graph, op))
    if not refusals:
        verify(graph)
    return graph, refusals
