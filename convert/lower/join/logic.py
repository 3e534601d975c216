"""Element-wise functions of one to three maps of bits: OR, AND, a choice by channel or by a third
map, a majority and the like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from convert.ir import Array, Graph, Op, Tensor
from convert.lower.join.cone import BITS, Cone, bits, find_cone
from convert.lower.rewrite import Context, Rewrite
from convert.words import pack

WHICH = ("constant", "first", "second", "both")
AND, XOR = ((0, 0, 0, 1), (0, 1, 1, 0))  # of (0, 0), (1, 0), (0, 1), (1, 1)
MOST_LEAVES = 3


def _answers(cone: Cone, channels: int) -> Array:
    """The sign's bit, uint8 [2, ...] x leaves + [C], by the bits of the leaves, the last first."""
    n = len(cone.leaves)
    rows = []
    for corner in range(1 << n):
        states = {
            leaf.outputs[0]: np.full((1, channels), corner >> k & 1)
            for k, leaf in enumerate(cone.leaves)
        }
        rows.append(np.broadcast_to(bits(cone, states), (1, channels))[0].astype(np.uint8))
    return np.stack(rows).reshape(*[2] * n, channels)


def _op(name: str, inputs: tuple[str | None, str | None], out: str, of_two: Array) -> Op:
    """A function of two maps; `of_two` is [4, C]: what (0, 0), (1, 0), (0, 1), (1, 1) give.

    Any such function is c ^ (f & a) ^ (s & b) ^ (t & a & b), with constants for each channel.
    """
    zero, one, two, both = of_two
    terms = (zero, zero ^ one, zero ^ two, zero ^ one ^ two ^ both)
    attrs = {name: pack(mask) for name, mask in zip(WHICH, terms, strict=True)}
    return Op("logic_bits", name, inputs, (out,), attrs)


def _of_three(
    name: str, maps: tuple[str | None, ...], out: str, of_three: Array
) -> Iterator[tuple[Op, str]]:
    """A function of three maps as functions of two: plain(a, b) ^ (gate & differ(a, b)).

    The gate is the map, of the three, with which `plain` is a function of one map if there is such:
    select(gate, a, b) is b ^ (gate & (a ^ b)).

    Args:
        of_three: [2, 2, 2, C], the third map's bit first.

    Yields:
        Operations in order, and the name of what each makes.
    """
    channels = of_three.shape[-1]
    choices = []
    for k in range(3):
        first, second = (maps[i] for i in range(3) if i != k)
        off, on = np.moveaxis(of_three, 2 - k, 0).reshape(2, 4, channels)
        alone = None
        if (off[0] == off[1]).all() and (off[2] == off[3]).all():
            alone = second, off[[0, 2]]
        elif (off[0] == off[2]).all() and (off[1] == off[3]).all():
            alone = first, off[[0, 1]]
        choices.append((alone is None, k, (first, second), off, off ^ on, alone))
    _, k, pair, off, differ, alone = min(choices, key=lambda choice: choice[:2])

    def table(rows: tuple[int, ...]) -> Array:
        return np.repeat(np.array(rows, np.uint8)[:, None], channels, 1)

    yield _op(f"{name} differ", pair, f"{out}.differ", differ), f"{out}.differ"
    gated = (maps[k], f"{out}.differ")
    yield _op(f"{name} gated", gated, f"{out}.gated", table(AND)), f"{out}.gated"
    if alone is not None:  # of one map: [2, C]
        last = np.concatenate([alone[1], 1 - alone[1]])
        yield _op(name, (alone[0], f"{out}.gated"), out, last), out
        return
    yield _op(f"{name} plain", pair, f"{out}.plain", off), f"{out}.plain"
    yield _op(name, (f"{out}.plain", f"{out}.gated"), out, table(XOR)), out


def logic(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A sign of what is computed from up to three maps of ±1 becomes words of bit operations."""
    cone = find_cone(graph, op)
    if cone is None or not 1 <= len(cone.leaves) <= MOST_LEAVES or not cone.steps:
        return None
    if any(leaf.kind not in BITS for leaf in cone.leaves):
        return None
    answers = _answers(cone, graph.tensor(cone.end).channels)
    sources = tuple(leaf.inputs[0] for leaf in cone.leaves)
    name, out = cone.steps[0].name, graph.tensor(op.outputs[0])
    if len(sources) < MOST_LEAVES:
        of_two = answers.reshape(-1, answers.shape[-1])
        of_two = of_two if len(sources) == 2 else np.concatenate([of_two, of_two])
        first, second = (sources * 2)[:2]
        return Rewrite((_op(name, (first, second), out.name, of_two),))
    made = list(_of_three(name, sources, out.name, answers))
    tensors: tuple[Tensor, ...] = tuple(replace(out, name=made_name) for _, made_name in made[:-1])
    return Rewrite(tuple(one for one, _ in made), tensors)
