"""The memory plan: sound on random graphs by an independent replay, near its bound; the replay
itself rejects plans with one tensor moved."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.ir import Graph, Op, Port, Tensor
from convert.plan import ALIGN, aligned, lives, make_plan, roots
from convert.plan_check import PlanError, check_plan


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Chains with branches, joins, aliases, several inputs and outputs, odd sizes."""
    sizes = st.integers(1, 400)
    tensors: dict[str, Tensor] = {}

    def new(name: str, size: int) -> str:
        tensors[name] = Tensor(name, (1, size), "int8")
        return name

    made = [new(f"in{i}", draw(sizes)) for i in range(draw(st.integers(1, 2)))]
    inputs = tuple(Port(name, name) for name in made)
    ops: list[Op] = []
    aliased: set[str] = set()
    for i in range(draw(st.integers(1, 12))):
        recent = made[-4:]
        sources = draw(st.lists(st.sampled_from(recent), min_size=1, max_size=3, unique=True))
        if draw(st.integers(0, 5)) == 0:
            out = new(f"t{i}", tensors[sources[0]].elements)
            ops.append(Op("alias", f"#{i}", (sources[0],), (out,)))
            aliased.add(sources[0])
        elif draw(st.integers(0, 2)) == 0:  # may be written onto a source that dies here
            out = new(f"t{i}", tensors[sources[0]].elements)
            ops.append(Op("add_i8", f"#{i}", tuple(sources), (out,)))
        else:
            out = new(f"t{i}", draw(sizes))
            ops.append(Op("work", f"#{i}", tuple(sources), (out,)))
        made.append(out)
    ends = draw(st.lists(st.sampled_from(made), min_size=1, max_size=3, unique=True))
    ends = sorted({*ends, made[-1]})
    outputs = tuple(Port(name, name) for name in ends)
    return Graph("random", tuple(ops), MappingProxyType(tensors), inputs, outputs)


@given(graphs())
@settings(max_examples=250)
def test_plans_are_sound(graph: Graph) -> None:
    plan = make_plan(graph)
    check_plan(graph, plan.offsets, plan.arena_bytes)
    alone = sum(life.bytes for life in lives(graph))
    assert plan.lower_bound <= plan.arena_bytes <= max(alone, ALIGN)
    assert all(offset % ALIGN == 0 for offset in plan.offsets.values())
    assert make_plan(graph) == plan


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=250)
def test_one_moved_offset_is_rejected(graph: Graph, random: object) -> None:
    """Moving a tensor onto one that lives at the same time must be noticed."""
    plan = make_plan(graph)
    alive = lives(graph)
    pairs = [
        (a, b)
        for a in alive
        for b in alive
        # where one dies as the other is born, the sum may lie on its input
        if a.name != b.name and a.first < b.last and b.first < a.last
    ]
    read = {name for op in graph.ops for name in op.inputs} | {p.tensor for p in graph.outputs}
    read |= {op.inputs[0] for op in graph.ops if op.kind == "alias"}
    pairs = [(a, b) for a, b in pairs if a.name in read and b.name in read]
    if not pairs:
        return
    a, b = random.choice(pairs)  # type: ignore[attr-defined]
    offsets = dict(plan.offsets)
    shift = offsets[b.name] - offsets[a.name]
    owner = roots(graph)  # aliases and what is written in place move with what they share
    for name in {name for name, root in owner.items() if root == a.name}:
        offsets[name] += shift
    with pytest.raises(PlanError):
        check_plan(graph, offsets, 2 * plan.arena_bytes + 400)


def _chain() -> Graph:
    tensors = {n: Tensor(n, (1, s), "int8") for n, s in (("a", 64), ("b", 32), ("c", 64), ("d", 8))}
    ops = tuple(
        Op("work", f"#{i}", (x,), (y,))
        for i, (x, y) in enumerate((("a", "b"), ("b", "c"), ("c", "d")))
    )
    return Graph("chain", ops, MappingProxyType(tensors), (Port("a", "a"),), (Port("d", "d"),))


@pytest.mark.parametrize(
    ("name", "offset", "words"),
    [
        ("c", 0, "overwritten"),  # onto the input, which is kept
        ("c", 64, "its own input"),  # onto what the step reads
        ("d", 4096, "of an arena"),
        ("b", -8, "of an arena"),
        ("b", 66, "of an arena"),  # not aligned
    ],
)
def test_each_kind_of_wrong_plan_is_named(name: str, offset: int, words: str) -> None:
    graph = _chain()
    good = {"a": 0, "b": 64, "c": 96, "d": 64}
    check_plan(graph, good, 160)
    with pytest.raises(PlanError, match=words):
        check_plan(graph, {**good, name: offset}, 160)


def test_alias_elsewhere_is_rejected() -> None:
    tensors = {n: Tensor(n, (1, 16), "int8") for n in "abc"}
    ops = (Op("work", "#0", ("a",), ("b",)), Op("alias", "#1", ("b",), ("c",)))
    graph = Graph("x", ops, MappingProxyType(tensors), (Port("a", "a"),), (Port("c", "c"),))
    check_plan(graph, {"a": 0, "b": 16, "c": 16}, 32)
    with pytest.raises(PlanError, match="alias"):
        check_plan(graph, {"a": 0, "b": 16, "c": 0}, 32)


def test_chain_reuses_memory() -> None:
    """Input, and the two maps of the widest step: no more."""
    plan = make_plan(_chain())
    assert plan.arena_bytes == plan.lower_bound == aligned(64 + 32 + 64)
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 50, 40) * 8
    names = [f"t{i}" for i in range(41)]
    tensors = {n: Tensor(n, (1, int(s)), "int8") for n, s in zip(names, [8, *sizes], strict=True)}
    ops = tuple(Op("work", f"#{i}", (names[i],), (names[i + 1],)) for i in range(40))
    ports = (Port("x", names[0]),), (Port("y", names[-1]),)
    plan = make_plan(Graph("long", ops, MappingProxyType(tensors), *ports))
    assert plan.arena_bytes <= 1.25 * plan.lower_bound


def in_place(last: str) -> Graph:
    """x -> work -> add_i8 -> work; `last` is what the end reads."""
    names = ("x", "a", "b", "y")
    tensors = {name: Tensor(name, (1, 96), "int8") for name in names}
    ops = (
        Op("work", "#0", ("x",), ("a",)),
        Op("add_i8", "#1", ("a", "a"), ("b",)),
        Op("work", "#2", ("b", last), ("y",)),
    )
    return Graph("g", ops, MappingProxyType(tensors), (Port("x", "x"),), (Port("y", "y"),))


def test_a_sum_lies_where_its_dead_input_lay() -> None:
    plan = make_plan(in_place("b"))
    assert plan.offsets["a"] == plan.offsets["b"]
    assert plan.arena_bytes == 3 * 96
    kept = make_plan(in_place("a"))
    assert kept.offsets["a"] != kept.offsets["b"]


def test_the_replay_notices_a_lost_input_and_a_shifted_sum() -> None:
    offsets = {"x": 0, "a": 96, "b": 96, "y": 192}
    check_plan(in_place("b"), offsets, 288)
    with pytest.raises(PlanError, match="overwritten"):
        check_plan(in_place("a"), offsets, 288)
    with pytest.raises(PlanError, match="onto its own input"):
        check_plan(in_place("b"), {**offsets, "b": 104}, 288)
