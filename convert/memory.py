"""Ways to lay an arranged network out in memory, each planned and checked.

Without a limit on RAM, a max pooling becomes part of the convolution in front of it where that
makes the arena smaller. Under a limit come smaller tables for the planar convolutions, the first
layers streamed by rows, one more at a time, and segments elsewhere: one after the other where
memory is fullest, as long as that makes the arena smaller. Tables are as large as the limit leaves
room for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from convert.costs import predicted
from convert.ir import Graph
from convert.lower.chain import POOL, Link, chain_at, find_chain, starts
from convert.lower.planar import Scratch, to_planar
from convert.lower.stream import stream
from convert.plan import Plan, bound, lives, make_plan
from convert.plan_check import check_plan

FUSED = "fused"
POOLED = ("bconv2d_bits", "bconv2d_pair_bits")  # what a pooling may become part of
LEAST_SCRATCH = 512
TRIES = 4
ROUNDS = 4  # segments beside the first layers, at most
SAVED = 15 / 16  # of the arena is left, at most, where poolings are fused unasked
SLACK = 1.01  # instructions that they may cost, of all
# Operations whose scratch is as large as memory allows.
SCRATCHES = ("planar_conv_bits", "planar_pair_bits", "lane_conv_bits", "stream")


@dataclass(frozen=True)
class Wish:
    """What memory is asked for.

    Attributes:
        layouts: by operation's name.
        core: of convert.costs.
        rows: the picture is fed by rows.
        limit: most bytes of arena, or None.
        asked: layers that the user has spoken of: whether they shall be fused.
    """

    layouts: Mapping[str, str]
    core: str
    rows: bool
    limit: int | None
    asked: Mapping[str, bool]


@dataclass(frozen=True)
class Segment:
    """Layers that run by rows, reading a map: from the one named `at` on, `length` links."""

    at: str
    length: int
    last: str

    def __str__(self) -> str:
        return f"{self.at} ... {self.last}"


@dataclass(frozen=True)
class Form:
    """Links at the front that run by rows, and segments elsewhere."""

    front: int = 0
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """One way to lay a network out in memory.

    Attributes:
        streamed: layers at the front that run by rows; 0 for none.
        arena_bytes: what it needs.
        instructions: of the binary convolutions, as the cost model predicts them.
            Of an encoder and conversions, what they take more, or less, than without tables.
        segments: layers elsewhere that run by rows, each "first ... last".
        tables: table convolutions, which read the picture's bytes.
    """

    streamed: int
    arena_bytes: int
    instructions: int
    segments: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


Found = tuple[Candidate, Graph, Plan]


def _streamed(planar: Graph, form: Form, rows: bool) -> Graph:
    made = stream(planar, form.front, rows) if form.front else planar
    for one in form.segments:
        made = stream(made, one.length, at=one.at)
    return made


def _plan(graph: Graph, wish: Wish) -> Plan:
    plan = make_plan(graph, scarce=wish.limit is not None)
    check_plan(graph, plan.offsets, plan.arena_bytes)
    return plan


def _build(graph: Graph, wish: Wish, form: Form, scratch: Scratch) -> Found:
    return _laid(to_planar(graph, wish.layouts, wish.core, scratch), wish, form)


def _laid(planar: Graph, wish: Wish, form: Form) -> Found:
    made = _streamed(planar, form, wish.rows)
    plan = _plan(made, wish)
    segments = tuple(str(one) for one in form.segments)
    cost = predicted(made, wish.core)
    return Candidate(form.front, plan.arena_bytes, cost, segments), made, plan


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


def _within(graph: Graph, wish: Wish, form: Form, limit: int) -> list[Found]:
    """With the smallest tables and, where that fits, with tables that fill what the limit leaves.

    Larger tables are no way to fit: now and then they happen to pack better, in some limits only,
    and a refusal says the least limit that there is.
    """
    least = _build(graph, wish, form, LEAST_SCRATCH)
    if least[0].arena_bytes > limit:
        return [least]
    found, room = [least], limit
    for _ in range(TRIES):
        one = _build(graph, wish, form, _budgets(least[1], room))
        if one[0].arena_bytes <= limit:
            return [*found, one]
        room -= one[0].arena_bytes - limit  # holes between tensors: ask for less
    return found


def poolings(planar: Graph) -> Iterator[tuple[str, Segment]]:
    """Poolings that may become part of the convolution in front of them, by name."""
    for name in starts(planar):
        links = chain_at(planar, name)
        if links[2].op.kind == POOL:
            yield links[2].op.name, Segment(name, 3, links[2].op.name)


def _fused(graph: Graph, wish: Wish, front: int) -> Found:
    """Without a limit: poolings fused as asked for, and else where it saves RAM."""
    planar = to_planar(graph, wish.layouts, wish.core)
    rest = stream(planar, front, wish.rows) if front else planar
    possible = dict(poolings(rest))
    form = Form(front, tuple(s for name, s in possible.items() if wish.asked.get(name)))
    best = _laid(planar, wish, form)
    free = tuple(s for name, s in possible.items() if name not in wish.asked)
    if not free:
        return best
    every = replace(form, segments=form.segments + free)
    trial = _laid(planar, wish, every)
    if not _better(trial[0], best[0]):
        return best
    for one in free:  # those that save nothing stay as they are
        fewer = replace(every, segments=tuple(s for s in every.segments if s is not one))
        without = _laid(planar, wish, fewer)
        if without[0].arena_bytes <= trial[0].arena_bytes:
            every, trial = fewer, without
    return trial


def _better(one: Candidate, other: Candidate) -> bool:
    cheap = one.instructions <= SLACK * other.instructions
    return one.arena_bytes <= SAVED * other.arena_bytes and cheap


def _names(links: tuple[Link, ...]) -> set[str]:
    return {op.name for link in links for op in (link.op, link.split) if op is not None}


def _moves(planar: Graph, made: Graph, form: Form, wish: Wish) -> Iterator[Form]:
    """Forms with one more segment, or a longer front, where memory is fullest."""
    alive = lives(made)
    full = max(
        range(len(made.ops)),
        key=lambda step: sum(life.bytes for life in alive if life.first <= step <= life.last),
    )
    peak = made.ops[full].name
    front = find_chain(planar, wish.rows)
    for length in range(max(form.front + 1, 2), len(front) + 1):
        names = _names(front[:length])
        relieves = peak in names or made.ops[full].kind == "stream"
        if relieves and not any(s.at in names for s in form.segments):
            yield Form(length, form.segments)
    for name in starts(made):
        links = chain_at(made, name)
        for length in range(3, len(links) + 1):
            if peak in _names(links[1:length]):
                segment = Segment(name, length, links[length - 1].op.name)
                yield Form(form.front, (*form.segments, segment))


def _forms(planar: Graph, wish: Wish, first: Form) -> list[Form]:
    """Forms that need less and less, each with one more change where memory is fullest."""
    found, made = [first], _streamed(planar, first, wish.rows)
    while len(found) <= ROUNDS:
        least = bound(lives(made))
        trials: list[tuple[int, int, int, Form, Graph]] = []
        for form in _moves(planar, made, found[-1], wish):
            one = _streamed(planar, form, wish.rows)
            trials.append((bound(lives(one)), predicted(one, wish.core), len(trials), form, one))
        if not trials:
            break
        size, _, _, form, one = min(trials, key=lambda t: t[:3])
        if size >= least:
            break
        found.append(form)
        made = one
    return found


def candidates(graph: Graph, wish: Wish) -> list[Found]:
    """Every candidate with its graph; without a limit one. Empty where rows are to be fed and the
    network cannot take them."""
    least = to_planar(graph, wish.layouts, wish.core, LEAST_SCRATCH)
    chain = find_chain(least, wish.rows)
    lengths = [*([] if wish.rows else [0]), *range(2, len(chain) + 1)]
    if not lengths:
        return []
    if wish.limit is None:
        # Nothing is streamed that need not be; a fed picture needs two layers.
        return [_fused(graph, wish, lengths[0])]
    asked = [s for name, s in poolings(least) if wish.asked.get(name)]
    forms = []
    for length in lengths:
        gone = _names(chain[:length])
        forms.append(Form(length, tuple(s for s in asked if s.at not in gone)))
    forms += [form for form in _forms(least, wish, forms[0]) if form not in forms]
    found = []
    for form in forms:
        found += _within(graph, wish, form, wish.limit)
    return found
