"""The layout search against trying every assignment."""

from __future__ import annotations

import itertools
import random
from types import MappingProxyType

from convert.ir import Graph, Op, Port, Tensor
from convert.layout import LAYOUTS, PACKED, PLANAR, Costs, choose, total


def _chain(length: int, rng: random.Random) -> Graph:
    """A chain of maps, some of whose operations also read an earlier one."""
    tensors = {f"t{i}": Tensor(f"t{i}", (1, 4, 4, 32), "bits") for i in range(length + 1)}
    ops = []
    for i in range(length):
        inputs = [f"t{i}"]
        if i and rng.random() < 0.3:
            inputs.append(f"t{rng.randrange(i)}")
        ops.append(Op("conv", f"op{i}", tuple(inputs), (f"t{i + 1}",)))
    ports = ((Port("in", "t0"),), (Port("out", f"t{length}"),))
    return Graph("chain", tuple(ops), MappingProxyType(tensors), *ports)


def _costs(rng: random.Random, length: int) -> Costs:
    prices: dict[tuple[str, str], int | None] = {}
    for i in range(length):
        for layout in LAYOUTS:
            absent = layout == PLANAR and rng.random() < 0.2
            prices[f"op{i}", layout] = None if absent else rng.randrange(1, 100)
    move = rng.randrange(1, 60)
    return Costs(lambda g, op, la: prices[op.name, la], lambda t, la: move, {})


def test_the_search_finds_the_least_cost() -> None:
    rng = random.Random(0)
    missed = 0
    for _ in range(60):
        length = rng.randrange(1, 8)
        graph, costs = _chain(length, rng), _costs(rng, length)
        options = [costs.options(graph, op) for op in graph.ops]
        names = [op.name for op in graph.ops]
        least = min(
            total(graph, dict(zip(names, one, strict=True)), costs)
            for one in itertools.product(*options)
        )
        found = total(graph, choose(graph, costs), costs)
        assert found >= least
        missed += found > least
    assert missed <= 1  # it is a search, not a proof


def test_a_conversion_is_paid_once_and_a_choice_is_kept() -> None:
    rng = random.Random(1)
    graph = _chain(3, rng)
    cheap = Costs(lambda g, op, la: 1 if la == PLANAR else 100, lambda t, la: 10, {})
    assert set(choose(graph, cheap).values()) == {PLANAR}
    forced = Costs(cheap.run, cheap.convert, {"op1": PACKED})
    assert choose(graph, forced)["op1"] == PACKED
