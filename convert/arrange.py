"""From a lowered graph to the one that is emitted: layouts, row-streaming, memory.

Layouts are chosen first, by cost. Then come the ways to save RAM: smaller tables for the planar
convolutions, and the first layers streamed by rows, one more at a time. Each candidate is planned,
with tables as large as the limit leaves room for; the cheapest that fits is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from convert.costs import Model, predicted
from convert.ir import Graph, Op
from convert.layout import LAYOUTS, PACKED, Costs, choose
from convert.lower.planar import Scratch, to_planar
from convert.lower.stream import find_chain, stream
from convert.plan import Plan, lives, make_plan
from convert.plan_check import check_plan
from convert.rules import Refusal

AUTO = "auto"
LEAST_SCRATCH = 512
TRIES = 4
# Operations whose scratch is as large as memory allows.
SCRATCHES = ("planar_conv_bits", "planar_pair_bits", "lane_conv_bits", "stream")


@dataclass(frozen=True)
class Options:
    """What a user may decide.

    Attributes:
        core: whose instructions are minimised: cortex-m4, …; see convert.costs.
        layout: "auto", or "packed" or "planar" wherever there is such a kernel.
        layouts: the same for single layers, by name; unknown names are refused.
        max_ram: most bytes of arena; None for no limit.
        rows: the picture is fed by rows while the network runs, and never stored as a whole.
    """

    core: str = "cortex-m4"
    layout: str = AUTO
    layouts: Mapping[str, str] = field(default_factory=dict)
    max_ram: int | None = None
    rows: bool = False

    @property
    def key(self) -> str:
        """Short text that differs where the options do; empty for the defaults of any core."""
        parts = [self.layout] if self.layout != AUTO else []
        parts += [f"{name}={layout}" for name, layout in sorted(self.layouts.items())]
        parts += [f"ram{self.max_ram}"] if self.max_ram is not None else []
        parts += ["rows"] if self.rows else []
        return "-".join(parts)


@dataclass(frozen=True)
class Candidate:
    """One way to lay a network out in memory.

    Attributes:
        streamed: layers at the front that run by rows; 0 for none.
        arena_bytes: what it needs.
        instructions: of the binary convolutions, as the cost model predicts them.
    """

    streamed: int
    arena_bytes: int
    instructions: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Arranged:
    """The graph to emit, its plan, what was chosen and what else there was."""

    graph: Graph
    plan: Plan
    layouts: Mapping[str, str]
    chosen: Candidate
    candidates: tuple[Candidate, ...]


def _assign(graph: Graph, options: Options) -> dict[str, str]:
    fixed = dict(options.layouts)
    if options.layout in LAYOUTS:
        fixed = {op.name: options.layout for op in graph.ops} | fixed
    model = Model(options.core)
    return choose(graph, Costs(model.run, model.convert, fixed))


def _plan(graph: Graph) -> Plan:
    plan = make_plan(graph)
    check_plan(graph, plan.offsets, plan.arena_bytes)
    return plan


def _build(
    graph: Graph, layouts: Mapping[str, str], options: Options, length: int, scratch: Scratch
) -> tuple[Candidate, Graph, Plan]:
    made = to_planar(graph, layouts, options.core, scratch)
    if length:
        made = stream(made, length, options.rows)
    plan = _plan(made)
    cost = predicted(made, options.core)
    return Candidate(length, plan.arena_bytes, cost), made, plan


def _budgets(graph: Graph, limit: int) -> dict[str, int]:
    """What each convolution may take for its tables: the limit less what lives beside them."""
    alive = lives(graph)
    budgets: dict[str, int] = {}
    for step, op in enumerate(graph.ops):
        if op.kind not in SCRATCHES:
            continue
        others = sum(
            life.bytes
            for life in alive
            if life.first <= step <= life.last
            and not (life.name in op.outputs and life.name.endswith(".scratch"))
        )
        layers = [link.op for link in op.attrs["links"]] if op.kind == "stream" else [op]
        budgets |= {layer.name: max(LEAST_SCRATCH, limit - others) for layer in layers}
    return budgets


def _within(
    graph: Graph, layouts: Mapping[str, str], options: Options, length: int, limit: int
) -> list[tuple[Candidate, Graph, Plan]]:
    """The smallest form, and the one whose tables fill what the limit leaves."""
    least = _build(graph, layouts, options, length, LEAST_SCRATCH)
    found, room = [least], limit
    for _ in range(TRIES):
        one = _build(graph, layouts, options, length, _budgets(least[1], room))
        if one[0].arena_bytes <= limit:
            return [*found, one]
        room -= one[0].arena_bytes - limit  # holes between tensors: ask for less
    return found


def _candidates(
    graph: Graph, layouts: Mapping[str, str], options: Options
) -> list[tuple[Candidate, Graph, Plan]]:
    """Every candidate with its graph; without a limit only the plain one."""
    longest = len(find_chain(to_planar(graph, layouts, options.core)))
    lengths = list(range(2, longest + 1))
    if not options.rows:
        lengths.insert(0, 0)
    if options.max_ram is None:
        # Without a limit nothing is streamed that need not be; a fed picture needs two layers.
        return [_build(graph, layouts, options, length, None) for length in lengths[:1]]
    found = []
    for length in lengths:
        found += _within(graph, layouts, options, length, options.max_ram)
    return found


def unknown_layers(graph: Graph, options: Options) -> list[Refusal]:
    """Layers named in the options that the network does not have, or that have no such kernel."""
    refusals = []
    model = Model(options.core)
    ops = {op.name: op for op in graph.ops}
    for name, layout in options.layouts.items():
        having = [la for la in LAYOUTS if name in ops and costed(model, graph, ops[name], la)]
        if layout not in having:
            known = ", ".join(name for name in ops)
            remedy = f"layouts: {', '.join(having)}" if having else f"layers: {known}"
            rule = "--layout names a layer and a layout that it has a kernel for"
            refusals.append(Refusal(name, rule, f"{name}={layout}", remedy))
    return refusals


def costed(model: Model, graph: Graph, op: Op, layout: str) -> bool:
    """Whether an operation has a kernel for a layout."""
    return model.run(graph, op, layout) is not None


def arrange(
    graph: Graph, options: Options, watch: Callable[[str, Graph], None] | None = None
) -> Arranged | list[Refusal]:
    """Lay out a lowered graph.

    Returns:
        The arrangement, or why there is none within the options.
    """
    refusals = unknown_layers(graph, options)
    if refusals:
        return refusals
    layouts = _assign(graph, options)
    found = _candidates(graph, layouts, options)
    if not found:
        rule = "--rows streams a thermometer and a binary convolution at the front of the network"
        return [Refusal("the picture", rule, "no such chain", "leave --rows out")]
    limit = options.max_ram
    fitting = [one for one in found if limit is None or one[0].arena_bytes <= limit]
    if not fitting:
        least = min(one[0].arena_bytes for one in found)
        remedy = f"allow {least} bytes" + ("" if options.rows else ", or feed the picture: --rows")
        rule = f"the arena must fit --max-ram {limit}"
        return [Refusal("memory", rule, f"{least} bytes at least", remedy)]
    chosen, made, plan = min(fitting, key=lambda one: (one[0].instructions, one[0].arena_bytes))
    if watch is not None:
        watch("layout", made)
    planar = {name: la for name, la in layouts.items() if la != PACKED}
    return Arranged(made, plan, planar, chosen, tuple(one[0] for one in found))
