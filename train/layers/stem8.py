"""A first layer in eight bits: int8 weights and activations between the picture and the first sign.

What BiNeal's paper has in front of its binary layers. Trained with the rounding that the device
does, so that the signs behind it are the device's.
"""

from __future__ import annotations

from typing import Any

from train.backend import keras, tf

LEVELS = 127.0  # of a weight: -127 .. 127


@tf.custom_gradient
def rounded_kernel(kernel: Any) -> Any:
    """A kernel [K, K, C, N] on 255 levels between ± the largest weight of each output channel; the
    gradient passes."""
    most = tf.reduce_max(tf.abs(kernel), axis=[0, 1, 2])
    step = tf.maximum(most, 1e-6) / LEVELS
    return step * tf.round(kernel / step), lambda dy: dy


@keras.utils.register_keras_serializable("bitwake")
class Int8Conv2D(keras.layers.Conv2D):
    """Conv2D whose kernel is rounded to int8, a scale an output channel. Batch norm behind it only
    changes those scales, so that LCE finds the same whole numbers."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        return super().convolution_op(inputs, rounded_kernel(kernel))


@keras.utils.register_keras_serializable("bitwake")
class Int8Range(keras.layers.Layer):
    """Rounds to int8 of a fixed range [low, high]: fake quantization, which makes LCE emit int8.

    Args:
        low, high: real values of -128 and 127.
    """

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def call(self, x: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_args(x, min=self.low, max=self.high)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "low": self.low, "high": self.high}
