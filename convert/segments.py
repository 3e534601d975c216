"""A model run piece by piece, each piece by the interpreter that is exact for it.

LCE's interpreter has TFLite's optimised kernels for the built-in operators, which differ from the
reference kernels by a step of the scale now and then; TFLite's own interpreter has the reference
kernels and no Lce operators. So consecutive operators of one family become a model of their own.
TensorFlow is imported only when there is a built-in operator whose kernels differ.
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

from convert import lce
from convert.builtin_rules import RULES
from convert.errors import DependencyError
from convert.ir import Array, Graph
from convert.lower import encoder
from convert.lower.int8_move import MOVES

Runner = Callable[[list[Array]], list[Array]]

# What only moves, or whose reference kernel is wrong: SUM takes int8 for unsigned there.
_ALIKE = {*MOVES, "RESHAPE", "SUM"}
_SUM = int(tflite.BuiltinOperator.SUM)
_DEPTH_TO_SPACE = int(tflite.BuiltinOperator.DEPTH_TO_SPACE)


def needs_reference(graph: Graph) -> bool:
    """Whether some built-in operator computes, other than in an input encoder."""
    chained: set[int] = set()
    for op in graph.ops:
        if op.kind == "LceQuantize":
            chained |= {id(step) for step in encoder.find_chain(graph, op) or ()}
    return any(
        op.kind in RULES and op.kind not in _ALIKE and id(op) not in chained for op in graph.ops
    )


def _reference(content: bytes) -> Runner:
    """TFLite's interpreter with its reference kernels."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow as tf

            run = tf.lite.Interpreter(
                model_content=content,
                experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
                num_threads=1,
            )
    except ImportError as error:
        raise DependencyError(
            "TFLite's reference kernels are needed to judge the built-in operators",
            found=str(error),
            remedy="make validate installs it, or: pip install --no-deps -r requirements-full.lock",
        ) from None
    run.allocate_tensors()
    ins = [d["index"] for d in run.get_input_details()]
    outs = [d["index"] for d in run.get_output_details()]

    def predict(arrays: list[Array]) -> list[Array]:
        for index, array in zip(ins, arrays, strict=True):
            run.set_tensor(index, array)
        run.invoke()
        return [np.array(run.get_tensor(index)) for index in outs]

    return predict


def _lce(content: bytes) -> Runner:
    run = lce.interpreter_class()(content, 1, True, False, False)
    return lambda arrays: [np.asarray(out) for out in run.predict(arrays)]


@dataclass(frozen=True)
class _Piece:
    run: Runner
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Segments:
    """The interpreter's face: predict(inputs) in the file's order of inputs and outputs.

    Raises:
        DependencyError: TensorFlow is not installed.
        RuntimeError, ValueError: an interpreter does not take its piece.
    """

    def __init__(self, content: bytes) -> None:
        model = lce.unpacked(content)
        sub = model.subgraphs[0]
        self._inputs = [int(v) for v in sub.inputs]
        self._outputs = [int(v) for v in sub.outputs]
        operators, codes = list(sub.operators), list(model.operatorCodes)
        model.signatureDefs = []
        for code in codes:
            # Version 2 is int8, which the reference kernel takes but is only registered as 1.
            if code.builtinCode == _DEPTH_TO_SPACE:
                code.version = 1

        def is_lce(op: Any) -> bool:
            code = codes[op.opcodeIndex]
            return code.customCode is not None or code.builtinCode == _SUM

        constant = {i for i, t in enumerate(sub.tensors) if _has_data(model, t)}
        groups = [list(g) for _, g in itertools.groupby(operators, key=is_lce)]
        self._pieces = []
        for k, group in enumerate(groups):
            made = {int(v) for op in group for v in op.outputs}
            reads = {int(v) for op in group for v in op.inputs if v >= 0} - made - constant
            later = {int(v) for g in groups[k + 1 :] for op in g for v in op.inputs}
            gives = made & (later | set(self._outputs))
            piece_in, piece_out = tuple(sorted(reads)), tuple(sorted(gives))
            sub.operators, sub.inputs = group, np.array(piece_in, np.int32)
            sub.outputs = np.array(piece_out, np.int32)
            used = sorted({op.opcodeIndex for op in group})
            model.operatorCodes = [codes[i] for i in used]
            kept = [op.opcodeIndex for op in group]
            for op in group:
                op.opcodeIndex = used.index(op.opcodeIndex)
            packed = lce.packed(model)
            for op, index in zip(group, kept, strict=True):
                op.opcodeIndex = index
            runner = _lce if is_lce(group[0]) else _reference
            self._pieces.append(_Piece(runner(packed), piece_in, piece_out))

    def predict(self, arrays: Sequence[Array]) -> list[Array]:
        known = dict(zip(self._inputs, arrays, strict=True))
        for piece in self._pieces:
            found = piece.run([known[i] for i in piece.inputs])
            known |= dict(zip(piece.outputs, found, strict=True))
        return [known[i] for i in self._outputs]


def _has_data(model: Any, tensor: Any) -> bool:
    """Whether it is a constant; a list without entries has no bytes either."""
    data = model.buffers[tensor.buffer].data
    return (data is not None and len(data) > 0) or list(tensor.shape) == [0]
