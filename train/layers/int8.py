"""First and last layers in eight bits: int8 weights and activations around the binary ones.

What BiNeal's paper has in front of its binary layers and, in some tasks, behind them. Training
rounds weights and maps in fake quantization; inference rounds as the device's kernels do, so that
the signs between them are the device's.
"""

from __future__ import annotations

from typing import Any

from train.backend import exporting, keras, tf
from train.layers.bits import taken

LEVELS = 127.0  # of a weight: -127 .. 127


def steps(kernel: Any) -> Any:
    """What one unit of an int8 weight is worth, of each output channel of a kernel [K, K, C, N]."""
    return tf.maximum(tf.reduce_max(tf.abs(kernel), axis=[0, 1, 2]), 1e-6) / LEVELS


@tf.custom_gradient
def rounded_kernel(kernel: Any) -> Any:
    """A kernel [K, K, C, N] on 255 levels between ± the largest weight of each output channel; the
    gradient passes."""
    step = steps(kernel)
    return step * tf.round(kernel / step), lambda dy: dy


@keras.utils.register_keras_serializable("bitwake")
class Int8Conv2D(keras.layers.Conv2D):
    """Conv2D whose kernel is rounded to int8, a scale an output channel. Batch norm behind it only
    changes those scales, so that LCE finds the same whole numbers."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        return super().convolution_op(inputs, rounded_kernel(kernel))


def rescaled(sums: Any, ratio: Any) -> Any:
    """Whole sums times `ratio` [N], to whole numbers as TensorFlow Lite's int8 kernels round them:
    with ratio = m * 2^e and 0.5 <= m < 1, first sums * m, before that * 2^e where e > 0, then
    that * 2^e where e < 0, halves away from 0. float64 in and out."""
    power = 2.0 ** (tf.floor(tf.math.log(ratio) / tf.math.log(tf.constant(2.0, tf.float64))) + 1.0)
    first = tf.floor(sums * tf.maximum(power, 1.0) * (ratio / power) + 0.5)
    return tf.sign(first) * tf.floor(tf.abs(first) * tf.minimum(power, 1.0) + 0.5)


@keras.utils.register_keras_serializable("bitwake")
class Int8Norm(keras.layers.BatchNormalization):
    """Batch norm between an Int8Conv2D and an Int8Range.

    Folded into the convolution it becomes an int32 bias and a factor, and the sum is rounded twice
    (`rescaled`). At inference this layer does just that: otherwise one value in 500 would be
    another int8 than on the device, and now and then one would have another sign.

    Args:
        conv: the convolution; None makes it plain batch norm.
        step: of the int8 behind it.
        unit: what the convolution reads are whole multiples of; 1 for bytes and ±1.
    """

    def __init__(
        self,
        conv: Int8Conv2D | None = None,
        step: float = 1.0,
        unit: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.step, self.unit = conv, step, unit

    def call(self, inputs: Any, training: Any = None) -> Any:
        known = self._get_training_value(training)
        if exporting() or self.source is None or not (known is False or known == 0):
            return super().call(inputs, training=training)
        wide = tf.float64
        units = self.unit * tf.cast(steps(self.source.kernel), wide)
        gamma, beta = tf.cast(self.gamma, wide), tf.cast(self.beta, wide)
        mean, variance = tf.cast(self.moving_mean, wide), tf.cast(self.moving_variance, wide)
        factor = gamma / tf.sqrt(variance + self.epsilon)
        folded = tf.maximum(tf.abs(factor) * units, 1e-30)
        bias = tf.round((beta - mean * factor) / folded)
        sums = tf.round(tf.cast(inputs, wide) / units) * tf.sign(factor) + bias
        return tf.cast(self.step * rescaled(sums, folded / self.step), inputs.dtype)


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


@keras.utils.register_keras_serializable("bitwake")
class Int8Bits(keras.layers.Layer):
    """±1 bits as int8 of scale 1, for an Int8Conv2D. In export mode it takes their sign, as
    `AlreadyBits` does."""

    def call(self, x: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_args(taken(x), min=-128.0, max=127.0)
