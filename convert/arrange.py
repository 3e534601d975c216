"""From a lowered graph to the one that is emitted: tables, layouts, row-streaming, memory.

Layouts are chosen first, by cost, with and without table convolutions (`convert.level_choice`).
Then come the ways to save RAM (`convert.memory`); the cheapest candidate that fits is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from convert.costs import Model, predicted
from convert.ir import Graph, Op, short_name
from convert.layout import LAYOUTS, PACKED, PLANAR, Costs, choose, total
from convert.level_choice import TABLE, Pairs, possible, weight, with_tables
from convert.lower.levels import KIND as LEVEL_CONV
from convert.lower.planar import to_planar
from convert.memory import FUSED, POOLED, Candidate, Found, Wish, candidates
from convert.plan import Plan
from convert.rules import Refusal

AUTO = "auto"


@dataclass(frozen=True)
class Options:
    """What a user may decide.

    Attributes:
        core: whose instructions are minimised: cortex-m4, …; see convert.costs.
        layout: "auto", or "packed", "planar" or "table" wherever there is such a kernel.
        layouts: the same for single layers, by name; unknown names are refused. "table" for a first
            convolution: it reads the picture's bytes, and the encoder in front of it is gone;
            either layout, for one of the two or for all layers, leaves that out. "fused" for a
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


@dataclass(frozen=True)
class _Way:
    """A graph, with some table convolutions or none, the layouts of its maps, and instructions."""

    graph: Graph
    layouts: Mapping[str, str]
    instructions: int

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(op.name for op in self.graph.ops if op.kind == LEVEL_CONV)

    @property
    def weight(self) -> int:
        """Instructions, and what tables in flash count for."""
        return self.instructions + sum(weight(op) for op in self.graph.ops)

    def beside(self, core: str) -> int:
        """Instructions of what a Candidate does not count: encoders, conversions, poolings."""
        return self.instructions - predicted(to_planar(self.graph, self.layouts, core), core)


def _way(graph: Graph, options: Options) -> _Way:
    layouts, costs = _assign(graph, options)
    return _Way(graph, layouts, total(graph, layouts, costs))


def _ways(graph: Graph, options: Options, tables: Pairs) -> list[_Way]:
    """The best way first, and the one with no more table convolutions than were asked for."""
    forced: dict[str, tuple[Op, Op]] = {}
    free: dict[str, tuple[Op, Op]] = {}
    for name, pair in tables.items():
        if options.layouts.get(name) == TABLE:
            forced[name] = pair
        elif not _kept(graph, pair, options):
            (forced if options.layout == TABLE else free)[name] = pair
    base = best = _way(with_tables(graph, forced), options)
    for name, pair in free.items():
        trial = _way(with_tables(best.graph, {name: pair}), options)
        best = min(best, trial, key=lambda way: way.weight)
    return [base] if best is base else [best, base]


def _kept(graph: Graph, pair: tuple[Op, Op], options: Options) -> bool:
    """Whether an encoder and a convolution stay two: the user wants a layout for one of them, or
    for all, or a pooling to become part of the convolution."""
    encoder, one = pair
    reader = graph.sole_consumer(one.outputs[0])
    joined = reader is not None and options.layouts.get(reader.name) == FUSED
    return (
        joined or options.layout in LAYOUTS or bool({encoder.name, one.name} & {*options.layouts})
    )


def _assign(graph: Graph, options: Options) -> tuple[dict[str, str], Costs]:
    fixed = {name: la for name, la in options.layouts.items() if la != TABLE}
    for name in [name for name, layout in fixed.items() if layout == FUSED]:
        pool = next(op for op in graph.ops if op.name == name)
        maker = graph.producer(pool.inputs[0] or "")
        fixed |= {name: PLANAR} | ({maker.name: PLANAR} if maker else {})
    if options.layout in LAYOUTS:
        fixed = {op.name: options.layout for op in graph.ops} | fixed
    model = Model(options.core)
    costs = Costs(model.run, model.convert, fixed)
    return choose(graph, costs), costs


