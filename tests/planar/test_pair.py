"""Two branches and the sign of their sum, on this machine.

`test_conv` runs the same cases on emulated cores.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from convert.planar import pair
from convert.planar.geometry import ConvShape, chunkings
from tests.planar import build, pairs
from tests.planar.cases import Case
from tests.planar.conftest import Play

SMALL = (ConvShape(7, 9, 6, 7, 9, 5), ConvShape(7, 9, 40, 7, 9, 5, 1, 1, pad_top=0, pad_left=0))


def small(**how: bool | str) -> Case:
    chunks = [replace(chunkings(s.inputs)[0], blocks=2, part=3) for s in SMALL]
    return pairs.case(*SMALL, 3, chunks=(chunks[0], chunks[1]), **how)  # type: ignore[arg-type]


@cache
def right() -> list[Case]:
    """The same for every core, made once."""
    return [small(), small(table=True), *pairs.random_cases(50, 2000)]


def wrong() -> list[Case]:
    """A wrong weight, factor and limit, a threshold of the table, a border."""
    spoilt = [small(spoil=what) for what in ("weight", "factor", "limit")]
    border = small()
    border = replace(border, numbers=(*border.numbers[:15], 0, *border.numbers[16:]))
    return [*spoilt, small(table=True, spoil="limit"), border]


def check(played: list[build.Outcome]) -> None:
    good = len(right())
    assert [c.name for c, r in zip(right(), played, strict=False) if r.mismatches] == []
    assert [bool(r.mismatches) for r in played[good:]] == [True] * (len(played) - good)
    assert len(played) == good + len(wrong())


@pytest.mark.host_c
def test_on_this_machine(host: Play) -> None:
    check(host([*right(), *wrong()]))


def test_less_scratch_costs_instructions_and_least_is_taken_where_none_fits() -> None:
    shapes = (ConvShape(12, 12, 64, 12, 12, 64), ConvShape(12, 12, 64, 12, 12, 64, 1, 1))
    for core in ("m0plus", "m4", "m55"):
        chosen = [pair.choose(shapes, core, limit) for limit in (40960, 16384, 6000, 100)]
        assert [c.scratch <= 40960 for c in chosen] == [True] * 4
        assert chosen[1].scratch <= 16384
        assert chosen[2].scratch <= 6000
        costs = [c.instructions for c in chosen[:3]]
        assert costs == sorted(costs)
        assert chosen[3].scratch == min(
            pair.scratch(shapes, b) for b in pair.divisions(shapes, core)
        )
