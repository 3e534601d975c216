"""Lines of the serial protocol, read into values. docs/serial-protocol.md is the contract."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import BoardError

DTYPES = {"u8": "uint8", "i8": "int8", "f32": "<f4", "i32": "<i4"}
LARGEST_TENSOR = 1 << 26  # bytes; more than any board holds, so a garbled size cannot exhaust us
FIELD = re.compile(r"^p-([a-z0-9]+)-\[(.*)\]$")
TENSOR = re.compile(r"^p-(input|output)-(\d{1,3})-\[(.*),([a-z0-9]+),([0-9x]*),(\d{1,9})\]$")
LAYER = re.compile(r"^p-layer-(\d{1,5})-(\d{1,20})$")
LAYER_ROW = re.compile(r"^p-layer-(\d{1,5})-\[([^,\]]*),([^,\]]*),(\d{1,12}),(.*)\]$")
TOTAL = re.compile(r"^p-total-(\d{1,20})$")
OUT = re.compile(r"^p-out-(\d{1,3})-(?:(\d{1,9})-)?((?:[0-9a-fA-F]{2})*)$")
RESULTS = re.compile(r"^m-results-\[([0-9eE+.,\-\s]*)\]$")
MEMORY = re.compile(r"^p-mem-([a-z]+(?:-[a-z]+)*)-(\d{1,12})$")
CHECK = re.compile(r"^p-crc-([0-9a-f]{8})$")
MEMORY_NAMES = ("arena", "stack_used", "stack_size", "flash", "ram")


class GarbledError(BoardError):
    """A reply that lacks lines or holds damaged ones; asking again may help."""


def checked(command: str, lines: list[str]) -> list[str] | None:
    """The lines of a reply without the checksum that ends them; None where none does.

    Args:
        command: that was sent, without its %; the checksum is of what the board understood.
        lines: without `m-ready`.

    Raises:
        GarbledError: the checksum differs.
    """
    told = CHECK.match(lines[-1]) if lines else None
    if told is None:
        return None
    content = command + "".join(f"{line}\r\n" for line in lines[:-1])
    found = zlib.crc32(content.encode())
    if found != int(told.group(1), 16):
        raise garbled(f"{command}, p-crc", f"{told.group(1)}, but {found:08x} of what arrived")
    return lines[:-1]


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of the model on the board; shape without the batch dimension."""

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    n_bytes: int

    def array(self, content: bytes) -> NDArray[Any]:
        """The bytes as an array of this shape."""
        return np.frombuffer(content, dtype=np.dtype(DTYPES[self.dtype])).reshape(self.shape)


@dataclass(frozen=True)
class Info:
    """What `p-info%` tells. `fields` holds every line as text, also those unknown here."""

    fields: dict[str, str]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    @property
    def unit(self) -> str:
        """What a tick is: instructions, cycles or nanoseconds."""
        return self.fields.get("unit", "unknown")

    @property
    def by_rows(self) -> bool:
        """Whether the picture is sent with every run: the board has no room to keep one."""
        return self.fields.get("rows") == "line"

    @property
    def labels(self) -> list[str]:
        """Class names, or nothing when the model carries none."""
        text = self.fields.get("labels", "")
        return text.split(",") if text else []

    @property
    def input_bytes(self) -> int:
        """Size of one frame: all inputs one after the other, in the order of `inputs`."""
        return sum(tensor.n_bytes for tensor in self.inputs)


@dataclass(frozen=True)
class LayerRow:
    """One row of `p-layers%`."""

    index: int
    op: str
    kind: str
    macs: int
    name: str


@dataclass(frozen=True)
class Run:
    """One inference: raw output bytes by output index, ticks, class probabilities."""

    outputs: dict[int, bytes]
    total: int
    layers: dict[int, int] = field(default_factory=dict)
    results: tuple[float, ...] = ()


def info(lines: Iterable[str]) -> Info:
    """Reads the lines of `p-info%`.

    Raises:
        GarbledError: a tensor line is missing or does not add up.
    """
    fields: dict[str, str] = {}
    tensors: dict[str, dict[int, TensorInfo]] = {"input": {}, "output": {}}
    for line in lines:
        match = TENSOR.match(line)
        if match:
            side, index, name, dtype, dims, size = match.groups()
            shape = tuple(int(part) for part in dims.split("x") if part)
            tensor = TensorInfo(int(index), name, dtype, shape, int(size))
            _check_tensor(tensor, line)
            tensors[side][tensor.index] = tensor
        elif match := FIELD.match(line):
            fields[match.group(1)] = match.group(2)
    for side, found in tensors.items():
        if sorted(found) != list(range(len(found))) or not found:
            raise garbled("p-info", f"{side}s {sorted(found)}")
    return Info(fields, *(tuple(by[i] for i in sorted(by)) for by in tensors.values()))


