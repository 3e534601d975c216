"""Bounds of the descriptors and of the face of a model, on the lowered graph.

A descriptor holds sizes in 16 bits and counts in 32; a model that passes these checks cannot
overflow one. Each refusal names the layer that is too large.
"""

from __future__ import annotations

import math

import numpy as np

from convert.emit.kernels import CALLS
from convert.ir import Graph, Op, Tensor
from convert.supported import Refusal

MAX_SIDE = 65535
MAX_COUNT = 2**32 - 1
MAX_MAP_BYTES = 16 << 20  # of one map: no microcontroller of this kind has as much RAM
PORT_TYPES = ("uint8", "int8", "float32", "int32", "bits")
MAX_REAL = float(np.finfo(np.float32).max)
MAX_PORTS = 16
MAX_LAYERS = 4096


# In words, for refusals and for the page of supported operators.
MAPS = (
    f"maps are at most {MAX_SIDE} a side and {MAX_MAP_BYTES >> 20} MiB, of rank 1 to 4 without the "
    "batch of 1"
)
PORTS = f"an input or output is one of {', '.join(PORT_TYPES)}, and is computed"
INPUTS = f"a model has 1 to {MAX_PORTS} inputs and 1 to {MAX_LAYERS} layers"
OUTPUTS = f"a model has 1 to {MAX_PORTS} outputs"
MACS = "a layer has at most 2^32 - 1 multiply-accumulates"
NUMBERS = "real constants of a layer are finite numbers"
LIMITS = (MAPS, PORTS, INPUTS, OUTPUTS, MACS, NUMBERS)


def _shape_fault(t: Tensor) -> str:
    dims = t.shape[1:] if len(t.shape) > 1 else t.shape
    if len(dims) > 4:
        return f"rank {len(dims)} without the batch"
    if any(not 1 <= v <= MAX_SIDE for v in t.shape):
        return f"shape {list(t.shape)}"
    if t.shape and len(t.shape) > 1 and t.shape[0] != 1:
        return f"a batch of {t.shape[0]}"
    if t.bytes > MAX_MAP_BYTES:
        return f"{t.bytes} bytes"
    return ""


def _number_fault(op: Op) -> str:
    """Real numbers of a descriptor that C has no literal for."""
    for name, value in sorted(op.attrs.items()):
        array = np.asarray(value) if isinstance(value, (float, np.floating, np.ndarray)) else None
        if array is not None and array.dtype.kind == "f":
            bad = int(np.count_nonzero(~(np.abs(array) <= MAX_REAL)))
            if bad:
                return f"{name}: {bad} of {array.size}"
    return ""


def beyond_limits(graph: Graph) -> list[Refusal]:
    """Every map, layer and port that the runtime cannot hold."""
    out: list[Refusal] = []
    made = {port.tensor for port in graph.inputs}
    made |= {name for op in graph.ops for name in op.outputs}
    ports = (*graph.inputs, *graph.outputs)
    for port in ports:
        t = graph.tensors[port.tensor]
        fault = "" if t.dtype in PORT_TYPES else f"type {t.dtype}"
        fault = fault or ("" if port.tensor in made else "a constant")
        if fault:
            out.append(Refusal(port.name, PORTS, fault, "drop it from the model"))
    layers = sum(op.kind != "alias" for op in graph.ops)  # a reshape makes no code
    if not 1 <= layers <= MAX_LAYERS or not 1 <= len(graph.inputs) <= MAX_PORTS:
        found = f"{len(graph.inputs)} inputs, {layers} layers"
        out.append(Refusal(graph.name, INPUTS, found, "convert a whole network"))
    if not 1 <= len(graph.outputs) <= MAX_PORTS:
        out.append(Refusal(graph.name, OUTPUTS, f"{len(graph.outputs)}", "drop some outputs"))
    for port in graph.inputs:
        fault = _shape_fault(graph.tensors[port.tensor])
        if fault:
            out.append(Refusal(port.name, MAPS, fault, "use smaller pictures"))
    for op in graph.ops:
        for name in op.outputs:
            fault = _shape_fault(graph.tensors[name])
            if fault:
                out.append(Refusal(op.name, MAPS, fault, "use smaller maps"))
    if out:
        return out
    for op in graph.ops:
        macs = CALLS[op.kind](graph, op).macs if op.kind in CALLS else 0
        pixels = math.prod(graph.tensors[op.outputs[0]].shape)
        if macs > MAX_COUNT or pixels > MAX_COUNT:
            out.append(Refusal(op.name, MACS, f"{macs}", "use fewer channels or smaller maps"))
        fault = _number_fault(op)
        if fault:
            remedy = "take weights from before the training diverged, or convert again"
            out.append(Refusal(op.name, NUMBERS, fault, remedy))
    return out
