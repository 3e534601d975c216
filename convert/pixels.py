"""What a byte of a picture becomes at the model's input: one place for compiler and oracle.

A camera delivers bytes. A float model takes `byte * scale + offset`, computed in double and
rounded to float32 once; the two numbers stand in the flatbuffer's metadata, because nothing else
of the file tells them. An int8 model takes the byte with its highest bit flipped: 0..255 becomes
-128..127.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.errors import ModelError
from convert.ir import Array

BYTES = np.arange(256)
REMEDY = "kit convert --tflite FILE --out NEW.tflite --input-scale 1 --input-offset 0 writes them"


@dataclass(frozen=True)
class Scaling:
    """real = byte * scale + offset."""

    scale: float
    offset: float

    def floats(self) -> Array:
        """float32 [256]: the input value of every byte."""
        return (BYTES * np.float64(self.scale) + np.float64(self.offset)).astype(np.float32)


def scaling_of(metadata: Mapping[str, Any]) -> Scaling | None:
    """The scaling in a model's metadata, or None when there is none.

    Raises:
        ModelError: it is there and no pair of finite numbers, or as float32 the bytes become
            infinite or all the same.
    """
    if "input_scale" not in metadata:
        return None
    try:
        found = Scaling(float(metadata["input_scale"]), float(metadata.get("input_offset", 0.0)))
    except (TypeError, ValueError, OverflowError):
        found = Scaling(math.nan, math.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        values = found.floats()
    if not np.isfinite(values).all() or values[0] == values[-1]:
        raise ModelError(
            "the metadata tells no usable input scale and offset",
            where="metadata bitwake",
            found=f"{metadata['input_scale']!r}, {metadata.get('input_offset')!r}"[:80],
            remedy=REMEDY,
        )
    return found


def to_input(picture: Array, dtype: str, scaling: Scaling | None) -> Array:
    """uint8 of any shape -> the model's input type.

    Raises:
        ModelError: a float input without scaling, or a type that takes no bytes.
    """
    if dtype == "uint8":
        return picture
    if dtype == "int8":
        return (picture ^ np.uint8(0x80)).view(np.int8)
    if dtype == "float32" and scaling is not None:
        return scaling.floats()[picture]
    raise ModelError(
        "the file does not tell what a byte of a picture stands for",
        where=f"an input of type {dtype}",
        found="no input_scale in the metadata bitwake",
        remedy=REMEDY,
    )
