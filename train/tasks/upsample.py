"""Bicubic enlargement as a Keras layer that converts to operators the compiler has."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from train.backend import keras, larq, tf
from train.layers import GLT, AlreadyBits, GradualKernel

# Keys' cubic, a = -1/2, at the four neighbours of a point a quarter behind a pixel.
_EVEN = np.array([-0.0234375, 0.2265625, 0.8671875, -0.0703125])
REACH = 2  # neighbours on each side of a pixel that either phase needs


def taps() -> npt.NDArray[np.float32]:
    """[25, 4]: weights of the 5x5 neighbourhood (row by row) of a pixel on each of the four it
    becomes (row by row)."""
    even, odd = np.append(_EVEN, 0.0), np.append(0.0, _EVEN[::-1])
    kernels = [np.outer(rows, columns) for rows in (even, odd) for columns in (even, odd)]
    return np.stack([k.ravel() for k in kernels], axis=1).astype(np.float32)


LEVELS = 255


def bytes_through_bits(image: Any) -> Any:
    """A picture's samples as real numbers, by binary layers alone: 2 * byte - 255, exactly.

    A binary flatbuffer's picture can be read by its encoder only. So a thermometer of 255 fixed
    thresholds tells a byte in full, and a 1x1 binary convolution of ones counts its bits.

    Args:
        image: Keras tensor [N, H, W, 1] of bytes.
    """
    bits = GLT(LEVELS, learned=False, name="levels")(image)
    return larq.layers.QuantConv2D(
        1,
        1,
        use_bias=False,
        input_quantizer=AlreadyBits(),
        kernel_quantizer=GradualKernel(),
        kernel_initializer="ones",
        trainable=False,
        name="count",
    )(bits)


@keras.utils.register_keras_serializable("bitwake")
class Bicubic(keras.layers.Layer):
    """[N, H, W, C] -> [N, 2H, 2W, C]; beyond the border its pixels are repeated.

    Slices, one product with a constant matrix, depth to space: a fixed interpolation, not a layer
    with weights. Of `scale` times the input plus `offset`.
    """

    def __init__(self, scale: float = 1.0, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}

    def call(self, inputs: Any) -> Any:
        _, h, w, channels = inputs.shape
        rows = _widened(inputs, 1)
        around = _widened(rows, 2)
        planes = []
        for c in range(channels):
            near = [
                around[:, y : y + h, x : x + w, c : c + 1]
                for y in range(2 * REACH + 1)
                for x in range(2 * REACH + 1)
            ]
            planes.append(tf.concat(near, axis=-1))
        found = [self._product(plane) for plane in planes]
        spread = [tf.nn.depth_to_space(plane, 2) for plane in found]
        return spread[0] if channels == 1 else tf.concat(spread, axis=-1)

    def _product(self, x: Any) -> Any:
        """[N, H, W, 25] -> [N, H, W, 4]."""
        _, h, w, k = x.shape
        matrix = tf.constant(self.scale * taps())
        y = tf.matmul(tf.reshape(x, [-1, k]), matrix)
        if self.offset:  # the weights of a pixel add up to 1
            y = tf.nn.bias_add(y, tf.fill([4], self.offset))
        return tf.reshape(y, [-1, h, w, 4])


def _widened(x: Any, axis: int) -> Any:
    """Its first and last row (or column) repeated REACH times."""
    first = x[:, :1] if axis == 1 else x[:, :, :1]
    last = x[:, -1:] if axis == 1 else x[:, :, -1:]
    return tf.concat([first] * REACH + [x] + [last] * REACH, axis=axis)
