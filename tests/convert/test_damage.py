"""Damaged files: a clear error, or C that is sound all the same. Never a traceback, never a hang.

What still compiles after a flipped bit is a valid other model; its C runs under sanitizers, because
a wrong length or index that slipped through the checks would read or write outside a map there.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from convert.compile import Compiled, compile_bytes
from convert.errors import ModelError
from convert.ir import Array, Tensor
from convert.supported import Refusal
from tests.convert import cases, encoder_cases, join_cases
from tests.convert.flat import Flat
from tests.convert.test_controls import network
from tests.host_c import HostModels
from tests.int8.cases import ARITHMETIC
from tests.int8.cases_move import MOVEMENT
from tests.int8.cases_real import REAL

SECONDS = 5.0  # for one small file, on a busy machine


def encoder() -> bytes:
    """A thermometer, a shuffle written with reshapes, a grouped convolution, a head."""
    rng = np.random.default_rng(9)
    f = Flat()
    x = f.input("image", (1, 6, 6, 1))
    t = np.sort(rng.uniform(0, 255, 64)).astype(np.float32)
    y = f.quantize(f.depthwise(x, np.ones((1, 1, 1, 64), np.float32), -t))
    a = f.reshape(f.dequantize(y, 64), (1, 6, 6, 2, 32))
    y = f.quantize(f.reshape(f.transpose(a, (0, 1, 2, 4, 3)), (1, 6, 6, 64)))
    bits = cases.filter_bits(rng, 32, 3, 3, 32)
    y = f.bconv(y, bits, 64, stride=(2, 2), thresholds=np.full(32, 144))
    bits = cases.filter_bits(rng, 2, 3, 3, 32)
    y = f.bconv(y, bits, 32, padding=1, multiplier=rng.normal(size=2), bias=rng.normal(size=2))
    f.output("logits", f.reshape(y, (1, 2)))
    return f.finish({"input_scale": 1.0, "input_offset": 0.0, "labels": ["no", "yes"]})


def attempt(content: bytes) -> Compiled | None:
    """Compile; anything but a result, reasons or a ModelError fails the test."""
    began = time.monotonic()
    result: Compiled | list[Refusal]
    said = None
    try:
        result = compile_bytes(content, name="damaged")
    except ModelError as error:
        said, result = error, []
    assert said is None or (said.what and said.remedy)
    assert time.monotonic() - began < SECONDS
    if isinstance(result, Compiled):
        return result
    assert all(isinstance(r, Refusal) and r.layer and r.rule and r.remedy for r in result)
    return None


@pytest.mark.parametrize("content", [network()[0], encoder()], ids=["network", "encoder"])
def test_every_truncation(content: bytes) -> None:
    assert attempt(content) is not None
    whole = sum(attempt(content[:n]) is not None for n in range(len(content)))
    assert whole <= 8  # the last bytes may be padding


def builtin_models() -> list[bytes]:
    """One model of each of TFLite's own operators."""
    makers = {**ARITHMETIC, **MOVEMENT, **REAL}
    return [make(np.random.default_rng(k), k).content for k, make in enumerate(makers.values())]


def encoders() -> list[bytes]:
    """Tables, tiles and bit planes between the input and a sign."""
    makers = (encoder_cases.table_case, encoder_cases.tiles_case, encoder_cases.bit_planes_case)
    return [make(np.random.default_rng([k, 5])).content for make in makers for k in range(3)]


def joined_models() -> list[bytes]:
    """Branches that meet in front of a sign, in float32 and int8, logic of bits, residual sums."""
    makers = (join_cases.pair_case, join_cases.logic_case, join_cases.residual_case,
              join_cases.single_case, partial(join_cases.pair_case, small=True))  # fmt: skip
    return [make(np.random.default_rng([3, k])).content for make in makers for k in range(2)]


FAMILIES = {
    "binary": lambda: [network()[0], encoder()],
    "builtin": builtin_models,
    "encoders": encoders,
    "joined": joined_models,
}


def mutant(rng: np.random.Generator, content: bytes) -> bytes:
    """A few bytes or bits changed."""
    changed = bytearray(content)
    for _ in range(int(rng.choice([1, 1, 2, 4, 8]))):
        at, flip = int(rng.integers(len(changed))), 1 << int(rng.integers(8))
        changed[at] = int(rng.integers(256)) if rng.random() < 0.4 else changed[at] ^ flip
    return bytes(changed)


def any_input(rng: np.random.Generator, t: Tensor) -> Array:
    """Random bytes of an input's size and type."""
    kind = {"uint8": np.uint8, "int8": np.int8, "float32": np.float32}.get(t.dtype, np.int32)
    shape = (*t.shape[:-1], t.words) if t.dtype == "bits" else t.shape
    data = rng.integers(0, 256, int(np.prod(shape)) * np.dtype(kind).itemsize, dtype=np.uint8)
    if kind == np.float32:
        return rng.normal(size=shape).astype(np.float32)
    return data.view(kind).reshape(shape)


def skeleton(whole: Compiled) -> str:
    """The generated code without what names or weighs: shapes, strides, calls."""
    body = whole.emitted.source.split("*/", 1)[1]
    return "".join(row for row in body.splitlines() if "0x" not in row)


@pytest.mark.host_c
@pytest.mark.parametrize("family", FAMILIES)
def test_flipped_bits(tmp_path: Path, family: str) -> None:
    rng = np.random.default_rng(77)
    sources = FAMILIES[family]()
    known = {skeleton(whole) for whole in map(attempt, sources) if whole is not None}
    assert len(known) > 0.9 * len(sources)
    kept: list[Compiled] = []
    refused = 0
    for k in range(1000):
        result = attempt(mutant(rng, sources[k % len(sources)]))
        refused += result is None
        if result is not None and len(result.emitted.source) < 400_000:
            other = skeleton(result)
            if other not in known:  # other shapes, strides, names; not merely other weights
                known.add(other)
                kept.append(result)
    assert refused > 100
    assert len(kept) > 20
    models = {f"mutant{i}": c for i, c in enumerate(kept[:40])}
    host = HostModels(tmp_path, models)
    requests = [
        (name, {p.name: any_input(rng, c.graph.tensors[p.tensor]) for p in c.graph.inputs}, False)
        for name, c in models.items()
    ]
    assert len(host.run(requests)) == len(models)


@pytest.mark.parametrize(
    "content",
    [b"", b"TFL3", b"\0" * 64, b"\0\0\0\0TFL3" + b"\xff" * 64, b"\x10\0\0\0TFL3" + b"\0" * 64,
     b"GIF89a" + b"x" * 100],
    ids=["empty", "short", "zeros", "ones", "nothing", "gif"],
)  # fmt: skip
def test_no_flatbuffer(content: bytes) -> None:
    assert attempt(content) is None
