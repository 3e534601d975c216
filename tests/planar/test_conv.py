"""The planar convolution against the oracle, on this machine and on emulated cores."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from convert.planar.geometry import Chunks, ConvShape, choose, chunkings
from convert.planar.pack import biases, pack
from tests.planar import build, maps, shapes
from tests.planar.cases import Case, conv, lanes
from tests.planar.conftest import Play
from tests.planar.test_maps import wrong as map_controls
from tests.planar.test_pair import right as pairs_of_cores
from tests.planar.test_pair import wrong as pair_controls

SMALL = ConvShape(7, 9, 6, 7, 9, 5)


@pytest.mark.host_c
def test_random_shapes(host: Play) -> None:
    cases = shapes.random_cases(150, 1)
    wrong = [c.name for c, r in zip(cases, host(cases), strict=True) if r.mismatches]
    assert wrong == []


@pytest.mark.host_c
def test_every_chunk_size(host: Play) -> None:
    cases = shapes.chunk_cases()
    wrong = [c.name for c, r in zip(cases, host(cases), strict=True) if r.mismatches]
    assert wrong == []


@pytest.mark.host_c
def test_lanes_of_outputs(host: Play) -> None:
    cases = shapes.lane_cases(60, 7)
    wrong = [c.name for c, r in zip(cases, host(cases), strict=True) if r.mismatches]
    assert wrong == []
    case = lanes(SMALL, 1)
    column = replace(case, numbers=(*case.numbers[:14], 0, case.numbers[15]))
    results = host([case, lanes(SMALL, 1, flip=77), column])
    assert [bool(r.mismatches) for r in results] == [False, True, True]


@pytest.mark.host_c
def test_notices_what_is_wrong_on_purpose(host: Play) -> None:
    wrong = wrong_cases()
    assert [c.name for c, r in zip(wrong, host(wrong), strict=True) if not r.mismatches] == []


@pytest.mark.host_c
def test_notices_flipped_weight_wrong_padding_and_threshold(host: Play) -> None:
    case = conv(SMALL, 1)
    flipped = [conv(SMALL, 1, flip=n) for n in (0, 100, 269)]
    padding = replace(case, numbers=(*case.numbers[:15], 0, *case.numbers[16:]))
    column = replace(case, numbers=(*case.numbers[:16], 0, *case.numbers[17:]))
    bias = case.arrays[3].copy()
    bias[0] += 0x0101
    threshold = replace(case, arrays=(*case.arrays[:3], bias, case.arrays[4]))
    results = host([case, *flipped, padding, column, threshold])
    assert results[0].mismatches == 0
    assert all(r.mismatches for r in results[1:])


@cache
def cases_of_cores() -> list[Case]:
    """The same for every core, made once."""
    return [*shapes.random_cases(50, 1000), *shapes.chunk_cases(), *shapes.lane_cases(20, 9)]


def wrong_cases() -> list[Case]:
    """A wrong weight, threshold, border, column and group, on lanes of pixels and of outputs."""
    grouped = ConvShape(5, 9, 32, 5, 9, 32, groups=2)
    whole, packed = conv(grouped, 3), lanes(grouped, 3)
    bias = whole.arrays[3].copy()
    bias[0] += 0x01010101
    half = len(whole.arrays[2]) // 2
    start = packed.arrays[2] + np.uint32(0x00010001)
    made = {
        "weight": conv(SMALL, 1, flip=50),
        "threshold": replace(whole, arrays=(*whole.arrays[:3], bias, whole.arrays[4])),
        "border": replace(whole, numbers=(*whole.numbers[:15], 0, *whole.numbers[16:])),
        "column": replace(whole, numbers=(*whole.numbers[:16], 0, *whole.numbers[17:])),
        "group": replace(
            whole,
            arrays=(*whole.arrays[:2], np.roll(whole.arrays[2], half), *whole.arrays[3:]),
        ),
        "lane weight": lanes(SMALL, 1, flip=77),
        "lane threshold": replace(packed, arrays=(*packed.arrays[:2], start, packed.arrays[3])),
        "lane border": replace(packed, numbers=(*packed.numbers[:13], 0, *packed.numbers[14:])),
        "lane group": replace(
            packed,
            arrays=(packed.arrays[0], np.roll(packed.arrays[1], len(packed.arrays[1]) // 2),
                    *packed.arrays[2:]),
        ),
    }  # fmt: skip
    return [replace(case, name=name) for name, case in made.items()]


@pytest.mark.emulator
@pytest.mark.parametrize("core", ["m0plus", "m3", "m4", "m7", "m55"])
def test_emulated_core(core: str, tmp_path: Path) -> None:
    """Every kernel in one firmware; what is wrong on purpose, and nothing else, is noticed."""
    wrong = [*wrong_cases(), *pair_controls(), *map_controls()]
    cases = [*cases_of_cores(), *pairs_of_cores(), *maps.all_cases(), *wrong]
    results = build.run_core(core, cases, tmp_path)
    noticed = [c.name for c, r in zip(cases, results, strict=True) if r.mismatches]
    assert noticed == [c.name for c in wrong]


@pytest.mark.parametrize("inputs", [1, 45, 72, 128, 250, 252, 253, 288, 504, 576, 1152])
def test_divisions_are_complete_and_fit(inputs: int) -> None:
    options = chunkings(inputs)
    assert all(o.valid and sum(o.sizes) == o.triples for o in options)
    assert all(inputs <= 3 * o.triples < inputs + 6 for o in options)
    assert [o.chunk for o in options] == sorted({o.chunk for o in options}, reverse=True)


def test_thresholds_by_arithmetic() -> None:
    """The identities behind `biases`, for every count and threshold of a size."""
    for chunks in (Chunks(28, 28), Chunks(28, 14), Chunks(28, 7)):
        inputs = 84
        t = np.arange(-3, inputs + 4, dtype=np.int32)
        flags, bias = biases(t, inputs, chunks)
        for acc in range(inputs + 1):
            u = sum(f.astype(int) for f in flags) + acc
            if len(flags) > 1:
                u = u // 2
            np.testing.assert_array_equal(u + (bias & 255) > 255, acc > t)


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="the least is"):
        choose(SMALL, scratch=200)
    weights = np.zeros((1, 1, 1, 15), bool)
    with pytest.raises(ValueError, match="15 inputs do not go with"):
        pack(weights, np.zeros(1, np.int32), 1, Chunks(5, 5))
