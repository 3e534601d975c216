"""Numbers that board and host make alike, so that no input has to be sent."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Bits = NDArray[np.uint8]


def random_words(seed: int, count: int) -> Words:
    """The first words of mcu/bench/bench.c's generator."""
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B9)
    x = ((steps + np.uint64(seed)) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    for shift, factor in ((17, 0xED5AD4BB), (11, 0xAC4C1B51), (15, 0x31848BAB)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    return x ^ (x >> np.uint32(14))


def crc(words: Words) -> int:
    """CRC-32 of the words' bytes, little endian."""
    return zlib.crc32(words.astype("<u4").tobytes())


@dataclass(frozen=True)
class Rows:
    """Words in rows whose last one has unused bits.

    Attributes:
        count: of rows: pixels of a packed map, planes of a planar one.
        bits: used bits of a row.
    """

    count: int
    bits: int

    @property
    def row_words(self) -> int:
        return -(-self.bits // 32)

    @property
    def words(self) -> int:
        return self.count * self.row_words

    @property
    def last_mask(self) -> int:
        """Of the last word of a row."""
        return (1 << (self.bits - 32 * (self.row_words - 1))) - 1

    def random(self, seed: int) -> Bits:
        """What the board makes of `seed`: uint8 bits [count, bits]."""
        words = random_words(seed, self.words).reshape(self.count, self.row_words)
        return unpack(words)[:, : self.bits]


def unpack(words: Words) -> Bits:
    """uint32 [rows, W] to bits [rows, 32 W], bit 0 first."""
    content = words.astype("<u4").view(np.uint8).reshape(len(words), -1)
    return np.unpackbits(content, axis=1, bitorder="little")


def pack(bits: Bits) -> Words:
    """bits [rows, n] to uint32 [rows, ceil(n / 32)], unused bits 0."""
    padded = np.pad(bits, [(0, 0), (0, -bits.shape[1] % 32)])
    content = np.packbits(padded, axis=1, bitorder="little")
    return np.ascontiguousarray(content).view("<u4")
