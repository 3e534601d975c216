"""The graph that compilation works on: frozen, printable dataclasses.

A batch of one is implied everywhere: shapes leave the leading 1 out. A tensor of dtype "bits" holds
±1 as one bit a channel; its shape's last entry counts real channels, not words. One of dtype
"planes" holds the same as one bitmap a channel (bitwake/bw_planar.h).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

ITEM_BYTES = {"float32": 4, "int8": 1, "uint8": 1, "int32": 4, "int64": 8, "bool": 1, "int16": 2}


@dataclass(frozen=True)
class Quant:
    """real = scale * (q - zero_point), one entry, or one a slice along `axis`."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the graph. `data` is set for constants."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quant: Quant | None = None
    data: Array | None = field(default=None, repr=False)

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def channels(self) -> int:
        return self.shape[-1] if self.shape else 1

    @property
    def words(self) -> int:
        """32-bit words a pixel of a bits tensor."""
        return -(-self.channels // 32)

    @property
    def bytes(self) -> int:
        """Size in memory; bits are packed 32 channels a word."""
        if self.dtype == "bits":
            return 4 * self.words * (self.elements // max(1, self.channels))
        if self.dtype == "planes":
            pixels = self.elements // max(1, self.channels)
            return 4 * self.channels * ((pixels + 31) // 32)
        return ITEM_BYTES[self.dtype] * self.elements

    def text(self) -> str:
        shape = "x".join(map(str, self.shape)) or "scalar"
        const = " const" if self.data is not None else ""
        quant = ""
        if self.quant is not None:
            quant = f" s={self.quant.scale[0]:.6g} zp={self.quant.zero_point[0]}"
            quant += f" (x{len(self.quant.scale)})" if len(self.quant.scale) > 1 else ""
        return f"{self.name}: {self.dtype}[{shape}]{quant}{const}"


@dataclass(frozen=True, eq=False)
class Op:
    """An operation. `kind` is the flatbuffer's operator name, or a lower-case kernel name."""

    kind: str
    name: str
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        attrs = ", ".join(f"{k}={_short(v)}" for k, v in sorted(self.attrs.items()))
        inputs = ", ".join(i or "-" for i in self.inputs)
        options = f" {{{attrs}}}" if attrs else ""
        return f"{', '.join(self.outputs)} = {self.kind}({inputs}){options}"


def short_name(op: Op) -> str:
    """An operation's name without its number."""
    return op.name.split(" ", 1)[-1]


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{value.dtype}{list(value.shape)}>"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


@dataclass(frozen=True)
class Port:
    """An input or output of the model: its public (signature) name and its tensor.

    The rows of a fed input come while the network runs: it has no place in memory.
    """

    name: str
    tensor: str
    fed: bool = False


@dataclass(frozen=True, eq=False)
class Graph:
    """Operations in order of execution, and every tensor by name."""

    name: str
    ops: tuple[Op, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def tensor(self, name: str | None) -> Tensor:
        if name is None:
            raise KeyError("an optional input is absent")
        return self.tensors[name]

    def producer(self, tensor: str) -> Op | None:
        return next((op for op in self.ops if tensor in op.outputs), None)

    def consumers(self, tensor: str) -> tuple[Op, ...]:
        return tuple(op for op in self.ops if tensor in op.inputs)

    def is_output(self, tensor: str) -> bool:
        return any(port.tensor == tensor for port in self.outputs)

    def sole_consumer(self, tensor: str) -> Op | None:
        """The only reader of a tensor that is no output of the model."""
        readers = self.consumers(tensor)
        return readers[0] if len(readers) == 1 and not self.is_output(tensor) else None

    def with_ops(self, ops: Iterable[Op], new: Iterable[Tensor] = ()) -> Graph:
        """The graph with other operations, new or replaced tensors, and unused tensors dropped."""
        ops = tuple(ops)
        tensors = {**self.tensors, **{t.name: t for t in new}}
        used = {n for op in ops for n in (*op.inputs, *op.outputs) if n is not None}
        used |= {port.tensor for port in (*self.inputs, *self.outputs)}
        kept = {name: t for name, t in tensors.items() if name in used}
        return replace(self, ops=ops, tensors=MappingProxyType(kept))

    def text(self) -> str:
        lines = [f"graph {self.name}"]
        for kind, ports in (("input", self.inputs), ("output", self.outputs)):
            lines += [f"  {kind} {p.name} = {self.tensors[p.tensor].text()}" for p in ports]
        for op in self.ops:
            lines.append(f"  {op.text()}")
            lines += [f"      -> {self.tensors[name].text()}" for name in op.outputs]
        return "\n".join(lines)


def verify(graph: Graph) -> None:
    """Structural soundness: every input is known and made before it is used, no tensor made twice.

    Raises:
        ValueError: it is not sound (a bug of a pass, or a malformed file).
    """
    made = {port.tensor for port in graph.inputs}
    for op in graph.ops:
        for name in op.inputs:
            if name is None:
                continue
            if name not in graph.tensors:
                raise ValueError(f"{op.name}: input {name} does not exist")
            if graph.tensors[name].data is None and name not in made:
                raise ValueError(f"{op.name}: input {name} is used before it is made")
        for name in op.outputs:
            if name in made or name not in graph.tensors:
                raise ValueError(f"{op.name}: output {name} is unknown or made twice")
            made.add(name)
    for port in graph.outputs:
        if port.tensor not in made and graph.tensors[port.tensor].data is None:
            raise ValueError(f"output {port.name} is never made")
