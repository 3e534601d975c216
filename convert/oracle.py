"""LCE's own interpreter as the judge of what the compiled C must compute.

The reference kernels are used: they take grouped convolutions, and their zero padding is exact
where the optimised kernel corrects in floating point afterwards. TensorFlow is not imported unless
a built-in operator computes outside of an input encoder: then TFLite's reference kernels judge it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from convert import lce
from convert.errors import ModelError
from convert.ir import Array, Graph
from convert.pixels import scaling_of, to_input
from convert.rules import asks_zero_padding, pads_zeros
from convert.segments import Segments, needs_reference
from convert.supported import check
from convert.tflite_reader import file_order, load_bytes, read


class Oracle:
    """A model in the interpreter, with inputs and outputs by their public names.

    Args:
        source: path or content of a .tflite.
        maps: also make every intermediate map readable with `maps()`.

    Raises:
        ModelError: the file cannot be read or run.
        DependencyError: LCE is not installed.
    """

    def __init__(self, source: Path | str | bytes, *, maps: bool = False) -> None:
        content, self.where = load_bytes(source)
        self.graph: Graph = read(content)
        self.scaling = scaling_of(self.graph.metadata)
        ins, outs = file_order(content)
        self._public = {port.name: outs.index(port.tensor) for port in self.graph.outputs}
        order = {tensor: at for at, tensor in enumerate(ins)}
        self._inputs = sorted(self.graph.inputs, key=lambda port: order[port.tensor])
        self._maps: dict[str, int] = {}
        if maps:
            content, self._maps = _exposed(content, self.graph, len(outs))
        content = _nowhere_padded(content, self.graph)
        try:
            if needs_reference(self.graph):
                self._run: Any = Segments(content)
            else:
                self._run = lce.interpreter_class()(content, 1, True, False, False)
        except (RuntimeError, ValueError, TypeError) as error:
            raise ModelError(
                "LCE's interpreter does not take the model",
                where=self.where,
                found=str(error)[:200],
                remedy="convert it again with the pinned versions",
            ) from None

    @property
    def judges(self) -> str:
        """Who computes what is compared with, with versions."""
        if not isinstance(self._run, Segments):
            return _version("larq-compute-engine")
        lce_too = any(op.kind.startswith("Lce") for op in self.graph.ops)
        reference = f"TFLite's reference kernels ({_version('tensorflow-cpu')})"
        return f"{_version('larq-compute-engine')} and {reference}" if lce_too else reference

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one input set.

        Args:
            inputs: name -> array [1, ...] of the input's own type, or uint8: bytes of a picture,
                which become the input as they do on the device (see convert.pixels).

        Returns:
            name -> array [1, ...].

        Raises:
            ModelError: an input is missing, or has another shape or type.
        """
        outs = self._predict(inputs)
        return {name: outs[at] for name, at in self._public.items()}

    def maps(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Every intermediate map by its tensor's name in the graph; bits are int32 words."""
        if not self._maps:
            raise ValueError("made without maps=True")
        outs = self._predict(inputs)
        return {name: outs[at] for name, at in self._maps.items()}

    def _predict(self, inputs: Mapping[str, Array]) -> list[Array]:
        arrays = [self._input(port.name, port.tensor, inputs) for port in self._inputs]
        return [np.asarray(out) for out in self._run.predict(arrays)]

    def _input(self, name: str, tensor_name: str, inputs: Mapping[str, Array]) -> Array:
        tensor = self.graph.tensors[tensor_name]
        array: Any = inputs.get(name)
        if array is not None and array.dtype == np.uint8:
            array = to_input(array, tensor.dtype, self.scaling)
        found = "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
        if array is None or array.shape != tensor.shape or str(array.dtype) != tensor.dtype:
            raise ModelError(
                "an input does not have the model's type and shape",
                where=f"input {name} of {self.where}",
                found=found,
                remedy=f"give {tensor.dtype}{list(tensor.shape)}, or uint8 of that shape",
            )
        return np.ascontiguousarray(array)


def _version(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} (version unknown)"


def _nowhere_padded(content: bytes, graph: Graph) -> bytes:
    """The model without zero padding where no window leaves the map.

    LCE's reference kernel refuses zero padding of an odd number of channels, and dies of it where
    the output is bits, even where nothing is padded and so any padding gives the same numbers.
    """
    if not any(op.kind == "LceBconv2d" and asks_zero_padding(op) for op in graph.ops):
        return content
    if check(graph):  # then the options may be anything
        return content
    model = lce.unpacked(content)
    for raw, op in zip(model.subgraphs[0].operators, graph.ops, strict=True):
        if op.kind == "LceBconv2d" and asks_zero_padding(op) and not pads_zeros(graph, op):
            options = flexbuffers.Loads(bytearray(raw.customOptions.tobytes()))
            packed = flexbuffers.Dumps({**options, "pad_values": 1})
            raw.customOptions = np.frombuffer(bytes(packed), np.uint8)
    return lce.packed(model)


def _exposed(content: bytes, graph: Graph, first: int) -> tuple[bytes, dict[str, int]]:
    """The model with every operator's outputs appended to its outputs, and their places."""
    model = lce.unpacked(content)
    sub = model.subgraphs[0]
    found: dict[str, int] = {}
    extra: list[int] = []
    for raw, op in zip(sub.operators, graph.ops, strict=True):
        for index, name in zip(raw.outputs, op.outputs, strict=True):
            found[name] = first + len(extra)
            extra.append(int(index))
    sub.outputs = np.array([*sub.outputs, *extra], np.int32)
    model.signatureDefs = []
    return lce.packed(model), found
