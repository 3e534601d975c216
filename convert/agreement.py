"""Does the flatbuffer compute what the Keras model computes? Both are run on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.ir import Array
from convert.oracle import Oracle
from convert.pixels import to_input

NOISE_PICTURES = 16
CLOSE = 1e-3  # of the largest output: beyond it two outputs differ


@dataclass(frozen=True)
class Agreement:
    """Keras against LCE's interpreter.

    Attributes:
        pictures: compared, given ones and noise.
        agreeing: pictures whose outputs are all within CLOSE of the largest output.
        same_class: pictures with the same largest output; equals `pictures` for one output.
        max_abs_diff: over all outputs.
    """

    pictures: int
    agreeing: int
    same_class: int
    max_abs_diff: float


def compare(model: Any, content: bytes, pictures: Array | None) -> Agreement:
    """Run the Keras model and the flatbuffer on the same inputs: pictures, then noise."""
    oracle = Oracle(content)
    graph = oracle.graph
    rng = np.random.default_rng(0)
    batches: list[dict[str, Array]] = []
    if pictures is not None and len(graph.inputs) == 1:
        name = graph.inputs[0].name
        batches += [{name: np.asarray(p, np.uint8)[None]} for p in pictures]
    for _ in range(NOISE_PICTURES):
        batches.append({p.name: _noise(oracle, p.tensor, rng) for p in graph.inputs})
    agreeing = same = 0
    worst = 0.0
    for batch in batches:
        got = oracle.predict(batch)
        wanted = _keras_outputs(model, oracle, batch)
        close = alike = True
        for name, array in wanted.items():
            mine = real(oracle, name, got[name])
            gap = float(np.abs(mine.reshape(array.shape) - array).max(initial=0.0))
            worst = max(worst, gap if gap == gap else np.inf)  # NaN is as far as can be
            step = _step(oracle, name)
            close &= gap <= max(CLOSE * max(1.0, float(np.abs(array).max(initial=0.0))), step)
            alike &= int(mine.argmax()) == int(array.argmax())
        agreeing, same = agreeing + close, same + alike
    return Agreement(len(batches), agreeing, same, worst)


def _noise(oracle: Oracle, tensor: str, rng: np.random.Generator) -> Array:
    t = oracle.graph.tensors[tensor]
    if t.dtype == "int8" or oracle.scaling is not None:
        return rng.integers(0, 256, t.shape, dtype=np.uint8)
    return rng.standard_normal(t.shape).astype(np.float32)


def real(oracle: Oracle, output: str, array: Array) -> Array:
    """The real numbers, float64, that the values of an output stand for."""
    tensor = next(p.tensor for p in oracle.graph.outputs if p.name == output)
    quant = oracle.graph.tensors[tensor].quant
    if array.dtype == np.int8 and quant is not None:
        return (array.astype(np.float64) - quant.zero_point[0]) * quant.scale[0]
    return array.astype(np.float64)


def _step(oracle: Oracle, output: str) -> float:
    """Two units of an int8 output; Keras' emulation of int8 may round otherwise."""
    tensor = next(p.tensor for p in oracle.graph.outputs if p.name == output)
    t = oracle.graph.tensors[tensor]
    return 2.0 * t.quant.scale[0] if t.dtype == "int8" and t.quant is not None else 0.0


def _keras_outputs(model: Any, oracle: Oracle, batch: Mapping[str, Array]) -> dict[str, Array]:
    """The Keras model's outputs by name, float64."""
    feed = {}
    for port in oracle.graph.inputs:
        t = oracle.graph.tensors[port.tensor]
        array = batch[port.name]
        if array.dtype == np.uint8:
            array = to_input(array, t.dtype, oracle.scaling)
        if array.dtype == np.int8 and t.quant is not None:
            zero, scale = t.quant.zero_point[0], t.quant.scale[0]
            array = (array.astype(np.float64) - zero) * scale
        feed[port.name] = array.astype(np.float32)
    ordered = [feed[name] for name in model.input_names]
    out = model(ordered if len(ordered) > 1 else ordered[0], training=False)
    outs = out if isinstance(out, (list, tuple)) else [out]
    return {n: np.asarray(o, np.float64) for n, o in zip(model.output_names, outs, strict=True)}
