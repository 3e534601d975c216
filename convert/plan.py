"""Memory plan: where in one static arena every tensor lies.

A tensor lives from the operation that makes it to the last that reads it; inputs live throughout,
so that a picture can be run again, and outputs from when they are made to the end. An alias shares
its source's bytes. Tensors are placed largest first at the lowest offset that is free during their
life (greedy by size, arXiv 2001.03288); a few shuffled orders are tried, more where memory is
scarce, and the best kept. Where a kernel may work in place and its input dies there, both have the
same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from convert.inplace import overwritable
from convert.ir import Graph

ALIGN = 8
TRIES = 64
MOST_TRIES = 1024
PAIRS = 1 << 18  # of tensors, that more tries may look at in all


@dataclass(frozen=True)
class Life:
    """A tensor's bytes and the steps, both inclusive, during which they must be kept."""

    name: str
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Offsets of tensors in the arena.

    Attributes:
        offsets: tensor name -> offset in bytes, a multiple of ALIGN; aliases included.
        arena_bytes: the arena's size.
        lower_bound: the largest sum of bytes alive at one step: no plan can be smaller.
    """

    offsets: Mapping[str, int]
    arena_bytes: int
    lower_bound: int


def aligned(n: int) -> int:
    return -(-n // ALIGN) * ALIGN


def _last_reads(graph: Graph) -> dict[str, int]:
    """The last step at which each tensor is read under its own name; ports to the end."""
    last: dict[str, int] = {}
    for step, op in enumerate(graph.ops):
        last |= {name: step for name in op.inputs if name is not None}
    return last | {port.tensor: len(graph.ops) for port in (*graph.inputs, *graph.outputs)}


def roots(graph: Graph) -> dict[str, str]:
    """Each tensor's owner of bytes: itself, or what it aliases or is written onto."""
    reads = _last_reads(graph)
    owner: dict[str, str] = {}
    busy: dict[str, int] = {}  # owner -> the last step at which its bytes are read
    for port in graph.inputs:
        if not port.fed:
            owner[port.tensor] = port.tensor
            busy[port.tensor] = len(graph.ops)
    for step, op in enumerate(graph.ops):
        shared = op.inputs[0] if op.kind == "alias" else None
        names = overwritable(graph, op)
        others = {owner.get(name or "", name) for name in op.inputs if name not in names}
        for name in names:
            at = owner.get(name, name)
            if at not in others and busy.get(at, step + 1) <= step:
                shared = name
        for name in op.outputs:
            same = shared is not None and name == op.outputs[0]
            owner[name] = owner.get(shared, shared) if same and shared is not None else name
            busy[owner[name]] = max(busy.get(owner[name], -1), reads.get(name, step))
    return owner


def lives(graph: Graph) -> list[Life]:
    """Lives of all tensors that own bytes; operations are steps from 0, inputs come at -1."""
    owner = roots(graph)
    end = len(graph.ops)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for port in graph.inputs:
        if not port.fed:
            first[port.tensor], last[port.tensor] = -1, end
    for step, op in enumerate(graph.ops):
        for name in op.inputs:
            if name is not None and graph.tensors[name].data is None:
                last[owner[name]] = max(last.get(owner[name], step), step)
        for name in op.outputs:
            root = owner[name]
            first.setdefault(root, step)
            last[root] = max(last.get(root, step), step)
    for port in graph.outputs:
        if port.tensor in owner:
            last[owner[port.tensor]] = end
    return [
        Life(name, aligned(graph.tensors[name].bytes), first[name], last[name])
        for name in sorted(first)
    ]


def bound(all_lives: list[Life]) -> int:
    """The largest sum of bytes alive at one step."""
    steps = {life.first for life in all_lives}
    return max(
        (sum(la.bytes for la in all_lives if la.first <= s <= la.last) for s in steps), default=0
    )


def _place(order: list[Life]) -> tuple[dict[str, int], int]:
    placed: list[tuple[int, Life]] = []
    total = 0
    for life in order:
        busy = sorted(
            (at, at + other.bytes)
            for at, other in placed
            if other.first <= life.last and life.first <= other.last
        )
        offset = 0
        for start, stop in busy:
            if offset + life.bytes <= start:
                break
            offset = max(offset, stop)
        placed.append((offset, life))
        total = max(total, offset + life.bytes)
    return {life.name: offset for offset, life in placed}, total


def make_plan(graph: Graph, scarce: bool = False) -> Plan:
    """Place every tensor; deterministic. Where memory is scarce, small networks get more tries."""
    all_lives = lives(graph)
    least = bound(all_lives)
    order = sorted(all_lives, key=lambda life: (-life.bytes, life.first, life.name))
    offsets, total = _place(order)
    rng = np.random.default_rng(0)
    more = min(MOST_TRIES, PAIRS // max(1, len(order) ** 2)) if scarce else 0
    for _ in range(max(TRIES, more)):
        if total == least:
            break
        i, j = rng.integers(len(order), size=2)
        trial = list(order)
        trial[i], trial[j] = trial[j], trial[i]
        new_offsets, new_total = _place(trial)
        if new_total <= total:
            order, offsets, total = trial, new_offsets, new_total
    owner = roots(graph)
    everything = {name: offsets[root] for name, root in owner.items()}
    return Plan(MappingProxyType(dict(sorted(everything.items()))), max(total, ALIGN), least)
