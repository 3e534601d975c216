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


def phases() -> npt.NDArray[np.float32]:
    """[2, 5]: weights of a pixel and two neighbours each way on the two pixels it becomes."""
    return np.stack([np.append(_EVEN, 0.0), np.append(0.0, _EVEN[::-1])]).astype(np.float32)


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

    Rows, then columns, each by slices and one product with a constant matrix; then depth to space.
    A fixed interpolation, not a layer with weights. Of `scale` times the input plus `offset`.

    Args:
        convolve: one 5x5 convolution instead, for a network that is going to be int8.
    """

    def __init__(
        self, scale: float = 1.0, offset: float = 0.0, convolve: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset, self.convolve = scale, offset, convolve

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "offset": self.offset, "convolve": self.convolve}
        return {**super().get_config(), **own}

    def call(self, inputs: Any) -> Any:
        planes = tf.split(inputs, inputs.shape[3], axis=3) if inputs.shape[3] > 1 else [inputs]
        found = [self._plane(plane) for plane in planes]
        return found[0] if len(found) == 1 else tf.concat(found, axis=-1)

    def _plane(self, x: Any) -> Any:
        """[N, H, W, 1] -> [N, 2H, 2W, 1]."""
        _, h, w, _ = x.shape
        tall = _widened(x, 1)
        if self.convolve:
            kernel = np.einsum("ry,dx->yxrd", phases(), phases()).reshape(5, 5, 1, 4)
            y = tf.nn.conv2d(_widened(tall, 2), tf.constant(self.scale * kernel), 1, "VALID")
            return tf.nn.depth_to_space(y + self.offset, 2)
        near = [tall[:, y : y + h] for y in range(2 * REACH + 1)]
        # channel: the row of the two that a pixel becomes
        rows = _product(tf.concat(near, axis=-1), self.scale * phases().T, self.offset)
        wide = _widened(rows, 2)
        near = [wide[:, :, x : x + w] for x in range(2 * REACH + 1)]
        # [column 5 · row 2, row 2 · column 2]: each row by itself
        matrix = np.einsum("dx,rs->xrsd", phases(), np.eye(2)).reshape(-1, 4)
        return tf.nn.depth_to_space(_product(tf.concat(near, axis=-1), matrix), 2)


def _product(x: Any, matrix: npt.NDArray[Any], offset: float = 0.0) -> Any:
    """[N, H, W, K] with [K, M], plus a constant."""
    _, h, w, k = x.shape
    y = tf.matmul(tf.reshape(x, [-1, k]), tf.constant(matrix.astype(np.float32)))
    if offset:
        y = tf.nn.bias_add(y, tf.fill([matrix.shape[1]], offset))
    return tf.reshape(y, [-1, h, w, matrix.shape[1]])


def _widened(x: Any, axis: int) -> Any:
    """Its first and last row (or column) repeated REACH times."""
    first = x[:, :1] if axis == 1 else x[:, :, :1]
    last = x[:, -1:] if axis == 1 else x[:, :, -1:]
    return tf.concat([first] * REACH + [x] + [last] * REACH, axis=axis)
