"""Networks that start at pixels, under RAM limits: smaller tables, rows streamed, poolings fused,
still equal."""

from __future__ import annotations

import numpy as np
import pytest

from convert.arrange import Options
from convert.compile import Compiled, compile_bytes
from convert.lower.chain import MAP
from convert.oracle import Oracle
from tests.convert import cases
from tests.convert.flat import SAME, VALID, Flat
from tests.convert.forms import by_rows, considered
from tests.convert.graphs import both
from tests.convert.test_operators import differences
from tests.host_c import HostModels

pytestmark = pytest.mark.host_c

COUNT = 12


def random_network(seed: int) -> tuple[bytes, tuple[int, int, int, int]]:
    """A thermometer, convolutions, poolings and shuffles, a head; and the shape of the input."""
    rng = np.random.default_rng([seed, 0x3A])
    f = Flat()
    shape = (1, int(rng.integers(8, 25)), int(rng.integers(8, 25)), int(rng.choice([1, 1, 3])))
    planes = int(rng.choice([4, 8, 16, 33]))
    x = f.input("x", shape)
    t = np.sort(rng.uniform(0, 255, (shape[3], planes)), 1).ravel().astype(np.float32)
    channels = shape[3] * planes
    y = f.quantize(f.depthwise(x, np.ones((1, 1, 1, channels), np.float32), -t))
    for _ in range(int(rng.integers(2, 6))):
        h, w = f.shapes[y][1:3]
        kind = rng.choice(["conv", "conv", "conv", "pool", "pool", "shuffle", "sum", "sum"])
        if kind == "sum":  # two branches that meet in front of a sign
            real = {"multiplier": rng.normal(0, 0.2, 32), "bias": rng.normal(0, 1, 32)}
            a, b = (
                f.bconv(y, cases.filter_bits(rng, 32, k, k, channels), channels, **real)
                for k in (3, 1)
            )
            y, channels = f.quantize(both(f, "ADD", a, b)), 32
            continue
        if kind == "pool" and min(h, w) > 3:
            y = f.pool(y, (2, 2), (2, 2), VALID)
            continue
        if kind == "shuffle" and channels > 1:
            y = f.quantize(f.gather(f.dequantize(y, channels), rng.permutation(channels)))
            continue
        groups = 2 if channels % 64 == 0 and rng.random() < 0.5 else 1
        co, k = groups * int(rng.choice([8, 16, 32, 40])), int(rng.choice([1, 2, 3, 3]))
        stride = int(rng.choice([1, 1, 2]))
        y = f.bconv(
            y,
            cases.filter_bits(rng, co, k, k, channels // groups),
            channels,
            thresholds=cases.thresholds_for(rng, co, k * k * channels // groups),
            stride=(stride, stride),
            padding=VALID if min(h, w) > k and rng.random() < 0.3 else SAME,
        )
        channels = co
    bits = cases.filter_bits(rng, 2, 1, 1, channels)
    f.output("y", f.bconv(y, bits, channels, multiplier=rng.normal(size=2), bias=np.zeros(2)))
    return f.finish({"input_scale": 1.0, "input_offset": 0.0}), shape


def within(content: bytes, name: str, **options: object) -> Compiled:
    result = compile_bytes(content, name=name, options=Options(**options))  # type: ignore[arg-type]
    assert isinstance(result, Compiled), [r.as_dict() for r in result]
    return result


def test_every_limit_gives_the_same_outputs(tmp_path_factory: pytest.TempPathFactory) -> None:
    models: dict[str, Compiled] = {}
    origin: dict[str, tuple[bytes, tuple[int, ...]]] = {}
    for seed in range(COUNT):
        content, shape = random_network(seed)
        plenty = within(content, "x", max_ram=1 << 30)
        assert plenty.arranged is not None
        sizes = sorted({c.arena_bytes for c in plenty.arranged.candidates})
        for limit in {sizes[0], sizes[len(sizes) // 2], sizes[-1]}:
            whole = within(content, "x", max_ram=limit)
            assert whole.plan.arena_bytes <= limit
            name = f"network {seed} in {limit} bytes"
            models[name], origin[name] = whole, (content, shape)
        for k, made in enumerate((*considered(content), *by_rows(content))):
            name = f"network {seed}, form {k}"
            models[name], origin[name] = made, (content, shape)
        tight = compile_bytes(content, name="x", options=Options(max_ram=sizes[0] - 1))
        assert not isinstance(tight, Compiled)
        assert str(sizes[0]) in tight[0].found
    tried = [m.arranged.candidates for m in models.values() if m.arranged]
    assert sum(any(c.streamed for c in some) for some in tried) >= 3
    streams = [op for m in models.values() for op in m.graph.ops if op.kind == "stream"]
    assert sum(op.attrs["links"][0].op.kind == MAP for op in streams) > 5
    kinds = [{call.kind for call in op.attrs["calls"]} for op in streams]
    counts = {kind: sum(kind in found for found in kinds) for kind in ("conv", "pair", "maxpool")}
    assert min(counts.values()) > 3, counts
    host = HostModels(tmp_path_factory.mktemp("limits"), models)
    for name, (content, shape) in origin.items():
        oracle, rng = Oracle(content), np.random.default_rng(1)
        shots = [rng.normal(rng.uniform(0, 255), rng.uniform(5, 200), shape) for _ in range(3)]
        inputs = [{"x": np.clip(shot, 0, 255).astype(np.uint8)} for shot in shots]
        for given, answer in zip(inputs, host.run([(name, i, False) for i in inputs]), strict=True):
            assert differences(dict(answer.outputs), oracle.predict(given)) == 0, name


@pytest.mark.parametrize(
    ("options", "seeds"),
    [({"rows": True}, (5, 15)), ({"layout": "planar"}, (31, 61)), ({}, (31, 61))],
    ids=str,
)
def test_a_refusal_says_the_least_limit(options: dict[str, object], seeds: tuple[int]) -> None:
    """Exactly: it compiles, and one byte less does not."""
    for seed in seeds:
        content, _ = random_network(seed)

        def under(limit: int, content: bytes = content) -> object:
            return compile_bytes(content, name="x", options=Options(max_ram=limit, **options))  # type: ignore[arg-type]

        refused = under(1)
        assert isinstance(refused, list)
        least = int(refused[0].found.split()[0])
        made = under(least)
        assert isinstance(made, Compiled), (seed, least)
        assert made.plan.arena_bytes == least
        for less in (least - 1, least - 8):
            tight = under(less)
            assert isinstance(tight, list), (seed, less)
            assert tight[0].found == refused[0].found


def pooled_network(side: int = 32) -> bytes:
    """A large map between a convolution and a pooling, nothing else of that size."""
    rng, f = np.random.default_rng(4), Flat()
    x = f.input("x", (1, side, side, 2), "int32")
    y = x
    for k, (channels, co) in enumerate(((64, 96), (96, 64))):
        bits = cases.filter_bits(rng, co, 3, 3, channels)
        y = f.bconv(y, bits, channels, thresholds=cases.thresholds_for(rng, co, 9 * channels))
        y = f.pool(y, (2, 2), (2, 2), VALID) if k == 0 else y
    f.output("y", y)
    return f.finish()


def test_a_pooling_is_fused_where_it_saves_and_as_asked() -> None:
    content = pooled_network()
    auto = within(content, "x", layout="planar")
    assert auto.arranged is not None
    (segment,) = auto.arranged.chosen.segments
    pool = segment.rpartition(" ... ")[2]
    whole = within(content, "x", layout="planar", layouts={pool: "planar"})
    asked = within(content, "x", layouts={pool: "fused"})
    assert whole.arranged is not None
    assert not whole.arranged.chosen.segments
    number, _, bare = pool.partition(" ")
    for name in (number, bare):  # as compile prints them
        named = within(content, "x", layouts={name: "fused"})
        assert named.emitted == asked.emitted
    assert asked.arranged is not None
    assert asked.arranged.chosen.segments == (segment,)
    assert auto.plan.arena_bytes < 0.85 * whole.plan.arena_bytes
    assert auto.arranged.chosen.instructions <= 1.01 * whole.arranged.chosen.instructions
    tight = within(content, "x", layout="planar", max_ram=auto.plan.arena_bytes - 4000)
    assert tight.arranged is not None
    assert tight.arranged.chosen.segments
    conv = segment.partition(" ... ")[0]
    refused = compile_bytes(content, name="x", options=Options(layouts={conv: "fused"}))
    assert isinstance(refused, list)
    assert "planar" in refused[0].remedy


def test_a_picture_with_two_readers_is_not_fed_by_rows() -> None:
    """The bytes themselves, counted by a thermometer of their own, beside the network that reads
    them, as in super-resolution: rows that are gone cannot be read again."""
    rng, f = np.random.default_rng(6), Flat()
    x = f.input("x", (1, 8, 8, 1))
    for name in "ab":
        limits = np.sort(rng.uniform(0, 255, 8)).astype(np.float32)
        y = f.quantize(f.depthwise(x, np.ones((1, 1, 1, 8), np.float32), -limits))
        bits = cases.filter_bits(rng, 16, 3, 3, 8)
        y = f.bconv(y, bits, 8, thresholds=np.full(16, 36))
        bits = cases.filter_bits(rng, 2, 1, 1, 16)
        f.output(name, f.bconv(y, bits, 16, multiplier=np.ones(2), bias=np.zeros(2)))
    content = f.finish({"input_scale": 1.0, "input_offset": 0.0})
    for layout in ("auto", "planar", "table"):
        refused = compile_bytes(content, name="x", options=Options(layout=layout, rows=True))
        assert isinstance(refused, list)
        assert "alone read the picture" in refused[0].rule
        tight = compile_bytes(content, name="x", options=Options(layout=layout, max_ram=1))
        assert isinstance(tight, list)
        least = int(tight[0].found.split()[0])
        assert within(content, "x", layout=layout, max_ram=least).plan.arena_bytes <= least
