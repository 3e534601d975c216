"""One-operator flatbuffers, written directly: thousands of them cost seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convert import lce

SAME, VALID = 0, 1
# The version of an operator from which TFLite takes int8 and the options used here; others: 2.
VERSIONS = {
    "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 9, "TRANSPOSE_CONV": 4, "PRELU": 1,
    "RELU_N1_TO_1": 1, "HARD_SWISH": 1, "DEPTH_TO_SPACE": 1,
    "RESIZE_BILINEAR": 3, "RESIZE_NEAREST_NEIGHBOR": 3,
}  # fmt: skip


@dataclass(frozen=True)
class T:
    """A tensor: shape, type, scale(s), zero point, and data when it is constant.

    `scale` may be an array along `axis`.
    """

    shape: tuple[int, ...]
    dtype: str = "int8"
    scale: Any = None
    zero: int = 0
    data: Any = None
    axis: int = 0


def const(data: Any, dtype: str = "int32", scale: Any = None, axis: int = 0, zero: int = 0) -> T:
    array = np.asarray(data, dtype)
    return T(array.shape, dtype, scale, zero, array, axis)


@dataclass(frozen=True)
class Model:
    """A flatbuffer and what it is a case of."""

    label: str
    content: bytes


def _quantization(s: Any, t: T) -> Any:
    q = s.QuantizationParametersT()
    scales = np.atleast_1d(np.asarray(t.scale, np.float32))
    q.scale = scales
    q.zeroPoint = np.full(len(scales), t.zero, np.int64)
    q.quantizedDimension = t.axis
    return q


class Graph:
    """A model under construction; tensors are given in the order of use."""

    def __init__(self) -> None:
        self.s = lce.schema()
        self.model = self.s.ModelT()
        self.model.version = 3
        self.sub = self.s.SubGraphT()
        self.sub.tensors, self.sub.operators = [], []
        self.model.buffers = [self.s.BufferT()]
        self.codes: dict[int, tuple[int, int]] = {}

    def tensor(self, t: T) -> int:
        s = self.s
        raw = s.TensorT()
        raw.shape = np.array(t.shape, np.int32)
        raw.type = getattr(s.TensorType, t.dtype.upper())
        raw.name = f"t{len(self.sub.tensors)}"
        raw.buffer = 0
        if t.data is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(np.asarray(t.data, t.dtype).tobytes(), np.uint8)
            raw.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        if t.scale is not None:
            raw.quantization = _quantization(s, t)
        self.sub.tensors.append(raw)
        return len(self.sub.tensors) - 1

    def op(self, kind: str, inputs: list[int], outputs: list[int], options: Any = None) -> None:
        s = self.s
        code = int(getattr(s.BuiltinOperator, kind))
        self.codes.setdefault(code, (len(self.codes), VERSIONS.get(kind, 2)))
        o = s.OperatorT()
        o.opcodeIndex = self.codes[code][0]
        o.inputs, o.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            o.builtinOptionsType = getattr(s.BuiltinOptions, name)
            o.builtinOptions = options
        self.sub.operators.append(o)

    def options(self, name: str, **values: Any) -> Any:
        o = getattr(self.s, f"{name}T")()
        for key, value in values.items():
            assert hasattr(o, key), (name, key)
            setattr(o, key, value)
        return o

    def content(self, inputs: list[int], outputs: list[int]) -> bytes:
        s = self.s
        self.sub.inputs = np.array(inputs, np.int32)
        self.sub.outputs = np.array(outputs, np.int32)
        self.model.subgraphs = [self.sub]
        self.model.operatorCodes = []
        for code, (_, version) in self.codes.items():
            entry = s.OperatorCodeT()
            entry.builtinCode, entry.deprecatedBuiltinCode = code, min(code, 127)
            entry.version = version
            self.model.operatorCodes.append(entry)
        return lce.packed(self.model)


def one_op(
    label: str,
    kind: str,
    inputs: list[T | None],
    outputs: list[T],
    options: tuple[str, dict[str, Any]] | None = None,
) -> Model:
    """A model of one operator; inputs that are not constant become the model's."""
    g = Graph()
    while inputs[-1] is None:  # the reference takes no bias as an absent input, not as -1
        inputs = inputs[:-1]
    ins = [-1 if t is None else g.tensor(t) for t in inputs]
    outs = [g.tensor(t) for t in outputs]
    g.op(kind, ins, outs, g.options(options[0], **options[1]) if options else None)
    free = [i for i, t in zip(ins, inputs, strict=True) if t is not None and t.data is None]
    return Model(label, g.content(free, outs))
