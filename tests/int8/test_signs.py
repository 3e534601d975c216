"""int8 convolutions that read bits: as the interpreters have it, on the host and emulated cores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from convert.compile import Compiled
from convert.ir import Array
from convert.oracle import Oracle
from tests.convert.cases import packed_noise
from tests.convert.flat import NONE, RELU, SAME, VALID, Flat
from tests.host_c import HostModels
from tests.int8.beside_bits import (
    compiled,
    conv2d,
    only_the_right_one_is_right,
    plus,
    runs_as_here,
    wrong,
)

host_c = pytest.mark.host_c
Rng = Any


@dataclass(frozen=True)
class Case:
    """A model whose bits one or two convolutions read, and whether they read signs."""

    content: bytes
    inputs: list[dict[str, Array]]
    signs: bool
    what: dict[str, Any] = field(default_factory=dict)


def case(rng: Rng, **given: Any) -> Case:
    """Random sides, windows, filters; `given` says what is not left to chance."""
    kernel = tuple(int(v) for v in rng.choice([1, 1, 2, 3, 3, 5], 2))
    what: dict[str, Any] = {
        "sides": tuple(int(v) for v in rng.integers(5, 11, 2)),
        "channels": int(rng.choice([8, 16, 24, 32, 40, 64, 72])),
        "kernel": kernel,
        "stride": tuple(int(v) for v in rng.integers(1, 4, 2)),
        "dilation": (int(rng.choice([1, 1, 2])) if kernel[0] > 1 else 1, 1),
        "padding": int(rng.choice([SAME, SAME, VALID])),
        "filters": int(rng.integers(1, 14)),
        "activation": int(rng.choice([NONE, NONE, RELU])),
        "least": -127,
        "scale": 1.0,
        "zero": int(rng.choice([0, 0, -127, 90])),
        "residual": bool(rng.random() < 0.4),
        "readers": int(rng.integers(1, 3)),
        "shown": False,
    }
    what |= given
    if what["dilation"][0] > 1:  # as TensorFlow: either a stride or a dilation
        what["stride"] = (1, 1)
    h, w = what["sides"]
    what["kernel"] = (min(what["kernel"][0], h // what["dilation"][0]), min(what["kernel"][1], w))
    f = Flat()
    x = f.input("x", (1, h, w, -(-what["channels"] // 32)), "int32")
    pm = f.dequantize(x, what["channels"], (what["scale"], what["zero"]))
    one = {"x": packed_noise(rng, (1, h, w), what["channels"])}
    for k in range(what["readers"]):
        y = conv2d(f, pm, rng, what, what["scale"])
        if what["residual"] and k == 0:
            quant = (0.3, int(rng.integers(-20, 20)))
            beside = f.input("beside", f.shapes[y], "int8", quant)
            one["beside"] = rng.integers(-128, 128, f.shapes[y]).astype(np.int8)
            y = plus(f, y, beside, rng) if rng.random() < 0.5 else plus(f, beside, y, rng)
        f.output(f"y{k}", y)
    if what["shown"]:
        f.output("pm", pm)
    zero = int(what["zero"])
    plain = what["scale"] == 1.0 and -127 <= zero <= 126 and what["least"] > -128
    fits = plain and what["channels"] % 8 == 0 and what["dilation"][1] == 1 and not what["shown"]
    noise = {"x": packed_noise(rng, (1, h, w), what["channels"])}
    return Case(f.finish(), [one, {**one, **noise}], fits, what)


# What keeps a map's readers at products.
OTHERS: list[dict[str, Any]] = [
    {"channels": 20}, {"scale": 0.5}, {"zero": 127}, {"least": -128}, {"shown": True},
    {"dilation": (1, 2), "kernel": (3, 3), "stride": (1, 1), "sides": (9, 9)},
]  # fmt: skip


def reads_signs(made: Compiled) -> bool:
    """Whether its convolutions read signs: all of them or none."""
    kinds = [op.kind.endswith("_signs") for op in made.graph.ops if op.kind.startswith("conv2d")]
    assert kinds
    assert len(set(kinds)) == 1
    return kinds[0]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    rng = np.random.default_rng(31)
    return [case(rng) for _ in range(60)] + [case(rng, **given) for given in OTHERS]


@host_c
@pytest.mark.keras
def test_equals_the_interpreters(cases: list[Case], tmp_path: Any) -> None:
    models = {f"m{k}": compiled(one.content) for k, one in enumerate(cases)}
    for one, made in zip(cases, models.values(), strict=True):
        assert reads_signs(made) == one.signs, one.what
    kinds = [op.kind for made in models.values() for op in made.graph.ops]
    assert min(kinds.count("conv2d_i8_signs"), kinds.count("conv2d_add_i8_signs")) > 15
    host = HostModels(tmp_path, models)
    requests = [(f"m{k}", given, False) for k, one in enumerate(cases) for given in one.inputs]
    answers, seen = iter(host.run(requests)), set()
    for one in cases:
        oracle = Oracle(one.content)
        for given in one.inputs:
            found = next(answers).outputs
            for name, expected in oracle.predict(given).items():
                assert found[name].tobytes() == expected.tobytes(), (one.what, name)
                seen |= set(expected.reshape(-1).tolist())
    assert len(seen) > 200


@pytest.mark.parametrize(
    ("core", "lanes"),
    [("cortex-m0", False), ("cortex-m3", False), ("cortex-m4", True), ("cortex-m7", True),
     ("cortex-m33", True), ("cortex-m55", False)],
)  # fmt: skip
def test_cores_with_two_lanes_alone_read_signs(core: str, lanes: bool) -> None:
    content = case(np.random.default_rng(2)).content
    assert reads_signs(compiled(content, core)) is lanes


@host_c
def test_wrong_filters_and_biases_are_noticed(tmp_path: Any) -> None:
    """Of four filters, and of one that is left; taps within a line, and in the last."""
    rng = np.random.default_rng(5)
    one = case(rng, filters=5, kernel=(3, 3), channels=16, residual=False, readers=1, zero=0,
               padding=SAME, stride=(1, 1), dilation=(1, 1), activation=NONE)  # fmt: skip
    right = compiled(one.content)
    attrs = right.graph.ops[-1].attrs
    models = {"right": right}
    for at in (0, 5, 4 * 144 - 1, 4 * 144, 5 * 144 - 1):
        weights = attrs["weights"].copy()
        weights[at] ^= 64
        models[f"weight {at}"] = wrong(right, -1, weights=weights)
    for o in (0, 3, 4):
        channels = attrs["channels"].copy()
        channels[o // 4, 0, o % 4] += 200
        models[f"bias {o}"] = wrong(right, -1, channels=channels)
    models["left"] = wrong(right, -1, pad_left=0)
    models["rows"] = wrong(right, -1, dilation_h=2)
    only_the_right_one_is_right(models, one.inputs[0], "y0", tmp_path)


@pytest.mark.emulator
@host_c
@pytest.mark.parametrize("core", ["m4", "m7"])
def test_equal_on_cores(core: str, cases: list[Case], tmp_path: Any) -> None:
    """And fewer than half of the instructions of the products for a usual window."""
    rng = np.random.default_rng(8)
    usual = case(rng, sides=(16, 16), channels=32, filters=16, kernel=(3, 3), stride=(1, 1),
                 dilation=(1, 1), padding=SAME, residual=False, readers=1)  # fmt: skip
    models = [compiled(one.content) for one in cases] + [
        compiled(usual.content),
        compiled(usual.content, "cortex-m3"),
    ]
    found = runs_as_here(core, models, tmp_path)
    assert len({run.hash for run in found}) > 50
    signs, products = found[-2:]
    assert signs.hash == products.hash
    assert 0.3 < signs.instructions / (16 * 16 * 16 * 288) < 0.55
    assert signs.instructions < 0.5 * products.instructions
