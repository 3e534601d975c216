"""Convolutions of few channels: where their filters are packed, that nothing is read or written
beside maps and scratch, and what they cost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.arrange import Options
from convert.compile import Compiled, compile_bytes
from kit.kernels import int8, source
from kit.kernels.case import Case
from kit.kernels.data import crc, random_words
from kit.kernels.int8 import Int8Shape
from tests.int8 import batch, cores
from tests.int8.beside_bits import wrong
from tests.int8.flat_networks import Net

host_c = pytest.mark.host_c

# Every case on blocks that end where its map ends: the words it reads, then the words it wrote.
MAIN = r"""
#include <stdio.h>
#include <stdlib.h>

#include "bw_bench.h"

int main(void)
{
    for (uint32_t k = 0; k < bw_bench_count; k++) {
        const bw_bench_case *c = &bw_bench_cases[k];
        uint32_t *in = malloc(4u * c->in_words), *out = malloc(4u * c->out_words);
        uint32_t *scratch = malloc(4u * c->scratch_words);
        if (fread(in, 4, c->in_words, stdin) != c->in_words) {
            return 2;
        }
        for (uint32_t i = 0; i < c->out_words; i++) {
            out[i] = 0x5AFE5AFEu;
        }
        for (uint32_t i = 0; i < c->scratch_words; i++) {
            scratch[i] = 0x81818181u;
        }
        c->run(in, out, scratch);
        fwrite(out, 4, c->out_words, stdout);
        free(in);
        free(out);
        free(scratch);
    }
    return 0;
}
"""


def _shapes(rng: np.random.Generator, n: int) -> list[Int8Shape]:
    """Random ones whose maps fill whole words, so that a block ends with its map."""
    out: list[Int8Shape] = []
    while len(out) < n:
        h, w = (int(v) for v in rng.integers(1, 13, 2))
        c, k = int(rng.choice([1, 1, 2, 3, 4])), int(rng.choice([2, 3, 3, 4, 5, 7]))
        co, stride = int(rng.integers(1, 14)), int(rng.integers(1, 4))
        if h * w * c % 4 == 0:
            out.append(Int8Shape("CONV_2D", h, w, c, co, k, stride))
    return out


def _run(folder: Path, cases: list[Case], define: str) -> bytes:
    (folder / "cases.c").write_text(source.emit(cases))
    (folder / "main.c").write_text(MAIN)
    units = [folder / "cases.c", folder / "main.c", *(batch.MCU / "kernels/int8").glob("*.c")]
    include = [f"-I{batch.MCU / d}" for d in ("include", "bench", "kernels/int8")]
    line = ["gcc", "-O1", *batch.FLAGS, f"-D{define}", *include, *map(str, units)]
    built = subprocess.run([*line, "-o", str(folder / "run")], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[:4000]
    given = b"".join(random_words(c.seed, c.given.words).astype("<u4").tobytes() for c in cases)
    done = subprocess.run([str(folder / "run")], input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[:4000]
    return done.stdout


@host_c
@pytest.mark.parametrize("define", ["BW_DSP_IN_C", "BW_HOST"])
def test_nothing_beside_the_maps_is_touched(define: str, tmp_path: Path) -> None:
    shapes = _shapes(np.random.default_rng(3), 150)
    cases = [int8.case(f"{s}", s, "cortex-m4", k, {}) for k, s in enumerate(shapes)]
    packed = sum("packed" in dict(case.call.fields) for case in cases)
    assert 100 < packed < len(cases)  # some have too many taps
    words, at = np.frombuffer(_run(tmp_path, cases, define), "<u4"), 0
    for case in cases:
        assert crc(words[at : at + case.out_words]) == case.expected, case.name
        at += case.out_words
    assert at == len(words)


def _model(side: int, c: int, n: int, k: int, stride: int = 1, act: int = 0) -> bytes:
    net = Net(5)
    return net.content(net.conv(net.input((1, side, side, c)), n, k, stride, act))


def _conv(content: bytes, core: str) -> dict[str, Any]:
    made = compile_bytes(content, name="x", options=Options(core=core))
    assert isinstance(made, Compiled)
    return dict(made.graph.ops[0].attrs)


def test_filters_are_packed_where_that_is_of_use() -> None:
    for core, expected in {
        "cortex-m4": True,
        "cortex-m7": True,
        "cortex-m33": True,
        "cortex-m0": False,
        "cortex-m3": False,
        "cortex-m55": False,
    }.items():
        assert ("packed" in _conv(_model(8, 1, 6, 3), core)) == expected, core  # fmt: skip
    assert _conv(_model(8, 1, 6, 3), "cortex-m4")["packed"].shape == (6, 9)
    assert _conv(_model(8, 3, 5, 3), "cortex-m4")["packed"].shape == (3, 28 + 7)
    for c, k in ((5, 3), (3, 5), (4, 1)):  # channels, taps, a window of one pixel
        assert "packed" not in _conv(_model(8, c, 4, k), "cortex-m4")


@host_c
@pytest.mark.parametrize("k", [3, 5])
def test_a_wrong_word_is_noticed(k: int, tmp_path: Path) -> None:
    """Every word of the last filter, or of the last two, is read and counts."""
    right = batch.compiled_model(_model(9, 1, 4, k))
    packed = right.graph.ops[0].attrs["packed"]
    models = [right]
    for word, value in enumerate(packed[-1].tolist()):
        changed = packed.copy()
        bias, multiplier = word < k // 2, abs(value) >= 1 << 30
        changed[-1, word] += -(1 << 26) if multiplier else 1 << 14 if bias else 8
        models.append(wrong(right, 0, packed=changed))
    inputs = batch.random_inputs(right, np.random.default_rng(4), 12)
    right_answers, *answers = batch.Program(models, tmp_path, define="BW_DSP_IN_C").answers(
        [inputs] * len(models)
    )
    for word, found in enumerate(answers):
        same = all((a[0] == b[0]).all() for a, b in zip(right_answers, found, strict=True))
        assert not same, f"word {word}"


# Instructions a multiply-accumulate on the emulated Cortex-M4: what they may be, and what the
# kernel for many channels took.
COSTS = {
    "3x3, 1 to 16, stride 2, 64x64": (_model(64, 1, 16, 3, 2), 1.80, 6.03),
    "3x3, 1 to 32, stride 2, 64x64": (_model(64, 1, 32, 3, 2), 1.70, 5.03),
    "3x3, 1 to 64, 32x32": (_model(32, 1, 64, 3), 1.65, 4.53),
    "5x5, 1 to 32, 32x32": (_model(32, 1, 32, 5), 1.55, 2.80),
    "3x3, 2 to 32, 32x32": (_model(32, 2, 32, 3), 1.70, 3.00),
    "3x3, 3 to 16, stride 2, 64x64": (_model(64, 3, 16, 3, 2), 1.60, 2.82),
    "3x3, 4 to 32, 32x32": (_model(32, 4, 32, 3), 1.25, 2.15),
}


@pytest.mark.emulator
def test_instructions(tmp_path: Path) -> None:
    models = [batch.compiled_model(content) for content, _, _ in COSTS.values()]
    found = cores.on_core("m4", tmp_path, cores.write(models, tmp_path))
    for (name, (_, most, before)), model, run in zip(COSTS.items(), models, found, strict=True):
        each = run.instructions / model.graph.ops[0].attrs["macs"]
        print(f"{name}: {each:.3f}, was {before}")
        assert 1.0 < each <= most, name


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc")
@pytest.mark.parametrize("optimize", ["-O1", "-Os", "-O2", "-O3"])
@pytest.mark.parametrize(
    "core", ["-mcpu=cortex-m4", "-mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mfloat-abi=hard"]
)
def test_the_loops_compile_where_a_frame_pointer_is_asked_for(
    core: str, optimize: str, tmp_path: Path
) -> None:
    """As Zephyr does; it would take one of the registers that the loops need."""
    sources = sorted((batch.MCU / "kernels/int8").glob("*_dsp.c"))
    assert len(sources) > 4
    sources += [batch.MCU / f"kernels/int8/bw_conv2d_i8_{name}.c" for name in ("signs", "bits")]
    folders = [f"-I{batch.MCU / name}" for name in ("include", "kernels")]
    flags = ["-mthumb", *core.split(), "-fno-omit-frame-pointer", optimize, "-std=c11", "-Wall",
             "-Wextra", "-Werror", *folders]  # fmt: skip
    made = subprocess.run(
        ["arm-none-eabi-gcc", *flags, "-c", *map(str, sources)],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
