"""A network in forms that no choice by cost would take: planar, by rows from wherever it can."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from convert.compile import Compiled
from convert.emit import emit
from convert.ir import Graph
from convert.layout import PLANAR
from convert.lower import Context, lower
from convert.lower.chain import chain_at, find_chain, starts
from convert.lower.planar import to_planar
from convert.lower.stream import stream
from convert.memory import Wish, candidates
from convert.pixels import scaling_of
from convert.plan import make_plan
from convert.plan_check import check_plan
from convert.tflite_reader import read

CORE, TABLES = "cortex-m4", 1024


def _lowered(content: bytes) -> Graph:
    graph = read(content, name="x")
    made, refusals = lower(graph, Context(scaling_of(graph.metadata)))
    assert not refusals
    return made


def _planned(graph: Graph, content: bytes) -> Compiled:
    plan = make_plan(graph)
    check_plan(graph, plan.offsets, plan.arena_bytes)
    digest = hashlib.sha256(content).hexdigest()
    return Compiled(graph, plan, emit(graph, plan, digest), digest)


def by_rows(content: bytes) -> Iterator[Compiled]:
    """From the encoder and from each map on as far as rows can run."""
    graph = _lowered(content)
    planar = to_planar(graph, {op.name: PLANAR for op in graph.ops}, CORE, TABLES)
    front = len(find_chain(planar))
    if front > 1:
        yield _planned(stream(planar, front), content)
    for name in starts(planar):
        yield _planned(stream(planar, len(chain_at(planar, name)), at=name), content)


def considered(content: bytes) -> Iterator[Compiled]:
    """Planar, in each form that is tried under a limit, with its smallest tables."""
    graph = _lowered(content)
    wish = Wish({op.name: PLANAR for op in graph.ops}, CORE, False, 1 << 30, {})
    for _, made, _ in candidates(graph, wish)[::2]:
        yield _planned(made, content)
