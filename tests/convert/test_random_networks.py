"""Random networks of many operators, branches and outputs: the memory plan and the emitted calls
together give what LCE's interpreter gives, for every map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from convert.oracle import Oracle
from convert.plan_check import check_plan
from tests.convert import cases
from tests.convert.flat import NONE, RELU, SAME, VALID, Flat
from tests.convert.test_operators import differences, in_every_layout
from tests.host_c import HostModels, layer_map, packed_noise

pytestmark = pytest.mark.host_c

COUNT = 30


@dataclass
class Map:
    """A packed map under construction."""

    at: int
    channels: int

    def sides(self, f: Flat) -> tuple[int, int]:
        return f.shapes[self.at][1], f.shapes[self.at][2]


def both(f: Flat, kind: str, a: int, b: int) -> int:
    """An element-wise operation of two float maps."""
    options = f.s.AddOptionsT() if kind == "ADD" else f.s.MaximumMinimumOptionsT()
    out = f.tensor(f.shapes[a], "float32", name="both")
    f.op(kind, [a, b], [out], options=options)
    return out


def grow(f: Flat, rng: np.random.Generator, m: Map) -> Map:
    """One more operation on a map of bits."""
    h, w = m.sides(f)
    kinds = ["conv", "conv", "conv", "pool", "shuffle", "float", "int8", "sum", "either"]
    kind = rng.choice(kinds)
    if kind == "either":  # logic residual: OR or AND with what one more convolution makes of it
        bits = cases.filter_bits(rng, m.channels, 3, 3, m.channels)
        limits = cases.thresholds_for(rng, m.channels, 9 * m.channels)
        other = f.bconv(m.at, bits, m.channels, thresholds=limits)
        pair = f.dequantize(m.at, m.channels), f.dequantize(other, m.channels)
        return Map(f.quantize(both(f, str(rng.choice(["MAXIMUM", "MINIMUM"])), *pair)), m.channels)
    if kind == "pool" and min(h, w) >= 2:
        return Map(f.pool(m.at, (2, 2), (int(rng.integers(1, 3)), 2), SAME), m.channels)
    if kind == "shuffle" and m.channels > 1:
        order = rng.permutation(m.channels)
        return Map(f.quantize(f.gather(f.dequantize(m.at, m.channels), order)), m.channels)
    groups = 2 if m.channels % 64 == 0 and rng.random() < 0.5 else 1
    co = groups * int(rng.choice([3, 16, 32, 40]))
    k = int(rng.choice([1, 2, 3]))
    padding = VALID if min(h, w) >= k and rng.random() < 0.3 else SAME
    stride = int(rng.choice([1, 1, 2]))
    bits = cases.filter_bits(rng, co, k, k, m.channels // groups)
    taps = k * k * m.channels // groups
    shape = {"padding": padding, "stride": (stride, stride)}
    if kind == "sum":  # two branches
        branches = [
            f.bconv(m.at, weights, m.channels, multiplier=rng.normal(0, 0.2, co),
                    bias=rng.normal(0, 1, co), **shape)
            for weights in (bits, cases.filter_bits(rng, *bits.shape))
        ]  # fmt: skip
        return Map(f.quantize(both(f, "ADD", *branches)), co)
    if kind in ("float", "int8"):  # numbers, whose sign goes on
        quant = (0.3, int(rng.integers(-20, 20))) if kind == "int8" else None
        activation = int(rng.choice([NONE, RELU]))
        real = f.bconv(
            m.at, bits, m.channels, multiplier=rng.normal(0, 0.2, co), bias=rng.normal(-1, 1, co),
            quant=quant, activation=activation, **shape,
        )  # fmt: skip
        if rng.random() < 0.4:
            f.output(f"real{real}", real)
        return Map(f.quantize(real), co)
    thresholds = cases.thresholds_for(rng, co, taps)
    return Map(f.bconv(m.at, bits, m.channels, thresholds=thresholds, **shape), co)


def random_network(seed: int) -> bytes:
    rng = np.random.default_rng([seed, 0xDA6])
    f = Flat()
    channels = int(rng.choice([32, 40, 64, 64, 128]))
    shape = (1, int(rng.integers(4, 9)), int(rng.integers(4, 9)), -(-channels // 32))
    maps = [Map(f.input("x", shape, "int32"), channels)]
    for _ in range(int(rng.integers(4, 12))):
        # Mostly the newest, sometimes an older one: a branch, whose map must be kept meanwhile.
        source = maps[-1] if rng.random() < 0.7 else maps[int(rng.integers(len(maps)))]
        maps.append(grow(f, rng, source))
    f.output("end", maps[-1].at)
    middle = maps[len(maps) // 2].at
    if middle not in f.sub.outputs and middle not in f.sub.inputs:
        f.output("middle", middle)
    return f.finish()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], HostModels]:
    contents: dict[str, bytes] = {}
    models = {}
    for seed in range(COUNT):
        content = random_network(seed)
        made = in_every_layout(content, f"random{seed}")
        models |= made
        contents |= dict.fromkeys(made, content)
    return contents, HostModels(tmp_path_factory.mktemp("random"), models)


def test_every_map_equals(host: tuple[dict[str, bytes], HostModels]) -> None:
    contents, built = host
    compared = 0
    for name, content in contents.items():
        whole = built.models[name]
        oracle = Oracle(content, maps=True)
        rng = np.random.default_rng(4)
        shape = whole.graph.tensors[whole.graph.inputs[0].tensor].shape
        inputs = [{"x": packed_noise(rng, shape[:3], shape[3])} for _ in range(3)]
        for given, answer in zip(inputs, built.run([(name, i, True) for i in inputs]), strict=True):
            assert differences(dict(answer.outputs), oracle.predict(given)) == 0, name
            maps = oracle.maps(given)
            for layer in range(len(whole.emitted.layers)):
                tensor, got = layer_map(whole, answer, layer)
                if tensor in maps:
                    assert differences({"m": got}, {"m": maps[tensor]}) == 0, (name, tensor)
                    compared += 1
    assert compared > COUNT * 3 * 4


def test_memory_is_shared(host: tuple[dict[str, bytes], HostModels]) -> None:
    """Plans of real graphs pass the replay and are near what no plan can beat."""
    arenas = bounds = 0
    for whole in host[1].models.values():
        check_plan(whole.graph, whole.plan.offsets, whole.plan.arena_bytes)
        arenas, bounds = arenas + whole.plan.arena_bytes, bounds + whole.plan.lower_bound
    assert bounds <= arenas <= 1.05 * bounds
