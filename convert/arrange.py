"""From a lowered graph to the one that is emitted: layouts, row-streaming, memory.

Layouts are chosen first, by cost. Then come the ways to save RAM (`convert.memory`); the cheapest
candidate that fits is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from convert.costs import Model
from convert.ir import Graph, Op
from convert.layout import LAYOUTS, PACKED, PLANAR, Costs, choose
from convert.memory import FUSED, POOLED, Candidate, Wish, candidates
from convert.plan import Plan
from convert.rules import Refusal

AUTO = "auto"


@dataclass(frozen=True)
class Options:
    """What a user may decide.

    Attributes:
        core: whose instructions are minimised: cortex-m4, …; see convert.costs.
        layout: "auto", or "packed" or "planar" wherever there is such a kernel.
        layouts: the same for single layers, by name; unknown names are refused. "fused" for a
            max pooling: it becomes part of the planar convolution in front of it, whose map is
            never whole. Left alone, that is done where it saves RAM and costs nothing to speak of.
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
class Arranged:
    """The graph to emit, its plan, what was chosen and what else there was."""

    graph: Graph
    plan: Plan
    layouts: Mapping[str, str]
    chosen: Candidate
    candidates: tuple[Candidate, ...]


def _assign(graph: Graph, options: Options) -> dict[str, str]:
    fixed = dict(options.layouts)
    for name in [name for name, layout in fixed.items() if layout == FUSED]:
        pool = next(op for op in graph.ops if op.name == name)
        maker = graph.producer(pool.inputs[0] or "")
        fixed |= {name: PLANAR} | ({maker.name: PLANAR} if maker else {})
    if options.layout in LAYOUTS:
        fixed = {op.name: options.layout for op in graph.ops} | fixed
    model = Model(options.core)
    return choose(graph, Costs(model.run, model.convert, fixed))


def unknown_layers(graph: Graph, options: Options) -> list[Refusal]:
    """Layers named in the options that the network does not have, or that have no such kernel."""
    refusals = []
    model = Model(options.core)
    ops = {op.name: op for op in graph.ops}
    for name, layout in options.layouts.items():
        having = [la for la in LAYOUTS if name in ops and costed(model, graph, ops[name], la)]
        if name in ops and _fuses(model, graph, ops[name]):
            having.append(FUSED)
        if layout not in having:
            known = ", ".join(name for name in ops)
            remedy = f"layouts: {', '.join(having)}" if having else f"layers: {known}"
            rule = "--layout names a layer and a layout that it has a kernel for"
            refusals.append(Refusal(name, rule, f"{name}={layout}", remedy))
    return refusals


def _fuses(model: Model, graph: Graph, op: Op) -> bool:
    """A planar max pooling that alone reads what a planar convolution makes."""
    maker = graph.producer(op.inputs[0] or "")
    return (
        op.kind == "bmaxpool2d_bits"
        and maker is not None
        and maker.kind in POOLED
        and graph.sole_consumer(maker.outputs[0]) is op
        and costed(model, graph, op, PLANAR)
        and costed(model, graph, maker, PLANAR)
    )


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
    asked = {n: options.layouts[n] == FUSED for n in options.layouts}
    wish = Wish(layouts, options.core, options.rows, options.max_ram, asked)
    found = candidates(graph, wish)
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
