"""Which layout every map of bits lies in: packed (32 channels a word) or planar (32 pixels a word).

An operation runs in one of the layouts that it has a kernel for; where a map is wanted in another
than it was made in, it is converted once. The assignment minimises the sum of the operations' and
the conversions' costs, in instructions on the core that is compiled for.

The graph is small, so the search is plain: start from each operation's own cheapest layout and from
the uniform assignments, change runs of neighbouring operations while that pays, keep the best. A
run matters because changing one operation alone would pay two conversions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from convert.ir import Graph, Op, Tensor

PACKED, PLANAR = "packed", "planar"
LAYOUTS = (PACKED, PLANAR)

Assignment = dict[str, str]  # operation's name -> layout


@dataclass(frozen=True)
class Costs:
    """Cost model.

    Attributes:
        run: instructions of an operation in a layout, None where there is no kernel for it.
        convert: instructions to make a map that lies in the other layout anew in the given one.
        fixed: layouts that the user has chosen, by operation's name.
    """

    run: Callable[[Graph, Op, str], int | None]
    convert: Callable[[Tensor, str], int]
    fixed: Mapping[str, str]

    def options(self, graph: Graph, op: Op) -> tuple[str, ...]:
        """The layouts that an operation may run in, at least one."""
        wanted = self.fixed.get(op.name)
        having = tuple(la for la in LAYOUTS if self.run(graph, op, la) is not None)
        if wanted is not None and wanted in having:
            return (wanted,)
        return having or (PACKED,)


def _is_bits(graph: Graph, name: str | None) -> bool:
    return name is not None and graph.tensors[name].dtype == "bits"


def total(graph: Graph, assignment: Mapping[str, str], costs: Costs) -> int:
    """Cost of an assignment: kernels, and a conversion for each map and layout it is missing in."""
    cost = 0
    made: dict[str, str] = {}
    converted: set[tuple[str, str]] = set()
    for op in graph.ops:
        layout = assignment[op.name]
        cost += costs.run(graph, op, layout) or 0
        for name in op.inputs:
            if not _is_bits(graph, name) or name is None:
                continue
            if made.get(name, PACKED) != layout and (name, layout) not in converted:
                converted.add((name, layout))
                cost += costs.convert(graph.tensors[name], layout)
        for name in op.outputs:
            made[name] = layout
    for port in graph.outputs:
        if made.get(port.tensor) == PLANAR and _is_bits(graph, port.tensor):
            cost += costs.convert(graph.tensors[port.tensor], PACKED)
    return cost


def _improve(graph: Graph, start: Assignment, costs: Costs) -> tuple[int, Assignment]:
    """Changes runs of neighbours until nothing pays."""
    options = {op.name: costs.options(graph, op) for op in graph.ops}
    names = [op.name for op in graph.ops if len(options[op.name]) > 1]
    best, best_cost = dict(start), total(graph, start, costs)
    changed = True
    while changed:
        changed = False
        for first in range(len(names)):
            for last in range(first, len(names)):
                for layout in LAYOUTS:
                    trial = dict(best)
                    for name in names[first : last + 1]:
                        if layout in options[name]:
                            trial[name] = layout
                    if trial == best:
                        continue
                    cost = total(graph, trial, costs)
                    if cost < best_cost:
                        best, best_cost, changed = trial, cost, True
    return best_cost, best


def _remembered(costs: Costs) -> Costs:
    """The same costs, each asked for once: the search asks thousands of times."""
    runs: dict[tuple[str, str], int | None] = {}
    moves: dict[tuple[str, str], int] = {}

    def run(graph: Graph, op: Op, layout: str) -> int | None:
        key = (op.name, layout)
        if key not in runs:
            runs[key] = costs.run(graph, op, layout)
        return runs[key]

    def convert(t: Tensor, layout: str) -> int:
        key = (t.name, layout)
        if key not in moves:
            moves[key] = costs.convert(t, layout)
        return moves[key]

    return Costs(run, convert, costs.fixed)


def choose(graph: Graph, costs: Costs) -> Assignment:
    """A layout for every operation; deterministic. `graph` is lowered, all its maps are "bits"."""
    costs = _remembered(costs)
    starts: list[Assignment] = []
    for wanted in (PACKED, PLANAR, None):
        start: Assignment = {}
        for op in graph.ops:
            options = costs.options(graph, op)
            if wanted in options:
                start[op.name] = str(wanted)
            else:
                start[op.name] = min(options, key=lambda la: costs.run(graph, op, la) or 0)
        starts.append(start)
    results = [_improve(graph, start, costs) for start in starts]
    return min(results, key=lambda result: result[0])[1]
