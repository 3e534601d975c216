"""Splitting, pooling, layouts and encoding against obvious numpy, on host and emulated cores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.planar import build, maps
from tests.planar.conftest import Play


@pytest.mark.host_c
def test_on_this_machine(host: Play) -> None:
    cases = maps.all_cases()
    assert [c.name for c, r in zip(cases, host(cases), strict=True) if r.mismatches] == []


@pytest.mark.host_c
def test_notices_one_wrong_bit(host: Play) -> None:
    broken = []
    for case in (maps.split(5, 33, 2, (2, 2), (2, 2)), maps.encode(5, 37, 1, 8, 2)):
        words = case.arrays[0].copy()
        words[0] ^= 1 << 5
        broken.append(replace(case, arrays=(words, *case.arrays[1:])))
    pool = maps.maxpool(7, 11, 3, 3, 2, 1, (4, 6))
    broken.append(replace(pool, numbers=(*pool.numbers[:11], 0, *pool.numbers[12:])))
    assert all(r.mismatches for r in host(broken))


@pytest.mark.emulator
@pytest.mark.parametrize("core", ["m0plus", "m4", "m55"])
def test_emulated_core(core: str, tmp_path: Path) -> None:
    cases = maps.all_cases()
    results = build.run_core(core, cases, tmp_path)
    assert [c.name for c, r in zip(cases, results, strict=True) if r.mismatches] == []
