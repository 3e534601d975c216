"""Binary operators on emulated cores: each answers what this machine does.

What this machine answers, with the portable kernels, is compared with LCE's interpreter elsewhere,
on models of the same kinds (`test_operators`, `test_join`). Here every model is compiled packed and
planar for the core that takes most lanes at once, and runs on every core with the kernels that it
has: portable C, Thumb-2, DSP, MVE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from convert.arrange import Options
from convert.compile import Compiled, compile_bytes
from tests.convert import cases, join_cases
from tests.convert.cases import Case, filter_bits, thresholds_for
from tests.convert.flat import SAME, VALID, Flat
from tests.convert.test_controls import CHANGES, LANES, PLANAR, mutate, network
from tests.host_c import packed_noise
from tests.int8 import cores

pytestmark = [pytest.mark.emulator, pytest.mark.host_c]

SEED = 44
CORE = "cortex-m55"
KINDS = {"bconv2d_bits", "bconv2d_f32", "bconv2d_i8", "bconv2d_add_i8", "bconv2d_pair_bits",
         "planar_conv_bits", "lane_conv_bits", "planar_pair_bits", "logic_bits",
         "planar_logic_bits", "bmaxpool2d_bits", "planar_bmaxpool2d_bits", "unpack_planes",
         "pack_planes"}  # fmt: skip


def wide_case(
    rng: np.random.Generator, size: tuple[int, int], channels: int, groups: int, co: int,
    kernel: int, stride: int, dilation: int, padding: int,
) -> Case:  # fmt: skip
    """A convolution to bits of as many channels as networks have."""
    f = Flat()
    x = f.input("x", (1, *size, -(-channels // 32)), "int32")
    bits = filter_bits(rng, co, kernel, kernel, channels // groups)
    thresholds = thresholds_for(rng, co, bits[0].size)
    f.output("y", f.bconv(x, bits, channels, thresholds=thresholds, stride=(stride, stride),
                          dilation=(dilation, dilation), padding=padding))  # fmt: skip
    return Case(f.finish(), [{"x": packed_noise(rng, (1, *size), channels)}])


# Rows and columns, channels, groups, outputs, kernel, stride, dilation, padding.
WIDE = (
    ((5, 7), 512, 1, 8, 3, 1, 1, SAME), ((5, 5), 512, 4, 32, 3, 1, 1, SAME),
    ((9, 13), 256, 8, 64, 3, 2, 1, SAME), ((6, 6), 320, 1, 96, 1, 1, 1, VALID),
    ((12, 12), 128, 1, 128, 1, 1, 1, SAME), ((11, 7), 100, 1, 40, 3, 1, 2, SAME),
    ((15, 15), 48, 1, 34, 5, 2, 1, VALID), ((13, 6), 96, 3, 96, 3, 1, 2, VALID),
)  # fmt: skip


def all_cases() -> Iterator[tuple[str, Case]]:
    for i, shape in enumerate(WIDE):
        yield f"wide {i}", wide_case(np.random.default_rng([SEED, i]), *shape)
    yield from cases.bconv_cases(SEED, 5, 1)
    kinds = (
        ("pool", cases.pool_case, 3),
        ("move", cases.move_case, 1),
        ("pair", join_cases.pair_case, 3),
        ("logic", join_cases.logic_case, 5),
        ("residual", join_cases.residual_case, 4),
    )
    yield from cases.several(SEED, kinds)


def laid_out(content: bytes, layout: str) -> Compiled:
    made = compile_bytes(content, name="case", options=Options(core=CORE, layout=layout))
    assert isinstance(made, Compiled), [r.as_dict() for r in made]
    return made


CONTROLS = {
    "packed": ("lane threshold", "lane origin", "lane group", "logic", "pair limit",
               "residual side"),
    "planar": ("planar threshold", "planar origin", "planar group",
               "planar window", "planar pair factor", "planar pair weight", "planar logic"),
}  # fmt: skip


def controls() -> dict[str, Compiled]:
    """A network with most kernels, and the same with one thing wrong in one of them."""
    content, _ = network()
    made = {}
    for layout, names in CONTROLS.items():
        right = laid_out(content, layout)
        made[f"control {layout}"] = right
        for name in names:
            made[f"control {layout}, {name}"] = mutate(right, *(CHANGES | PLANAR | LANES)[name])
    return made


@dataclass(frozen=True)
class Grid:
    """Models as one program, their names, and what they answer on this machine."""

    names: list[str]
    sources: list[Path]
    folder: Path
    expected: list[cores.Run]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    models: dict[str, Compiled] = {}
    for name, case in all_cases():
        packed, planar = (laid_out(case.content, layout) for layout in ("packed", "planar"))
        models[f"{name} [packed]"] = packed
        if planar.emitted.source != packed.emitted.source:
            models[f"{name} [planar]"] = planar
    models |= controls()
    assert {op.kind for model in models.values() for op in model.graph.ops} >= KINDS
    folder = tmp_path_factory.mktemp("cores")
    sources = cores.write(list(models.values()), folder, binary=True)
    return Grid(list(models), sources, folder, cores.on_host(folder, sources))


@pytest.mark.parametrize("core", list(cores.CORES))
def test_every_core_answers_what_this_machine_does(core: str, grid: Grid) -> None:
    found = cores.on_core(core, grid.folder, grid.sources)
    pairs = zip(grid.names, found, grid.expected, strict=True)
    assert [name for name, mine, wanted in pairs if mine.hash != wanted.hash] == []
    answers = {name: run.hash for name, run in zip(grid.names, found, strict=True)}
    planar = [name for name in answers if name.endswith(" [planar]")]
    assert len(planar) > 15
    for name in planar:
        assert answers[name] == answers[name.replace("planar", "packed")], name
    assert len(set(answers.values())) > 0.8 * (len(answers) - len(planar))
    right = {answers["control packed"], answers["control planar"]}
    assert len(right) == 1
    wrong = [name for name in answers if name.startswith("control ") and "," in name]
    assert len(wrong) == sum(len(names) for names in CONTROLS.values())
    assert [name for name in wrong if answers[name] in right] == []
