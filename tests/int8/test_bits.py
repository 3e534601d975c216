"""Signs of int8 convolutions: as the interpreters have it, on the host and on emulated cores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convert.ir import Array
from convert.oracle import Oracle
from tests.convert.flat import NONE, RELU, SAME, VALID, Flat
from tests.host_c import HostModels
from tests.int8.beside_bits import (
    compiled,
    conv2d,
    only_the_right_one_is_right,
    runs_as_here,
    wrong,
)

host_c = pytest.mark.host_c
Rng = Any


def case(rng: Rng, **given: Any) -> tuple[bytes, list[dict[str, Array]]]:
    """A convolution of one channel and its sign; two pictures. `shown`: the map is an output too;
    `given` says what else is not left to chance."""
    what: dict[str, Any] = {
        "sides": tuple(int(v) for v in rng.integers(1, 14, 2)),
        "channels": 1,
        "kernel": (3, 3),
        "stride": tuple(int(v) for v in rng.integers(1, 4, 2)),
        "dilation": (1, 1),
        "padding": SAME,
        "filters": int(rng.choice([1, 3, 8, 16, 20, 32, 40, 64, 70])),
        "activation": int(rng.choice([NONE, NONE, NONE, RELU])),
        "least": int(rng.integers(-128, 128)),
        "zero": int(rng.choice([-128, -128, 0, 5, 127])),
        "shown": False,
    }
    if rng.random() < 0.2:
        what |= {"dilation": (int(rng.integers(1, 3)), int(rng.integers(1, 3))), "stride": (1, 1)}
    what |= given
    h, w = what["sides"]
    if what["padding"] == VALID:
        h, w = h + 6, w + 6
    f, scale = Flat(), 0.02
    shape = (1, h, w, what["channels"])
    x = f.input("x", shape, "int8", (scale, what["zero"]))
    y = conv2d(f, x, rng, what, scale)
    f.output("bits", f.quantize(y))
    if what["shown"]:
        f.output("map", y)
    pictures = [{"x": rng.integers(-128, 128, shape).astype(np.int8)} for _ in range(2)]
    return f.finish(), pictures


# What keeps the map.
OTHERS: list[dict[str, Any]] = [{"shown": True}, {"channels": 3}, {"kernel": (3, 2)}]


@pytest.fixture(scope="module")
def cases() -> list[tuple[bytes, list[dict[str, Array]]]]:
    rng = np.random.default_rng(41)
    some = [case(rng, padding=SAME if k % 3 else VALID) for k in range(50)]
    return some + [case(rng, **given) for given in OTHERS]


@host_c
@pytest.mark.keras
def test_equals_the_interpreters(cases: Any, tmp_path: Any) -> None:
    models = {f"m{k}": compiled(content) for k, (content, _) in enumerate(cases)}
    for k, made in enumerate(models.values()):
        kinds = [op.kind for op in made.graph.ops]
        assert (kinds[0] == "conv2d_i8_bits") == (k < len(cases) - len(OTHERS)), k
    host = HostModels(tmp_path, models)
    requests = [(f"m{k}", x, False) for k, (_, given) in enumerate(cases) for x in given]
    answers = iter(host.run(requests))
    words: list[int] = []
    for content, given in cases:
        oracle = Oracle(content)
        for x in given:
            found = next(answers).outputs
            for name, expected in oracle.predict(x).items():
                assert found[name].tobytes() == expected.tobytes(), name
                words += expected.reshape(-1).tolist() if name == "bits" else []
    assert len(set(words)) > 1000


def test_cores_without_lanes_keep_the_map() -> None:
    content, _ = case(np.random.default_rng(2))
    for core, lanes in {"cortex-m3": False, "cortex-m4": True, "cortex-m55": False}.items():
        kinds = [op.kind for op in compiled(content, core).graph.ops]
        assert ("conv2d_i8_bits" in kinds) is lanes, core


@host_c
def test_wrong_filters_and_borders_are_noticed(tmp_path: Any) -> None:
    """Every word of a filter counts, so does what lies outside of the map."""
    content, pictures = case(np.random.default_rng(6), sides=(13, 12), filters=3, zero=5,
                             stride=(1, 1), dilation=(1, 1), activation=NONE)  # fmt: skip
    right = compiled(content)
    packed = right.graph.ops[0].attrs["packed"]
    models = {"right": right, "zero": wrong(right, 0, in_zero=-90)}
    for word in range(6):
        changed = packed.copy()
        changed[2, word] += 2000 if word == 0 else 40
        models[f"word {word}"] = wrong(right, 0, packed=changed)
    only_the_right_one_is_right(models, pictures[0], "bits", tmp_path)


@pytest.mark.emulator
@host_c
@pytest.mark.parametrize("core", ["m4", "m7"])
def test_equal_on_cores(core: str, cases: Any, tmp_path: Any) -> None:
    """And two thirds of the instructions at most of the map and its signs."""
    content, _ = case(np.random.default_rng(8), sides=(64, 64), filters=32, stride=(2, 2),
                      dilation=(1, 1))  # fmt: skip
    models = [compiled(c) for c, _ in cases] + [
        compiled(content),
        compiled(content, "cortex-m3"),
    ]
    found = runs_as_here(core, models, tmp_path)
    assert len({run.hash for run in found}) > 40
    bits, both = found[-2:]
    assert bits.hash == both.hash
    assert 0.9 < bits.instructions / (32 * 32 * 32 * 9) < 1.2
    assert bits.instructions < 0.6 * both.instructions
