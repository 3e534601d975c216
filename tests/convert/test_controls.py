"""Negative controls: C with one thing wrong must not pass for equal.

A comparison that finds nothing proves something only when it finds these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convert.compile import Compiled
from convert.emit import emit
from convert.ir import Array, Op
from convert.oracle import Oracle
from tests.convert import cases
from tests.convert.flat import Flat
from tests.convert.test_operators import compiled, differences, plain
from tests.host_c import HostModels, packed_noise

pytestmark = pytest.mark.host_c


def network() -> tuple[bytes, list[dict[str, Array]]]:
    """A grouped convolution to bits, a pooling, a shuffle, one to float and one to int8, two whose
    sum becomes bits, and those or-ed with others."""
    rng = np.random.default_rng(3)
    f = Flat()
    x = f.input("x", (1, 8, 8, 2), "int32")
    bits = cases.filter_bits(rng, 64, 3, 3, 32)
    y = f.bconv(x, bits, 64, thresholds=np.full(64, 144) + rng.integers(-3, 4, 64))
    y = f.pool(y, (2, 2), (2, 2), 1)
    y = f.quantize(f.gather(f.dequantize(y, 64), rng.permutation(64)))
    f.output("bits", y)
    bits = cases.filter_bits(rng, 5, 3, 3, 32)
    bits = np.concatenate([bits, cases.filter_bits(rng, 5, 3, 3, 32)])
    m, b = rng.normal(0, 0.1, 10), rng.normal(0, 1, 10)
    f.output("real", f.bconv(y, bits, 64, multiplier=m, bias=b))
    f.output("small", f.bconv(y, bits, 64, multiplier=m, bias=b, quant=(0.05, 3)))
    more = np.random.default_rng(4)
    m, b = more.normal(0, 0.1, (2, 40)), more.normal(0, 1, (2, 40))
    wide, thin = cases.filter_bits(more, 40, 3, 3, 64), cases.filter_bits(more, 40, 1, 1, 64)
    left = f.bconv(y, wide, 64, multiplier=m[0], bias=b[0])
    right = f.bconv(y, thin, 64, multiplier=m[1], bias=b[1])
    total = f.tensor(f.shapes[left], "float32", name="sum")
    f.op("ADD", [left, right], [total], options=f.s.AddOptionsT())
    joined = f.quantize(total)
    f.output("joined", joined)
    other = f.bconv(y, thin, 64, thresholds=np.full(40, 32))
    either = f.tensor(f.shapes[left], "float32", name="either")
    pair = [f.dequantize(joined, 40), f.dequantize(other, 40)]
    f.op("MAXIMUM", pair, [either], options=f.s.MaximumMinimumOptionsT())
    f.output("either", f.quantize(either))
    scales = {"multiplier": m[0], "bias": b[0], "quant": (0.05, 3)}
    halves = [f.bconv(y, weights, 64, **scales) for weights in (wide, thin)]
    total = f.tensor(f.shapes[left], "int8", name="residual", quant=(0.1, -2))
    f.op("ADD", halves, [total], options=f.s.AddOptionsT())
    f.output("residual", total)
    inputs = [{"x": packed_noise(rng, (1, 8, 8), 64)} for _ in range(8)]
    return f.finish(), inputs


def mutate(whole: Compiled, kind: str, change: Callable[[dict[str, Any]], None]) -> Compiled:
    """The same model with the first kernel of a kind changed in the lowered graph."""
    done, ops = False, list[Op]()
    for op in whole.graph.ops:
        if op.kind == kind and not done:
            attrs = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in op.attrs.items()}
            change(attrs)
            op, done = replace(op, attrs=attrs), True
        ops.append(op)
    assert done
    graph = whole.graph.with_ops(ops)
    return replace(whole, graph=graph, emitted=emit(graph, whole.plan, whole.sha256))


def threshold(attrs: dict[str, Any]) -> None:
    attrs["thresholds"][7] += 1


def border(attrs: dict[str, Any]) -> None:
    attrs["zero_padding"] = 1


def origin(attrs: dict[str, Any]) -> None:
    attrs["pad_left"] += 1


def group(attrs: dict[str, Any]) -> None:
    attrs["weights"] = np.roll(attrs["weights"], len(attrs["weights"]) // 2, axis=0)


def weight(attrs: dict[str, Any]) -> None:
    attrs["weights"].reshape(-1)[5] ^= np.uint32(1 << 9)


def channel(attrs: dict[str, Any]) -> None:
    attrs["source"][[0, 1]] = attrs["source"][[1, 0]]


def window(attrs: dict[str, Any]) -> None:
    attrs["k_h"] = 1


def bias(attrs: dict[str, Any]) -> None:
    attrs["bias"][2] = np.nextafter(attrs["bias"][2], np.float32(9))


def clamp(attrs: dict[str, Any]) -> None:
    attrs["clamp_max"] = 2 * 144


def planar_threshold(attrs: dict[str, Any]) -> None:
    flat = attrs["bias"].reshape(-1)
    flat[7] += 0x0101  # a byte twice, or a half-word


def planar_weight(attrs: dict[str, Any]) -> None:
    attrs["index"].reshape(-1)[2] ^= attrs["index"].dtype.type(1 << 4)


def planar_origin(attrs: dict[str, Any]) -> None:
    attrs["shape"] = replace(attrs["shape"], pad_left=attrs["shape"].pad_left + 1)


def lane_weight(attrs: dict[str, Any]) -> None:
    attrs["arrays"] = replace(attrs["arrays"], weights=attrs["arrays"].weights ^ np.uint32(1 << 3))


def lane_threshold(attrs: dict[str, Any]) -> None:
    attrs["arrays"] = replace(attrs["arrays"], start=attrs["arrays"].start + np.uint32(1))


def pair_limit(attrs: dict[str, Any]) -> None:
    decision = dict(attrs["decision"])
    decision["limits"] = decision["limits"] + decision["factors"][:, 0].astype(np.int32)
    attrs["decision"] = decision


def pair_factor(attrs: dict[str, Any]) -> None:
    decision = dict(attrs["decision"])
    decision["factors"] = decision["factors"] * np.array([1, -1], np.int16)
    attrs["decision"] = decision


def pair_weight(attrs: dict[str, Any]) -> None:
    branch = dict(attrs["b"])
    key = "weights" if "weights" in branch else "index"
    branch[key] = branch[key] ^ branch[key].dtype.type(1 << 14)
    attrs["b"] = branch


def logic_term(attrs: dict[str, Any]) -> None:
    if "terms" in attrs:
        attrs["terms"] = attrs["terms"] ^ np.uint8(8)
    else:
        attrs["both"] = attrs["both"] ^ np.uint32(0xFF)


def residual_zero(attrs: dict[str, Any]) -> None:
    attrs["add"] = {**attrs["add"], "zero_b": attrs["add"]["zero_b"] + 2}


def residual_side(attrs: dict[str, Any]) -> None:
    attrs["add"] = {**attrs["add"], "multiplier_a": attrs["add"]["multiplier_a"] // 2}


def lane_group(attrs: dict[str, Any]) -> None:
    weights = attrs["arrays"].weights
    attrs["arrays"] = replace(attrs["arrays"], weights=np.roll(weights, len(weights) // 2))


def planar_group(attrs: dict[str, Any]) -> None:
    attrs["index"] = np.roll(attrs["index"], len(attrs["index"]) // 2)


LANES = {
    "lane group": ("lane_conv_bits", lane_group),
    "lane threshold": ("lane_conv_bits", lane_threshold),
    "lane weight": ("lane_conv_bits", lane_weight),
    "lane origin": ("lane_conv_bits", planar_origin),
}
PLANAR = {
    "planar group": ("planar_conv_bits", planar_group),
    "planar threshold": ("planar_conv_bits", planar_threshold),
    "planar weight": ("planar_conv_bits", planar_weight),
    "planar origin": ("planar_conv_bits", planar_origin),
    "planar window": ("planar_bmaxpool2d_bits", window),
    "planar pair limit": ("planar_pair_bits", pair_limit),
    "planar pair factor": ("planar_pair_bits", pair_factor),
    "planar pair weight": ("planar_pair_bits", pair_weight),
    "planar logic": ("planar_logic_bits", logic_term),
}
CHANGES = {
    "threshold": ("bconv2d_bits", threshold),
    "border": ("bconv2d_bits", border),
    "origin": ("bconv2d_bits", origin),
    "group": ("bconv2d_bits", group),
    "weight": ("bconv2d_bits", weight),
    "channel": ("gather_channels_bits", channel),
    "window": ("bmaxpool2d_bits", window),
    "bias": ("bconv2d_f32", bias),
    "clamp": ("bconv2d_i8", clamp),
    "pair limit": ("bconv2d_pair_bits", pair_limit),
    "pair factor": ("bconv2d_pair_bits", pair_factor),
    "pair weight": ("bconv2d_pair_bits", pair_weight),
    "logic": ("logic_bits", logic_term),
    "residual zero": ("bconv2d_add_i8", residual_zero),
    "residual side": ("bconv2d_add_i8", residual_side),
}


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Differing elements over all inputs, for the right model and for each wrong one."""
    content, inputs = network()
    whole, planar = plain(content), compiled(content, layout="planar")
    lanes = compiled(content, layout="packed")
    models = {"right": whole, "planar right": planar, "lane right": lanes}
    models |= {name: mutate(whole, kind, change) for name, (kind, change) in CHANGES.items()}
    models |= {name: mutate(planar, kind, change) for name, (kind, change) in PLANAR.items()}
    models |= {name: mutate(lanes, kind, change) for name, (kind, change) in LANES.items()}
    host = HostModels(tmp_path_factory.mktemp("controls"), models)
    oracle = Oracle(content)
    wanted = [oracle.predict(i) for i in inputs]
    found = {}
    for name in models:
        answers = host.run([(name, i, False) for i in inputs])
        found[name] = sum(
            differences(dict(a.outputs), w) for a, w in zip(answers, wanted, strict=True)
        )
    return found


def test_right_model_is_equal(counts: dict[str, int]) -> None:
    assert counts["right"] == counts["planar right"] == counts["lane right"] == 0


@pytest.mark.parametrize("name", sorted(CHANGES | PLANAR | LANES))
def test_wrong_model_is_noticed(counts: dict[str, int], name: str) -> None:
    assert counts[name] > 0
