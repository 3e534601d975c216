"""Splitting, pooling, layouts and encoding against obvious numpy, on this machine.

`test_conv` runs the same cases on emulated cores.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.planar import maps
from tests.planar.cases import Case
from tests.planar.conftest import Play


@pytest.mark.host_c
def test_on_this_machine(host: Play) -> None:
    cases = maps.all_cases()
    assert [c.name for c, r in zip(cases, host(cases), strict=True) if r.mismatches] == []


def wrong() -> list[Case]:
    """A wrong bit of a map that is split, encoded and unpacked; a border of a pooling."""
    broken = []
    unpack = maps.layouts(100, 70)[0]
    for case in (maps.split(5, 33, 2, (2, 2), (2, 2)), maps.encode(5, 37, 1, 8, 2), unpack):
        words = case.arrays[0].copy()
        words[0] ^= 1 << 5
        broken.append(replace(case, arrays=(words, *case.arrays[1:])))
    pool = maps.maxpool(7, 11, 3, 3, 2, 1, (4, 6))
    return [*broken, replace(pool, numbers=(*pool.numbers[:11], 0, *pool.numbers[12:]))]


@pytest.mark.host_c
def test_notices_one_wrong_bit(host: Play) -> None:
    assert all(r.mismatches for r in host(wrong()))
