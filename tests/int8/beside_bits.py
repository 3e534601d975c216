"""Flatbuffers with int8 convolutions beside LCE's operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from convert.arrange import Options
from convert.compile import Compiled, compile_bytes
from convert.emit import emit
from convert.geometry import out_size
from convert.ir import Array
from tests.convert.flat import NONE, RELU, Flat
from tests.host_c import HostModels
from tests.int8 import cores

Rng = Any


def conv2d(f: Flat, at: int, rng: Rng, what: Mapping[str, Any], scale: float) -> int:
    """A CONV_2D of an int8 map of this scale, with random filters of one scale.

    Args:
        what: kernel, stride, dilation (pairs), filters, padding, activation, and the first filter's
            first weight, "least".
    """
    _, h, w, c = f.shapes[at]
    (kh, kw), (sh, sw), (dh, dw) = what["kernel"], what["stride"], what["dilation"]
    n, padding = what["filters"], what["padding"]
    weights = rng.integers(-127, 128, (n, kh, kw, c))
    weights.reshape(-1)[0] = what["least"]
    o = f.s.Conv2DOptionsT()
    o.padding, o.strideH, o.strideW, o.dilationHFactor, o.dilationWFactor = padding, sh, sw, dh, dw
    o.fusedActivationFunction = what["activation"]
    spread = 73 * np.sqrt(kh * kw * c)
    factor = 0.004
    bias = rng.normal(0, spread, n).astype(np.int32)
    inputs = [at, f.tensor(weights.shape, "int8", data=weights, quant=(factor, 0)),
              f.tensor((n,), "int32", data=bias, quant=(factor * scale, 0))]  # fmt: skip
    shape = (1, out_size(h, kh, sh, dh, padding), out_size(w, kw, sw, dw, padding), n)
    quant = (float(factor * scale * spread / 50), int(rng.integers(-100, 60)))
    out = f.tensor(shape, "int8", name="conv", quant=quant)
    f.op("CONV_2D", inputs, [out], options=o)
    return out


def plus(f: Flat, a: int, b: int, rng: Rng) -> int:
    """An ADD of two int8 maps."""
    o = f.s.AddOptionsT()
    o.fusedActivationFunction = int(rng.choice([NONE, NONE, RELU]))
    out = f.tensor(f.shapes[a], "int8", name="sum", quant=(0.4, int(rng.integers(-60, 60))))
    f.op("ADD", [a, b], [out], options=o)
    return out


def compiled(content: bytes, core: str = "cortex-m4") -> Compiled:
    made = compile_bytes(content, name="signs", options=Options(core=core))
    assert isinstance(made, Compiled), made
    return made


def wrong(right: Compiled, at: int, **changes: Any) -> Compiled:
    """With other attributes of the operation number `at`."""
    ops = list(right.graph.ops)
    ops[at] = replace(ops[at], attrs={**ops[at].attrs, **changes})
    graph = replace(right.graph, ops=tuple(ops))
    return replace(right, graph=graph, emitted=emit(graph, right.plan, right.sha256))


def only_the_right_one_is_right(
    models: Mapping[str, Compiled], given: Mapping[str, Array], output: str, folder: Path
) -> None:
    """Every model but "right" answers otherwise than it does."""
    answers = HostModels(folder, models).run([(name, given, False) for name in models])
    expected = answers[0].outputs[output]
    for name, found in zip(models, answers, strict=True):
        assert (found.outputs[output] == expected).all() == (name == "right"), name


def runs_as_here(core: str, models: Sequence[Compiled], folder: Path) -> list[cores.Run]:
    """Every model on an emulated core, where it answers what it does on this machine."""
    sources = cores.write(models, folder, binary=True)
    expected, found = cores.on_host(folder, sources), cores.on_core(core, folder, sources)
    assert [run.hash for run in found] == [run.hash for run in expected]
    return found