def unknown_layers(graph: Graph, options: Options, tables: Pairs) -> list[Refusal]:
    """Layers named in the options that the network does not have, that have no such kernel, or
    that another option takes away."""
    refusals = []
    model = Model(options.core)
    ops = {op.name: op for op in graph.ops}
    for name, layout in options.layouts.items():
        having = [la for la in LAYOUTS if name in ops and costed(model, graph, ops[name], la)]
        if name in ops and _fuses(model, graph, ops[name], options):
            having.append(FUSED)
        if name in tables:
            having.append(TABLE)
        if layout not in having:
            known = ", ".join(f"'{name}'" for name in ops)
            remedy = f"layouts: {', '.join(having)}" if having else f"layers: {known}"
            rule = "--layout names a layer and a layout that it has a kernel for"
            refusals.append(Refusal(name, rule, f"{name}={layout}", remedy))
    for name, (encoder, _) in tables.items():
        if options.layouts.get(name) == TABLE and encoder.name in options.layouts:
            rule = "a convolution by tables takes in its encoder, which then has no layout"
            found = f"{encoder.name}={options.layouts[encoder.name]} and {name}=table"
            refusals.append(Refusal(encoder.name, rule, found, "leave one of the two out"))
    return refusals


def _full_name(graph: Graph, name: str) -> str:
    """The layer `#2 conv` that is called `conv` or `#2`, where there is but one; else the name."""
    names = [op.name for op in graph.ops]
    meant = [op.name for op in graph.ops if name in (short_name(op), op.name.split(" ", 1)[0])]
    return meant[0] if name not in names and len(meant) == 1 else name


def _fuses(model: Model, graph: Graph, op: Op, options: Options) -> bool:
    """A planar max pooling that alone reads what a planar convolution makes."""
    maker = graph.producer(op.inputs[0] or "")
    return (
        op.kind == "bmaxpool2d_bits"
        and maker is not None
        and maker.kind in POOLED
        and options.layouts.get(maker.name) != TABLE
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
    tables = possible(graph, options.core)
    asked = {_full_name(graph, name): layout for name, layout in options.layouts.items()}
    options = replace(options, layouts=asked)
    refusals = unknown_layers(graph, options, tables)
    if refusals:
        return refusals
    found = _all(graph, options, tables)
    if not found:
        rule = (
            "--rows streams a thermometer and a binary convolution at the front of the network, "
            "which alone read the picture"
        )
        return [Refusal("the picture", rule, "no such chain", "leave --rows out")]
    limit = options.max_ram
    fitting = [one for one in found if limit is None or one[1][0].arena_bytes <= limit]
    if not fitting:
        least = min(one[0].arena_bytes for _, one in found)
        by_rows = [] if options.rows else _all(graph, replace(options, rows=True), tables)
        fewer = min((one[0].arena_bytes for _, one in by_rows), default=least)
        fed = f", or {fewer} and --rows" if fewer < least else ""
        if by_rows and limit is not None and fewer <= limit:
            fed = ", or feed the picture: --rows"
        remedy = f"allow {least} bytes{fed}"
        rule = f"the arena must fit --max-ram {limit}"
        return [Refusal("memory", rule, f"{least} bytes at least", remedy)]
    way, (chosen, made, plan) = min(
        fitting, key=lambda one: (one[1][0].instructions, one[1][0].arena_bytes)
    )
    if watch is not None:
        watch("layout", made)
    said = {name: la for name, la in way.layouts.items() if la != PACKED}
    said |= dict.fromkeys(way.tables, TABLE)
    return Arranged(made, plan, said, chosen, tuple(one[0] for _, one in found))


def _all(graph: Graph, options: Options, tables: Pairs) -> list[tuple[_Way, Found]]:
    """What is considered; the first way that there is, and where memory is limited every one."""
    ways = _ways(graph, options, tables)
    found: list[tuple[_Way, Found]] = []
    for way in ways:
        if not found or options.max_ram is not None:
            found += _candidates(way, ways[-1], options)
    return found


def _candidates(way: _Way, base: _Way, options: Options) -> list[tuple[_Way, Found]]:
    """Ways to lay out a way in memory, with instructions that compare with those of `base`."""
    asked = {n: options.layouts[n] == FUSED for n in options.layouts}
    wish = Wish(way.layouts, options.core, options.rows, options.max_ram, asked)
    more = 0 if way is base else way.beside(options.core) - base.beside(options.core)
    return [
        (way, (replace(one, instructions=one.instructions + more, tables=way.tables), made, plan))
        for one, made, plan in candidates(way.graph, wish)
    ]
