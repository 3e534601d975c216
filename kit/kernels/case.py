"""One kernel on one shape: what is written as C, and what the board must answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from convert.emit.call import Call
from kit.kernels.data import Rows


@dataclass(frozen=True)
class Case:
    """One kernel on one shape.

    Attributes:
        name: for people.
        kernel: C function without its prefix.
        kind: binary or int8.
        c_in, c_out: channels over all groups.
        h, w: of the input map.
        k: side of the window.
        groups: of the convolution; for a depthwise one its channels.
        macs: multiply-accumulates, borders included.
        call: descriptor and arrays.
        seed: of the input, which the board makes.
        given: how the input lies in memory.
        out_words: of the output; the last may be used in part.
        scratch_bytes: working memory.
        expected: CRC-32 that the output must have.
        peer: instructions of CMSIS-NN's kernel on the same shape by core, where they were measured.
    """

    name: str
    kernel: str
    kind: str
    c_in: int
    c_out: int
    h: int
    w: int
    k: int
    groups: int
    macs: int
    call: Call
    seed: int
    given: Rows
    out_words: int
    scratch_bytes: int
    expected: int
    peer: dict[str, int]

    @property
    def constant_bytes(self) -> int:
        """Of weights and tables, in flash."""
        return sum(data.nbytes for _, data in self.call.arrays)

    @property
    def shape(self) -> str:
        """For people."""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return f"{self.h}x{self.w}x{self.c_in} -> {self.c_out}, {self.k}x{self.k}{groups}"


def broken(one: Case) -> Case:
    """The same case with an answer that no kernel gives: what a check must notice."""
    return replace(one, expected=one.expected ^ 1)
