"""Flatbuffers without Keras: LCE's operators written one by one, in milliseconds.

A model is built by calling methods in order of execution; each returns the index of the tensor that
it makes. Options of LCE's operators are FlexBuffers maps, as LCE itself writes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from convert import lce
from convert.geometry import out_size
from convert.words import pack

SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)


class Flat:
    """One model under construction."""

    def __init__(self) -> None:
        self.s = lce.schema()
        self.types = {
            "float32": self.s.TensorType.FLOAT32,
            "int8": self.s.TensorType.INT8,
            "int32": self.s.TensorType.INT32,
        }
        self.sub = self.s.SubGraphT()
        self.sub.tensors, self.sub.operators = [], []
        self.sub.inputs, self.sub.outputs = [], []
        self.buffers = [self.s.BufferT()]
        self.codes: list[Any] = []
        self.names: dict[tuple[int, str | None], int] = {}
        self.signature: dict[str, dict[str, int]] = {"inputs": {}, "outputs": {}}
        self.shapes: list[tuple[int, ...]] = []

    def tensor(
        self,
        shape: tuple[int, ...],
        dtype: str,
        *,
        name: str = "t",
        data: Any = None,
        quant: tuple[float, int] | None = None,
    ) -> int:
        t = self.s.TensorT()
        t.shape, t.type = np.array(shape, np.int32), self.types[dtype]
        t.name = f"model/{name}{len(self.shapes)}/Op"
        t.buffer = 0
        if data is not None:
            b = self.s.BufferT()
            array = np.asarray(data).astype(dtype)
            assert array.shape == tuple(shape)
            b.data = np.frombuffer(array.tobytes(), np.uint8)
            t.buffer = len(self.buffers)
            self.buffers.append(b)
        if quant is not None:
            q = self.s.QuantizationParametersT()
            q.scale, q.zeroPoint = np.array([quant[0]], np.float32), np.array([quant[1]], np.int64)
            t.quantization = q
        self.sub.tensors.append(t)
        self.shapes.append(tuple(shape))
        return len(self.shapes) - 1

    def const(self, data: Any, dtype: str) -> int:
        array = np.asarray(data, dtype)
        return self.tensor(array.shape, dtype, name="const", data=array)

    def input(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str = "float32",
        quant: tuple[float, int] | None = None,
    ) -> int:
        at = self.tensor(shape, dtype, name=name, quant=quant)
        self.sub.inputs.append(at)
        self.signature["inputs"][name] = at
        return at

    def output(self, name: str, at: int) -> None:
        self.sub.outputs.append(at)
        self.signature["outputs"][name] = at

    def op(
        self,
        kind: str,
        inputs: list[int],
        outputs: list[int],
        custom: Mapping[str, Any] | None = None,
        options: Any = None,
    ) -> None:
        """An operator: a builtin's name, or an LCE one with its options."""
        is_custom = kind.startswith("Lce")
        builtin = self.s.BuiltinOperator.CUSTOM if is_custom else self._builtin(kind)
        key = (builtin, kind if is_custom else None)
        if key not in self.names:
            code = self.s.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, 127)
            code.version, code.customCode = 1, kind if is_custom else None
            self.names[key] = len(self.codes)
            self.codes.append(code)
        o = self.s.OperatorT()
        o.opcodeIndex = self.names[key]
        o.inputs, o.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if is_custom:
            packed = flexbuffers.Dumps(dict(custom)) if custom else b""
            o.customOptions = np.frombuffer(bytes(packed), np.uint8)
        elif options is not None:
            class_name = type(options).__name__.removesuffix("T")
            o.builtinOptionsType = getattr(self.s.BuiltinOptions, class_name)
            o.builtinOptions = options
        self.sub.operators.append(o)

    def _builtin(self, kind: str) -> int:
        return int(getattr(self.s.BuiltinOperator, kind))

    def quantize(self, at: int) -> int:
        shape = self.shapes[at]
        out = self.tensor((*shape[:-1], -(-shape[-1] // 32)), "int32", name="bits")
        self.op("LceQuantize", [at], [out])
        return out

    def dequantize(self, at: int, channels: int, quant: tuple[float, int] | None = None) -> int:
        dtype = "int8" if quant else "float32"
        out = self.tensor((*self.shapes[at][:-1], channels), dtype, name="pm1", quant=quant)
        self.op("LceDequantize", [at], [out])
        return out

    def pool(self, at: int, size: tuple[int, int], stride: tuple[int, int], padding: int) -> int:
        n, h, w, words = self.shapes[at]
        oh = out_size(h, size[0], stride[0], 1, padding)
        ow = out_size(w, size[1], stride[1], 1, padding)
        out = self.tensor((n, oh, ow, words), "int32", name="pool")
        options = {
            "padding": padding, "stride_width": stride[1], "stride_height": stride[0],
            "filter_width": size[1], "filter_height": size[0],
        }  # fmt: skip
        self.op("LceBMaxPool2d", [at], [out], options)
        return out

    def bconv(
        self,
        at: int,
        bits: Any,
        channels_in: int,
        *,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: int = SAME,
        pad_values: int = 1,
        activation: int = NONE,
        thresholds: Any = None,
        multiplier: Any = None,
        bias: Any = None,
        quant: tuple[float, int] | None = None,
    ) -> int:
        """bits: filter, uint8 [co, kh, kw, channels_in / groups], 1 = -1. Thresholds make a packed
        output; multiplier and bias a float one, or with quant an int8 one."""
        n, h, w, _ = self.shapes[at]
        co, kh, kw, _ = bits.shape
        oh = out_size(h, kh, stride[0], dilation[0], padding)
        ow = out_size(w, kw, stride[1], dilation[1], padding)
        inputs = [at, self.const(pack(bits).view(np.int32), "int32")]
        if thresholds is not None:
            inputs += [-1, -1, self.const(thresholds, "int32")]
            out = self.tensor((n, oh, ow, -(-co // 32)), "int32", name="bconv")
        else:
            inputs += [self.const(multiplier, "float32"), self.const(bias, "float32"), -1]
            dtype = "int8" if quant else "float32"
            out = self.tensor((n, oh, ow, co), dtype, name="bconv", quant=quant)
        options = {
            "channels_in": channels_in, "dilation_height_factor": dilation[0],
            "dilation_width_factor": dilation[1], "fused_activation_function": activation,
            "pad_values": pad_values, "padding": padding, "stride_height": stride[0],
            "stride_width": stride[1],
        }  # fmt: skip
        self.op("LceBconv2d", inputs, [out], options)
        return out

    def depthwise(self, at: int, weights: Any, bias: Any, activation: int = NONE) -> int:
        """1x1, weights [1, 1, 1, C * M], channel order c * M + m."""
        shape = self.shapes[at]
        channels = weights.shape[-1]
        o = self.s.DepthwiseConv2DOptionsT()
        o.padding, o.strideH, o.strideW = VALID, 1, 1
        o.dilationHFactor = o.dilationWFactor = 1
        o.depthMultiplier, o.fusedActivationFunction = channels // shape[-1], activation
        out = self.tensor((*shape[:-1], channels), "float32", name="depthwise")
        inputs = [at, self.const(weights, "float32"), self.const(bias, "float32")]
        self.op("DEPTHWISE_CONV_2D", inputs, [out], options=o)
        return out

    def binary(
        self, kind: str, at: int, data: Any, *, first: bool = False, activation: int = NONE
    ) -> int:
        """ADD, SUB or MUL with a float constant."""
        o = getattr(
            self.s, {"ADD": "AddOptionsT", "SUB": "SubOptionsT", "MUL": "MulOptionsT"}[kind]
        )()
        o.fusedActivationFunction = activation
        constant = self.const(data, "float32")
        out = self.tensor(self.shapes[at], "float32", name=kind.lower())
        self.op(kind, [constant, at] if first else [at, constant], [out], options=o)
        return out

    def gather(self, at: int, order: Any, axis: int = -1) -> int:
        o = self.s.GatherOptionsT()
        o.axis, o.batchDims = axis, 0
        out = self.tensor((*self.shapes[at][:-1], len(order)), "float32", name="gather")
        self.op("GATHER", [at, self.const(order, "int32")], [out], options=o)
        return out

    def reshape(self, at: int, shape: tuple[int, ...]) -> int:
        o = self.s.ReshapeOptionsT()
        o.newShape = np.array(shape, np.int32)
        dtype = {v: k for k, v in self.types.items()}[self.sub.tensors[at].type]
        out = self.tensor(shape, dtype, name="reshape")
        self.op("RESHAPE", [at, self.const(shape, "int32")], [out], options=o)
        return out

    def transpose(self, at: int, order: tuple[int, ...]) -> int:
        shape = tuple(self.shapes[at][i] for i in order)
        out = self.tensor(shape, "float32", name="transpose")
        inputs = [at, self.const(order, "int32")]
        self.op("TRANSPOSE", inputs, [out], options=self.s.TransposeOptionsT())
        return out

    def finish(self, metadata: Mapping[str, Any] | None = None) -> bytes:
        """The flatbuffer."""
        m = self.s.ModelT()
        m.version, m.description = 3, "test"
        m.operatorCodes, m.subgraphs, m.buffers = self.codes, [self.sub], self.buffers
        self.sub.inputs = np.array(self.sub.inputs, np.int32)
        self.sub.outputs = np.array(self.sub.outputs, np.int32)
        self.sub.name = "main"
        signature = self.s.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        for which, names in self.signature.items():
            entries = []
            for name, at in names.items():
                entry = self.s.TensorMapT()
                entry.name, entry.tensorIndex = name, at
                entries.append(entry)
            setattr(signature, which, entries)
        m.signatureDefs = [signature]
        if metadata is not None:
            b = self.s.BufferT()
            b.data = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
            entry = self.s.MetadataT()
            entry.name, entry.buffer = "bitwake", len(self.buffers)
            self.buffers.append(b)
            m.metadata = [entry]
        return lce.packed(m)
