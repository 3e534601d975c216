"""The smallest flatbuffers that a converter could write: one builtin operator, no weights."""

from __future__ import annotations

import flatbuffers
import tflite


def _vector(builder: flatbuffers.Builder, items: list[int]) -> int:
    """A vector of table offsets."""
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return builder.EndVector()


def _numbers(builder: flatbuffers.Builder, items: list[int]) -> int:
    """A vector of int32."""
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependInt32(item)
    return builder.EndVector()


def _tensor(builder: flatbuffers.Builder, name: str, shape: list[int], kind: int) -> int:
    text, extents = builder.CreateString(name), _numbers(builder, shape)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, extents)
    tflite.TensorAddType(builder, kind)
    tflite.TensorAddBuffer(builder, 0)
    tflite.TensorAddName(builder, text)
    return int(tflite.TensorEnd(builder))


def model(operator: int, shape: list[int], kind: int = tflite.TensorType.FLOAT32) -> bytes:
    """A .tflite of one operator from `image` to `result`, both of that shape."""
    builder = flatbuffers.Builder(1024)
    tensors = _vector(
        builder, [_tensor(builder, name, shape, kind) for name in ("image", "result")]
    )
    ins, outs = _numbers(builder, [0]), _numbers(builder, [1])
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, 0)
    tflite.OperatorAddInputs(builder, ins)
    tflite.OperatorAddOutputs(builder, outs)
    operators = _vector(builder, [tflite.OperatorEnd(builder)])
    name = builder.CreateString("main")
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors)
    tflite.SubGraphAddInputs(builder, ins)
    tflite.SubGraphAddOutputs(builder, outs)
    tflite.SubGraphAddOperators(builder, operators)
    tflite.SubGraphAddName(builder, name)
    graphs = _vector(builder, [tflite.SubGraphEnd(builder)])
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, operator)
    tflite.OperatorCodeAddBuiltinCode(builder, operator)
    tflite.OperatorCodeAddVersion(builder, 1)
    codes = _vector(builder, [tflite.OperatorCodeEnd(builder)])
    tflite.BufferStart(builder)
    buffers = _vector(builder, [tflite.BufferEnd(builder)])
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, buffers)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())
