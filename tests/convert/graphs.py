"""Random networks of many operators, branches and outputs: a description that Hypothesis draws and
shrinks, and the flatbuffer that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from convert.ir import Array
from tests.convert import cases
from tests.convert.flat import NONE, RELU, SAME, VALID, Flat
from tests.host_c import packed_noise

KINDS = ("conv", "pool", "shuffle", "float", "int8", "sum", "residual", "either", "select")
MOST_STEPS = 8


@dataclass(frozen=True)
class Step:
    """One more operation.

    Attributes:
        kind: of KINDS; what does not fit its map becomes a convolution.
        back: the map that it reads, counted from the newest: more than 0 makes a branch.
        shown: its numbers, where it makes such, are an output of the network.
        seed: of weights.
    """

    kind: str
    back: int
    outputs: int
    kernel: int
    stride: int
    valid: bool
    grouped: bool
    shown: bool
    seed: int


@dataclass(frozen=True)
class Network:
    """A network that starts at packed bits, or at a picture through a thermometer."""

    picture: bool
    height: int
    width: int
    channels: int
    steps: tuple[Step, ...]


def steps() -> st.SearchStrategy[Step]:
    return st.builds(
        Step,
        kind=st.sampled_from(KINDS),
        back=st.sampled_from([0, 0, 0, 1, 2]),
        outputs=st.sampled_from([3, 16, 32, 40]),
        kernel=st.integers(1, 3),
        stride=st.sampled_from([1, 1, 2]),
        valid=st.booleans(),
        grouped=st.booleans(),
        shown=st.booleans(),
        seed=st.integers(0, 255),
    )


def networks() -> st.SearchStrategy[Network]:
    return st.builds(
        Network,
        picture=st.booleans(),
        height=st.integers(4, 12),
        width=st.integers(4, 12),
        channels=st.sampled_from([32, 40, 64, 128]),
        steps=st.lists(steps(), min_size=1, max_size=MOST_STEPS).map(tuple),
    )


@dataclass(frozen=True)
class Map:
    """A packed map under construction."""

    at: int
    channels: int


def both(f: Flat, kind: str, a: int, b: int, quant: tuple[float, int] | None = None) -> int:
    """An element-wise operation of two float maps, or of two int8 ones."""
    options = f.s.AddOptionsT() if kind == "ADD" else f.s.MaximumMinimumOptionsT()
    out = f.tensor(f.shapes[a], "int8" if quant else "float32", name="both", quant=quant)
    f.op(kind, [a, b], [out], options=options)
    return out


class _Grower:
    """The flatbuffer, and its maps so far."""

    def __init__(self, network: Network) -> None:
        self.f = f = Flat()
        shape = (1, network.height, network.width)
        channels = network.channels
        if network.picture:
            channels = 12
            x = f.input("x", (*shape, 1))
            t = np.linspace(20, 235, channels).astype(np.float32)
            ones = np.ones((1, 1, 1, channels), np.float32)
            first = f.quantize(f.depthwise(x, ones, -t))
        else:
            first = f.input("x", (*shape, -(-channels // 32)), "int32")
        self.maps = [Map(first, channels)]

    def conv(self, m: Map, s: Step, rng: np.random.Generator, **real: object) -> int:
        """A binary convolution of the step's form; the same numbers each time but for weights."""
        h, w = self.f.shapes[m.at][1:3]
        groups = 2 if s.grouped and m.channels % 64 == 0 else 1
        co = groups * s.outputs
        bits = cases.filter_bits(rng, co, s.kernel, s.kernel, m.channels // groups)
        padding = VALID if s.valid and min(h, w) >= s.kernel else SAME
        options: dict[str, object] = {"padding": padding, "stride": (s.stride, s.stride), **real}
        if real:
            options |= {"multiplier": rng.normal(0, 0.2, co), "bias": rng.normal(-0.5, 1, co)}
        else:
            taps = s.kernel**2 * m.channels // groups
            options["thresholds"] = cases.thresholds_for(rng, co, taps)
        return self.f.bconv(m.at, bits, m.channels, **options)  # type: ignore[arg-type]

    def same(self, m: Map, rng: np.random.Generator) -> int:
        """A convolution to a map of the same shape, as numbers of ±1."""
        bits = cases.filter_bits(rng, m.channels, 3, 3, m.channels)
        limits = cases.thresholds_for(rng, m.channels, 9 * m.channels)
        made = self.f.bconv(m.at, bits, m.channels, thresholds=limits)
        return self.f.dequantize(made, m.channels)

    def show(self, s: Step, at: int) -> None:
        if s.shown:
            self.f.output(f"real{at}", at)

    def grow(self, s: Step) -> None:
        f, rng = self.f, np.random.default_rng([s.seed, len(self.maps)])
        m = self.maps[-1 - min(s.back, len(self.maps) - 1)]
        h, w = f.shapes[m.at][1:3]
        co = s.outputs * (2 if s.grouped and m.channels % 64 == 0 else 1)
        quant = (0.3, s.seed % 40 - 20)
        if s.kind == "pool" and min(h, w) >= 2:
            made = Map(f.pool(m.at, (2, 2), (s.stride, 2), VALID if s.valid else SAME), m.channels)
        elif s.kind == "shuffle" and m.channels > 1:
            order = rng.permutation(m.channels)
            made = Map(f.quantize(f.gather(f.dequantize(m.at, m.channels), order)), m.channels)
        elif s.kind == "either":
            pair = f.dequantize(m.at, m.channels), self.same(m, rng)
            made = Map(f.quantize(both(f, "MAXIMUM" if s.valid else "MINIMUM", *pair)), m.channels)
        elif s.kind == "select":  # max(min(a, g), min(b, -g))
            g, a, b = f.dequantize(m.at, m.channels), self.same(m, rng), self.same(m, rng)
            other = f.binary("MUL", g, np.full(m.channels, -1, np.float32))
            pair = both(f, "MINIMUM", a, g), both(f, "MINIMUM", b, other)
            made = Map(f.quantize(both(f, "MAXIMUM", *pair)), m.channels)
        elif s.kind == "sum":
            pair = (self.conv(m, s, rng, activation=NONE), self.conv(m, s, rng, activation=NONE))
            made = Map(f.quantize(both(f, "ADD", *pair)), co)
        elif s.kind == "residual":
            pair = (self.conv(m, s, rng, quant=quant), self.conv(m, s, rng, quant=(0.25, 3)))
            total = both(f, "ADD", *pair, quant=(0.4, -5))
            self.show(s, total)
            made = Map(f.quantize(total), co)
        elif s.kind in ("float", "int8"):
            real = self.conv(m, s, rng, quant=quant if s.kind == "int8" else None,
                             activation=RELU if s.valid else NONE)  # fmt: skip
            self.show(s, real)
            made = Map(f.quantize(real), co)
        else:
            made = Map(self.conv(m, s, rng), co)
        self.maps.append(made)


def flatbuffer(network: Network) -> bytes:
    """The network: the newest map is an output, and so is one from the middle."""
    g = _Grower(network)
    for step in network.steps:
        g.grow(step)
    g.f.output("end", g.maps[-1].at)
    middle = g.maps[len(g.maps) // 2].at
    if middle not in g.f.sub.outputs and middle != g.maps[0].at:
        g.f.output("middle", middle)
    return g.f.finish({"input_scale": 1.0, "input_offset": 0.0} if network.picture else None)


def noise(network: Network, rng: np.random.Generator) -> dict[str, Array]:
    """What the network is asked."""
    shape = (1, network.height, network.width)
    if network.picture:
        return {"x": rng.integers(0, 256, (*shape, 1), dtype=np.uint8)}
    return {"x": packed_noise(rng, shape, network.channels)}
