"""Element-wise functions of one or two maps of bits: OR, AND, a choice by channel and the like."""

from __future__ import annotations

import numpy as np

from convert.ir import Graph, Op
from convert.lower.join.cone import BITS, bits, find_cone
from convert.lower.rewrite import Context, Rewrite
from convert.words import pack

WHICH = ("constant", "first", "second", "both")


def logic(graph: Graph, op: Op, context: Context) -> Rewrite | None:
    """A sign of what is computed from one or two maps of ±1 becomes words of bit operations.

    Any function of two bits is c ^ (f & a) ^ (s & b) ^ (t & a & b), with constants for each
    channel that its four values give.
    """
    cone = find_cone(graph, op)
    if cone is None or not 1 <= len(cone.leaves) <= 2 or not cone.steps:
        return None
    if any(leaf.kind not in BITS for leaf in cone.leaves):
        return None
    names = [leaf.outputs[0] for leaf in cone.leaves]
    channels = graph.tensor(cone.end).channels
    answers = []  # for (a, b) = (0, 0), (1, 0), (0, 1), (1, 1)
    for corner in range(4):
        states = {n: np.full((1, channels), corner >> k & 1) for k, n in enumerate(names)}
        answers.append(np.broadcast_to(bits(cone, states), (1, channels))[0].astype(np.uint8))
    zero, one, two, both = answers
    terms = (zero, zero ^ one, zero ^ two, zero ^ one ^ two ^ both)
    attrs = {name: pack(mask) for name, mask in zip(WHICH, terms, strict=True)}
    sources = tuple(leaf.inputs[0] for leaf in cone.leaves)
    made = Op("logic_bits", cone.steps[0].name, (sources * 2)[:2], op.outputs, attrs)
    return Rewrite((made,))
