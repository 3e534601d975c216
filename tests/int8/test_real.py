"""float32 operators in C beside TFLite's reference kernels, bit for bit; and the exponential."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.int8 import batch
from tests.int8.cases_real import REAL

pytestmark = [pytest.mark.host_c, pytest.mark.keras]

EACH = 15

EXPONENTIAL = r"""
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bitwake/bw_real.h"

int main(void)
{
    unsigned long compared = 0, differ = 0;
    for (unsigned long u = 0; u < 0x100000000ul; u += 211ul) {
        const unsigned bits = (unsigned)u;
        float x;
        memcpy(&x, &bits, sizeof x);
        const float a = bw_expf(x), b = expf(x);
        compared++;
        differ += memcmp(&a, &b, sizeof a) != 0 && !(a != a && b != b);
    }
    printf("%lu %lu\n", compared, differ);
    return 0;
}
"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: Any) -> dict[str, Sequence[Any]]:
    rng = np.random.default_rng(7)
    table = [(name, maker(rng, k)) for name, maker in REAL.items() for k in range(EACH)]
    compiled = [batch.compiled_model(model.content) for _, model in table]
    inputs = [batch.random_inputs(c, rng, 3) for c in compiled]
    answers = batch.Program(compiled, tmp_path_factory.mktemp("real")).answers(inputs)
    out: dict[str, list[Any]] = {}
    for (name, model), c, i, a in zip(table, compiled, inputs, answers, strict=True):
        out.setdefault(name, []).append((model, c, i, a))
    return out


@pytest.mark.parametrize("name", list(REAL))
def test_equals_the_reference(name: str, cases: dict[str, Sequence[Any]]) -> None:
    for model, compiled, inputs, answers in cases[name]:
        reference = batch.Reference(model.content, compiled)
        for given, found in zip(inputs, answers, strict=True):
            for expected, got in zip(reference.answer(given), found, strict=True):
                assert got.tobytes() == expected.tobytes(), model.label


def test_every_layer_is_listed_as_float(cases: dict[str, Sequence[Any]]) -> None:
    for rows in cases.values():
        for _, compiled, _, _ in rows:
            assert [row["float"] for row in compiled.emitted.layers] == [True]


def test_one_unit_in_the_last_place_is_noticed(cases: dict[str, Sequence[Any]]) -> None:
    """The comparison above is of bits: the next float is another answer."""
    model, compiled, inputs, answers = cases["FULLY_CONNECTED"][0]
    expected = batch.Reference(model.content, compiled).answer(inputs[0])[0]
    nudged = np.nextafter(answers[0][0], np.float32(np.inf))
    assert answers[0][0].tobytes() == expected.tobytes()
    assert nudged.tobytes() != expected.tobytes()


def test_exponential_is_the_hosts(tmp_path: Any) -> None:
    """Every 211th of all floats. The host's expf is what TFLite's reference calls."""
    source, program = tmp_path / "exponential.c", tmp_path / "exponential"
    source.write_text(EXPONENTIAL)
    kernel = batch.MCU / "kernels" / "real" / "bw_expf.c"
    line = ["gcc", "-std=c11", "-O2", "-ffp-contract=off", f"-I{batch.MCU / 'include'}"]
    subprocess.run([*line, str(source), str(kernel), "-o", str(program), "-lm"], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    compared, differ = map(int, done.stdout.split())
    assert compared > 20_000_000
    assert differ == 0
