"""Flatbuffer -> Graph, with every length and index checked against the file.

The generated schema classes trust the file; a damaged one makes them raise anything or read
gigabytes. Lengths are checked before loops and whatever else goes wrong becomes one ModelError.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import flatbuffers
import numpy as np
import tflite
from flatbuffers import flexbuffers

from convert import builtin_options
from convert.errors import ModelError
from convert.ir import Array, Graph, Op, Port, Quant, Tensor, verify

IDENTIFIER = b"TFL3"
METADATA = "bitwake"
NO_FILE = "the given bytes"  # where a mistake is, when the content came without a path
MAX_BYTES = 256 * 1024 * 1024
MAX_RANK = 8
SMALLEST_SCALE = 2.0**-60  # quotients of two scales stay within float32
MAX_ELEMENTS = 1 << 26

DTYPES = {
    tflite.TensorType.FLOAT32: "float32",
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.INT16: "int16",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.INT64: "int64",
    tflite.TensorType.BOOL: "bool",
}
BUILTINS = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}

# Option tables: operator -> (class, {attribute: accessor}).
_CONV = {
    "padding": "Padding",
    "stride_h": "StrideH",
    "stride_w": "StrideW",
    "dilation_h": "DilationHFactor",
    "dilation_w": "DilationWFactor",
    "activation": "FusedActivationFunction",
}
_ACTIVATION = {"activation": "FusedActivationFunction"}
OPTIONS: dict[str, tuple[Any, dict[str, str]]] = {
    "CONV_2D": (tflite.Conv2DOptions, _CONV),
    "DEPTHWISE_CONV_2D": (
        tflite.DepthwiseConv2DOptions,
        {**_CONV, "multiplier": "DepthMultiplier"},
    ),
    "ADD": (tflite.AddOptions, _ACTIVATION),
    "SUB": (tflite.SubOptions, _ACTIVATION),
    "MUL": (tflite.MulOptions, _ACTIVATION),
    "GATHER": (tflite.GatherOptions, {"axis": "Axis", "batch_dims": "BatchDims"}),
    "FULLY_CONNECTED": (tflite.FullyConnectedOptions, _ACTIVATION),
    **builtin_options.OPTIONS,
}
_LCE_CONV = {
    "stride_height": "stride_h",
    "stride_width": "stride_w",
    "dilation_height_factor": "dilation_h",
    "dilation_width_factor": "dilation_w",
    "fused_activation_function": "activation",
    "padding": "padding",
    "pad_values": "pad_values",
    "channels_in": "channels_in",
}
_LCE_POOL = {
    "filter_height": "filter_h",
    "filter_width": "filter_w",
    "stride_height": "stride_h",
    "stride_width": "stride_w",
    "padding": "padding",
}
LCE_OPTIONS = {"LceBconv2d": _LCE_CONV, "LceBMaxPool2d": _LCE_POOL}

# What a hostile or damaged buffer makes the generated accessors raise.
_READ_ERRORS = (
    struct.error, IndexError, ValueError, TypeError, KeyError, AttributeError, OverflowError,
    UnicodeDecodeError, MemoryError, RecursionError, AssertionError,
)  # fmt: skip


def load_bytes(source: Path | str | bytes) -> tuple[bytes, str]:
    """The file's content and a name for messages.

    Raises:
        ModelError: missing, empty, too large or not a TFLite flatbuffer.
    """
    if isinstance(source, bytes):
        content, where = source, NO_FILE
    else:
        path = Path(source)
        where = str(path)
        try:
            size = path.stat().st_size
            if size > MAX_BYTES:
                raise ModelError(
                    "the model file is too large for a microcontroller",
                    where=where,
                    found=f"{size} bytes, the limit is {MAX_BYTES}",
                    remedy="convert a smaller network",
                )
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(
                "the model file cannot be read",
                where=where,
                found=error.strerror or str(error),
                remedy="give the path of a .tflite file, or a name: see the folder models/",
            ) from None
    if len(content) < 16 or content[4:8] != IDENTIFIER:
        raise ModelError(
            "this is not a TFLite flatbuffer",
            where=f"{where}, byte 4",
            found=f"{len(content)} bytes, identifier {content[4:8]!r} instead of {IDENTIFIER!r}",
            remedy="make one with: make convert RUN=runs/…",
        )
    return content, where


def read(source: Path | str | bytes, *, name: str | None = None) -> Graph:
    """Read a model of one subgraph.

    Args:
        source: path or content.
        name: of the graph, for the generated code.

    Raises:
        ModelError: the file is missing, damaged, or not of the form that LCE writes.
    """
    content, where = load_bytes(source)
    try:
        graph = _Reader(content).graph(name or "model")
        verify(graph)
    except _READ_ERRORS as error:
        raise _damaged(content, where, error) from None
    return graph


def file_order(source: Path | str | bytes) -> tuple[list[str], list[str]]:
    """Tensor names of inputs and outputs in the order of the file, which is the interpreter's.

    Raises:
        ModelError: the file is missing or damaged.
    """
    content, where = load_bytes(source)
    try:
        reader = _Reader(content)
        names = [tensor.name for tensor in reader.tensors()]
        ins = reader._array(reader.sub.InputsAsNumpy(), reader.sub.InputsLength())
        outs = reader._array(reader.sub.OutputsAsNumpy(), reader.sub.OutputsLength())
        return [names[int(i)] for i in ins], [names[int(i)] for i in outs]
    except _READ_ERRORS as error:
        raise _damaged(content, where, error) from None


def _damaged(content: bytes, where: str, error: BaseException) -> ModelError:
    detail = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return ModelError(
        "the model file is damaged",
        where=where,
        found=f"{detail} ({len(content)} bytes)",
        remedy="copy or convert it again; compare its SHA-256 with the original's",
    )


def shape_name(text: str, fallback: str) -> str:
    """A tensor name cut down to what tells layers apart."""
    last = text.split(";")[0].split("/")
    parts = [p for p in last if p and p != "StatefulPartitionedCall"]
    return re.sub(r"[^A-Za-z0-9_.:]+", "_", "/".join(parts[-2:]))[:48] or fallback


def _number(value: Any) -> int | float:
    """Options are whole numbers and flags, but for a few reals."""
    return float(value) if isinstance(value, float) else int(value)


class _Reader:
    """One file being read; every method may raise one of _READ_ERRORS."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.model = tflite.Model.GetRootAsModel(content, 0)
        if self._length(self.model.SubgraphsLength()) != 1:
            raise ValueError(f"{self.model.SubgraphsLength()} subgraphs instead of 1")
        self.sub = self.model.Subgraphs(0)

    def _length(self, n: int) -> int:
        """A vector's length, at most one entry a byte of the file."""
        if not 0 <= n <= len(self.content):
            raise ValueError(f"a vector of {n} entries")
        return n

    def _array(self, vector: Any, length: int) -> Array:
        self._length(length)
        return np.zeros(0, np.int64) if length == 0 else np.array(vector)

    def buffer(self, index: int) -> bytes:
        if not 0 <= index < self._length(self.model.BuffersLength()):
            raise IndexError(f"buffer {index} does not exist")
        entry = self.model.Buffers(index)
        return self._array(entry.DataAsNumpy(), entry.DataLength()).astype(np.uint8).tobytes()

    def tensors(self) -> list[Tensor]:
        out = []
        for i in range(self._length(self.sub.TensorsLength())):
            raw = self.sub.Tensors(i)
            shape = tuple(int(v) for v in self._array(raw.ShapeAsNumpy(), raw.ShapeLength()))
            if (
                len(shape) > MAX_RANK
                or any(v < 0 for v in shape)
                or np.prod(shape, dtype=float) > MAX_ELEMENTS
            ):
                raise ValueError(f"tensor {i} has shape {list(shape)}")
            dtype = DTYPES.get(raw.Type())
            if dtype is None:
                raise ValueError(f"tensor {i} has type code {raw.Type()}")
            data = self.buffer(raw.Buffer())
            constant = None
            if data:
                constant = np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<")).reshape(
                    shape
                )
            text = (raw.Name() or b"").decode("utf-8", "replace")
            name = f"t{i}:{shape_name(text, 'tensor')}"
            out.append(Tensor(name, shape, dtype, self._quant(raw.Quantization()), constant))
        return out

    def _with_empty_constants(self, tensors: list[Tensor], ops: list[Op]) -> list[Tensor]:
        """A list without entries, of axes or sides, has no bytes either; it is a constant where
        nobody makes it."""
        made = {tensors[int(v)].name for v in self._array(
            self.sub.InputsAsNumpy(), self.sub.InputsLength())}  # fmt: skip
        made |= {name for op in ops for name in op.outputs}
        return [
            replace(t, data=np.zeros(t.shape, t.dtype))
            if t.data is None and t.shape == (0,) and t.name not in made
            else t
            for t in tensors
        ]

    def _quant(self, raw: Any) -> Quant | None:
        if raw is None or raw.ScaleLength() == 0:
            return None
        scale = self._array(raw.ScaleAsNumpy(), raw.ScaleLength())
        zero = self._array(raw.ZeroPointAsNumpy(), raw.ZeroPointLength())
        if len(zero) != len(scale):
            raise ValueError(f"{len(scale)} scales and {len(zero)} zero points")
        if not ((scale > SMALLEST_SCALE) & (scale < 1 / SMALLEST_SCALE)).all():
            raise ValueError("a quantization scale is no usable positive number")
        return Quant(
            tuple(float(v) for v in scale), tuple(int(v) for v in zero), raw.QuantizedDimension()
        )

    def codes(self) -> list[str]:
        names = []
        for i in range(self._length(self.model.OperatorCodesLength())):
            code = self.model.OperatorCodes(i)
            builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            custom = code.CustomCode()
            names.append(custom.decode("ascii", "replace") if custom else BUILTINS[builtin])
        return names

    def attrs(self, raw: Any, kind: str) -> dict[str, Any]:
        if kind in LCE_OPTIONS:
            data = self._array(raw.CustomOptionsAsNumpy(), raw.CustomOptionsLength())
            options = flexbuffers.Loads(bytearray(data.astype(np.uint8).tobytes()))
            return {short: int(options[long]) for long, short in LCE_OPTIONS[kind].items()}
        if kind not in OPTIONS:
            return {}
        cls, fields = OPTIONS[kind]
        table = raw.BuiltinOptions()
        options = _defaults(cls)
        if table is not None:
            options.Init(table.Bytes, table.Pos)
        return {short: _number(getattr(options, accessor)()) for short, accessor in fields.items()}

    def ops(self, tensors: list[Tensor]) -> list[Op]:
        codes, out = self.codes(), []
        layers = self.metadata().get("operators")
        known = layers if isinstance(layers, dict) else {}
        for i in range(self._length(self.sub.OperatorsLength())):
            raw = self.sub.Operators(i)
            if not 0 <= raw.OpcodeIndex() < len(codes):
                raise IndexError(f"operator {i} has code {raw.OpcodeIndex()}")
            kind = codes[raw.OpcodeIndex()]
            ins = self._array(raw.InputsAsNumpy(), raw.InputsLength())
            outs = self._array(raw.OutputsAsNumpy(), raw.OutputsLength())
            if any(not -1 <= v < len(tensors) for v in ins) or any(
                not 0 <= v < len(tensors) for v in outs
            ):
                raise IndexError(f"operator {i} ({kind}) refers to a tensor that does not exist")
            if not len(outs):
                raise ValueError(f"operator {i} ({kind}) has no output")
            outputs = tuple(tensors[int(v)].name for v in outs)
            name = outputs[0].split(":", 1)[1] if outputs else kind
            name = shape_name(str(known.get(str(i), "")), name)
            inputs = tuple(tensors[int(v)].name if v >= 0 else None for v in ins)
            out.append(Op(kind, f"#{i} {name}", inputs, outputs, self.attrs(raw, kind)))
        return out

    def ports(self, tensors: list[Tensor]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        """Inputs and outputs, named and ordered by the first signature where there is one."""
        named: dict[bool, list[Port]] = {True: [], False: []}
        if self._length(self.model.SignatureDefsLength()):
            signature = self.model.SignatureDefs(0)
            for i in range(self._length(signature.InputsLength())):
                entry = signature.Inputs(i)
                named[True].append(self._port(entry.Name(), entry.TensorIndex(), tensors))
            for i in range(self._length(signature.OutputsLength())):
                entry = signature.Outputs(i)
                named[False].append(self._port(entry.Name(), entry.TensorIndex(), tensors))
        raw = {
            True: self._array(self.sub.InputsAsNumpy(), self.sub.InputsLength()),
            False: self._array(self.sub.OutputsAsNumpy(), self.sub.OutputsLength()),
        }
        for is_input, indices in raw.items():
            expected = {tensors[int(v)].name for v in indices}
            if {port.tensor for port in named[is_input]} != expected:
                prefix = "input" if is_input else "output"
                named[is_input] = [
                    self._port(f"{prefix}{k}".encode(), int(v), tensors)
                    for k, v in enumerate(indices)
                ]
        return tuple(sorted(named[True], key=_by_name)), tuple(sorted(named[False], key=_by_name))

    def _port(self, name: bytes | None, index: int, tensors: list[Tensor]) -> Port:
        if not 0 <= index < len(tensors):
            raise IndexError(f"a signature refers to tensor {index}")
        return Port((name or b"port").decode("utf-8", "replace"), tensors[index].name)

    def metadata(self) -> Mapping[str, Any]:
        for i in range(self._length(self.model.MetadataLength())):
            entry = self.model.Metadata(i)
            if (entry.Name() or b"").decode("utf-8", "replace") == METADATA:
                content = json.loads(self.buffer(entry.Buffer()).decode("utf-8"))
                if isinstance(content, dict):
                    return MappingProxyType(content)
        return MappingProxyType({})

    def graph(self, name: str) -> Graph:
        tensors = self.tensors()
        ops = self.ops(tensors)
        tensors = self._with_empty_constants(tensors, ops)
        inputs, outputs = self.ports(tensors)
        batched = {t.name: t for t in tensors}
        return Graph(name, tuple(ops), MappingProxyType(batched), inputs, outputs, self.metadata())


def _defaults(cls: Any) -> Any:
    """An options table in which nothing is set, so that every field has the schema's default."""
    builder = flatbuffers.Builder(16)
    builder.StartObject(0)
    builder.Finish(builder.EndObject())
    return cls.GetRootAs(bytes(builder.Output()))


def _by_name(port: Port) -> str:
    return port.name
