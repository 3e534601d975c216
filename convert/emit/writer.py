"""A little C writer: lines, indentation, constant arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from convert.ir import Array

C_TYPES = {
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "float32": "float",
}
PER_LINE = {"uint8": 16, "uint16": 12, "uint32": 8, "int8": 16, "int16": 12, "int32": 10,
            "float32": 4}  # fmt: skip


def c_float(value: float) -> str:
    """A float32 as a hexadecimal literal: exact, and read alike by every C11 compiler."""
    v = float(np.float32(value))
    return f"{v.hex()}f"


def c_int(value: int) -> str:
    """INT32_MIN has no literal of its own type in C."""
    return "INT32_MIN" if value == -(2**31) else str(value)


def c_string(text: str) -> str:
    """A string literal; whatever is not plain ASCII is escaped in octal (never longer than three
    digits, so that a following digit is not swallowed)."""
    out = []
    for byte in text.encode("utf-8"):
        char = chr(byte)
        if char in '"\\' or byte == 0x3F:  # a question mark could start a trigraph
            out.append(f"\\{byte:03o}")
        else:
            out.append(char if 32 <= byte < 127 else f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


def c_comment(text: str) -> str:
    """Text that cannot end a comment."""
    clean = "".join(c if 32 <= ord(c) < 127 else "?" for c in text)
    return clean.replace("*/", "* /").replace("/*", "/ *")


class Writer:
    """Collects lines."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str = "") -> None:
        self._lines.append("    " * self._depth + text if text else "")

    @contextmanager
    def block(self, head: str, tail: str = "}") -> Iterator[None]:
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1
        self.line(tail)

    def array(self, name: str, data: Array) -> int:
        """A static const array; returns its bytes."""
        flat = np.ascontiguousarray(data).reshape(-1)
        kind = str(flat.dtype)
        if kind == "uint32":
            values = [f"0x{int(v):08x}" for v in flat]
        elif kind == "float32":
            values = [c_float(float(v)) for v in flat]
        else:
            values = [c_int(int(v)) for v in flat]
        n = PER_LINE[kind]
        with self.block(f"static const {C_TYPES[kind]} {name}[{len(flat)}] = {{", "};"):
            for i in range(0, len(values), n):
                self.line(", ".join(values[i : i + n]) + ",")
        return int(flat.nbytes)

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"
