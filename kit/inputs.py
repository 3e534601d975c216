"""Inputs for validation and benchmarks: fixed patterns first, then pictures, then seeded noise.

An input is a mapping of tensor name to array, in the board's shapes; patterns are made from the
tensor's type, so that unsigned and signed bytes and floats all see their extremes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kit import models
from kit.link.replies import DTYPES, TensorInfo

Arrays = Mapping[str, NDArray[Any]]
GRAYS = (1, 64, 127, 128, 192, 254)
SEED = 1


@dataclass(frozen=True)
class Example:
    """One input set with the name under which a mismatch is reported."""

    name: str
    arrays: Arrays

    def frame(self, tensors: tuple[TensorInfo, ...]) -> bytes:
        """All tensors one after the other, as the board takes them."""
        return b"".join(
            np.ascontiguousarray(self.arrays[t.name], np.dtype(DTYPES[t.dtype])).tobytes()
            for t in tensors
        )


def from_bytes(pixels: NDArray[np.uint8], tensor: TensorInfo) -> NDArray[Any]:
    """uint8 levels as the tensor's type: i8 shifts by 128, f32 and i32 map 0..255 to -1..1, -8..7.

    The levels only choose test values; a real picture goes only into uint8 inputs.
    """
    levels = pixels.reshape(tensor.shape)
    if tensor.dtype == "u8":
        return levels
    if tensor.dtype == "i8":
        return (levels.astype(np.int16) - 128).astype(np.int8)
    if tensor.dtype == "i32":
        return (levels.astype(np.int32) >> 4) - 8
    return (levels.astype(np.float32) - np.float32(127.5)) / np.float32(127.5)


def grid(shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column index of every element; for a vector the column counts its elements."""
    full = (1,) * (2 - len(shape)) + shape
    index = np.indices(full)
    return index[0].reshape(shape), index[1].reshape(shape)


def _ramp(index: NDArray[np.int64]) -> NDArray[np.uint8]:
    return (index * 255 // max(int(index.max()), 1)).astype(np.uint8)


def patterns(shape: tuple[int, ...]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """The fixed patterns as uint8 levels, all different for a picture of at least 16×16."""
    rows, columns = grid(shape)
    yield "all 0", np.zeros(shape, np.uint8)
    yield "all 255", np.full(shape, 255, np.uint8)
    yield "ramp to the right", _ramp(columns)
    yield "ramp to the left", (255 - _ramp(columns)).astype(np.uint8)
    yield "ramp down", _ramp(rows)
    yield "ramp up", (255 - _ramp(rows)).astype(np.uint8)
    for size in (1, 2, 8):
        board = ((rows // size + columns // size) % 2 * 255).astype(np.uint8)
        yield f"checkerboard of {size}", board
    for gray in GRAYS:
        yield f"gray {gray}", np.full(shape, gray, np.uint8)


def noise(shape: tuple[int, ...], seed: int, index: int) -> tuple[str, NDArray[np.uint8]]:
    """Seeded noise: even indices over all levels, odd ones a narrow band round a random gray.

    Narrow bands sit near a threshold everywhere at once, where an off-by-one would show.
    """
    random = np.random.default_rng([seed, index])
    if index % 2 == 0:
        return f"noise {index}", random.integers(0, 256, shape, dtype=np.uint8)
    center = int(random.integers(0, 256))
    band = random.integers(center - 12, center + 13, shape)
    return f"noise {index} round {center}", np.clip(band, 0, 255).astype(np.uint8)


def examples(
    tensors: tuple[TensorInfo, ...], pictures: list[Path], count: int, seed: int = SEED
) -> list[Example]:
    """`count` inputs: the patterns, then pictures, at most half of the rest, then noise.

    Args:
        tensors: the model's inputs as the board tells them.
        pictures: files; used only by models with a single uint8 picture input.
        count: how many.
        seed: of the noise.

    Raises:
        DataError: a picture has not the model's size.
    """
    found: list[Example] = []
    shapes = {t.name: list(patterns(t.shape)) for t in tensors}
    for at, (name, _) in enumerate(next(iter(shapes.values()))):
        arrays = {t.name: from_bytes(shapes[t.name][at][1], t) for t in tensors}
        found.append(Example(name, arrays))
    found = found[:count]
    if takes_pictures(tensors):
        room = (count - len(found) + 1) // 2
        for path in pictures[:room]:
            pixels = models.picture(path, tensors[0].shape)
            found.append(Example(f"picture {path.name}", {tensors[0].name: pixels}))
    for index in range(count - len(found)):
        arrays = {}
        for tensor in tensors:
            # Each tensor has noise of its own, the same whatever the order of tensors.
            own = seed if len(tensors) == 1 else seed ^ zlib.crc32(tensor.name.encode())
            name, levels = noise(tensor.shape, own, index)
            arrays[tensor.name] = from_bytes(levels, tensor)
        found.append(Example(name, arrays))
    return found


def takes_pictures(tensors: tuple[TensorInfo, ...]) -> bool:
    """Whether the model has one input and it is a uint8 picture."""
    one = len(tensors) == 1
    return (
        one
        and tensors[0].dtype == "u8"
        and len(tensors[0].shape) == 3
        and (tensors[0].shape[2] in (1, 3))
    )