def _check_tensor(tensor: TensorInfo, line: str) -> None:
    if tensor.dtype not in DTYPES or tensor.n_bytes > LARGEST_TENSOR:
        raise garbled("p-info", line)
    elements = 1
    for extent in tensor.shape:
        elements *= extent
    if elements * np.dtype(DTYPES[tensor.dtype]).itemsize != tensor.n_bytes:
        raise garbled("p-info", line)


def layers(lines: Iterable[str]) -> list[LayerRow]:
    """Reads the lines of `p-layers%`, ordered by index.

    Raises:
        GarbledError: a row is missing.
    """
    rows = {}
    for line in lines:
        if match := LAYER_ROW.match(line):
            index, op, kind, macs, name = match.groups()
            rows[int(index)] = LayerRow(int(index), op, kind, int(macs), name)
    if sorted(rows) != list(range(len(rows))) or not rows:
        raise garbled("p-layers", f"rows {sorted(rows)}")
    return [rows[index] for index in sorted(rows)]


def memory(lines: Iterable[str]) -> dict[str, int]:
    """Reads the lines of `p-mem%`: bytes by name, dashes turned into underscores."""
    found = (MEMORY.match(line) for line in lines)
    return {match.group(1).replace("-", "_"): int(match.group(2)) for match in found if match}


def whole_memory(lines: Iterable[str]) -> dict[str, int]:
    """The same, of a reply that must hold all of MEMORY_NAMES.

    Raises:
        GarbledError: a figure is missing.
    """
    found = memory(lines)
    missing = [name for name in MEMORY_NAMES if name not in found]
    if missing:
        raise garbled("p-mem", f"no {', '.join(missing)}")
    return found


def results(lines: Iterable[str]) -> tuple[float, ...]:
    """The probabilities of `m-results-[…]`, empty when there is no such line.

    Raises:
        GarbledError: the line holds something else than numbers.
    """
    for line in lines:
        match = RESULTS.match(line)
        if match:
            try:
                return tuple(float(part) for part in match.group(1).split(",") if part.strip())
            except ValueError as error:
                raise garbled("m-results", line) from error
    return ()


def run(lines: Iterable[str], expected: Info, timed: int = 0) -> Run:
    """Reads the lines of `p-run%` or `p-infer%`.

    Args:
        timed: how many layers have their ticks in it; 0: as many as come.

    Raises:
        GarbledError: an output is not whole, or the total or the ticks of a layer are missing.
    """
    lines = list(lines)
    ticks: dict[int, int] = {}
    total: int | None = None
    buffers = {tensor.index: bytearray(tensor.n_bytes) for tensor in expected.outputs}
    filled = {tensor.index: bytearray(tensor.n_bytes) for tensor in expected.outputs}
    for line in lines:
        if match := LAYER.match(line):
            ticks[int(match.group(1))] = int(match.group(2))
        elif match := TOTAL.match(line):
            total = int(match.group(1))
        elif match := OUT.match(line):
            index, start = int(match.group(1)), int(match.group(2) or 0)
            content = bytes.fromhex(match.group(3))
            end = start + len(content)
            if index not in buffers or end > len(buffers[index]):
                raise garbled("p-out", line[:80])
            buffers[index][start:end] = content
            filled[index][start:end] = b"\1" * len(content)
    for index, marks in filled.items():
        if not all(marks):
            raise garbled("p-out", f"output {index}: {sum(marks)} of {len(marks)} bytes")
    if total is None:
        raise garbled("p-total", "no such line")
    if sorted(ticks) != list(range(timed or len(ticks))):
        raise garbled("p-layer", f"layers {sorted(ticks)}")
    whole = {index: bytes(content) for index, content in buffers.items()}
    return Run(whole, total, dict(sorted(ticks.items())), results(lines))


def garbled(what: str, found: str) -> GarbledError:
    """The error for a reply in which `what` is wrong."""
    return GarbledError(
        "a reply of the board is damaged or not whole",
        where=what,
        found=found,
        remedy="check the cable; does the firmware come from this checkout? `kit flash` renews it",
    )
