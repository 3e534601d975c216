"""Predicted instructions against the emulator, on shapes that the fit has not seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from convert.planar import cost
from convert.planar import lanes as lane_arrays
from convert.planar.geometry import ConvShape, choose
from tests.planar import build
from tests.planar.cases import conv, lanes, same

UNSEEN = (
    same(ConvShape(16, 16, 64, 0, 0, 64)),
    same(ConvShape(12, 12, 128, 0, 0, 32)),
    same(ConvShape(24, 24, 32, 0, 0, 32, groups=2)),
    same(ConvShape(10, 14, 96, 0, 0, 64, 1, 1)),
    same(ConvShape(24, 24, 16, 0, 0, 32, stride_h=2, stride_w=2)),
)


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("core", "error"), [("m4", 0.03), ("m3", 0.03), ("m0plus", 0.08), ("m55", 0.12)]
)
def test_prediction(core: str, error: float, tmp_path: Path) -> None:
    blocks = cost.BLOCKS[core][0]
    chunks = [replace(choose(s), blocks=blocks) for s in UNSEEN]
    cases = [conv(shape, 1, chunks=c) for shape, c in zip(UNSEEN, chunks, strict=True)]
    terms = [cost.conv_terms(s, c, core) for s, c in zip(UNSEEN, chunks, strict=True)]
    expected = [cost.instructions("conv", t, core) for t in terms]
    small = same(ConvShape(6, 6, 96, 0, 0, 64))
    chunk = lane_arrays.choose(small)
    cases.append(lanes(small, 1, blocks=blocks))
    small_terms = cost.lane_terms(small, chunk, blocks, core)
    expected.append(cost.instructions("lanes", small_terms, core))
    measured = build.run_core(core, cases, tmp_path)
    for case, guess, result in zip(cases, expected, measured, strict=True):
        assert guess == pytest.approx(result.instructions, rel=error), case.name


def test_small_maps_take_lanes_of_outputs() -> None:
    """The crossover that the measurements show: pixels fill 32 lanes badly below 8 × 8."""
    kernel = {n: cost.choices(same(ConvShape(n, n, 128, 0, 0, 128)))[0].kernel for n in (3, 6, 8)}
    assert kernel == {3: "lanes", 6: "lanes", 8: "conv"}
    assert len({c.kernel for c in cost.choices(same(ConvShape(8, 8, 8, 0, 0, 8, groups=2)))}) == 1


def test_less_scratch_costs_instructions() -> None:
    shape = same(ConvShape(24, 24, 64, 0, 0, 64))
    fitting = [cost.cheapest(shape, scratch) for scratch in (16384, 8192, 6000)]
    assert [c.scratch <= n for c, n in zip(fitting, (16384, 8192, 6000), strict=True)] == [True] * 3
    assert [c.instructions for c in fitting] == sorted(c.instructions for c in fitting)
    with pytest.raises(ValueError, match="the least is"):
        cost.cheapest(shape, 500)
