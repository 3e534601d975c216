"""An encoder that is a list: M bits for each of 256 bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from train.backend import keras, tf

Bits = npt.NDArray[np.float32]
BYTES = np.arange(256)


def natural(planes: int) -> Bits:
    """The upper bits of a byte, the highest first: what an ADC of `planes` bits delivers."""
    return _signs(BYTES[:, None] >> np.arange(7, 7 - planes, -1) & 1)


def gray(planes: int) -> Bits:
    """The same in Gray code: neighbouring bytes differ in one bit."""
    code = BYTES ^ BYTES >> 1
    return _signs(code[:, None] >> np.arange(7, 7 - planes, -1) & 1)


def frac(planes: int, resolution: float) -> Bits:
    """FracBNN's thermometer: plane j is +1 where j < round(k / R), k the byte, ties to even.

    Verified against the authors' utils/quantization.py (cornell-zhang/FracBNN), which writes it
    with x = k / 255 as round(255 x / R).
    """
    reached = np.rint(BYTES / resolution)
    return _signs(np.arange(planes) < reached[:, None])


def _signs(bits: Any) -> Bits:
    return np.where(np.asarray(bits, bool), 1.0, -1.0).astype(np.float32)


@keras.utils.register_keras_serializable("bitwake")
class ByteTable(keras.layers.Layer):
    """Bytes [N, H, W, C] as float32 0..255 -> ±1 [N, H, W, C·M] by a table, channel c·M + m.

    Nothing is trained, and both forms are the same: CAST, GATHER, RESHAPE in the flatbuffer, which
    compiles to the table of words that every encoder becomes.

    Args:
        table: float32 [256, M] of ±1, the same for every channel.
    """

    def __init__(self, table: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = np.asarray(table, np.float32)
        if self.table.ndim != 2 or len(self.table) != 256 or (np.abs(self.table) != 1).any():
            raise ValueError(f"ByteTable takes ±1 [256, M], not {self.table.shape}")

    def call(self, x: Any) -> Any:
        bits = tf.gather(self.table, tf.cast(x, tf.int32))
        _, height, width, channels = x.shape
        return tf.reshape(bits, [-1, height, width, channels * self.table.shape[1]])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "table": self.table.tolist()}
