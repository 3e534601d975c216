"""Scales of XNOR-Net (arXiv 1603.05279) and XNOR-Net++ (arXiv 1909.13863).

Both approximate a real convolution by a binary one times factors: XNOR-Net computes them, from the
weights (one a filter) and from the input (one a pixel); XNOR-Net++ learns them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from train.backend import exporting, keras, tf
from train.layers.gradual import ScaledKernel


@keras.utils.register_keras_serializable("bitwake")
class MeanKernel(ScaledKernel):
    """Kernel quantizer [K, K, C, N] W -> mean|W| of each filter times sign(W).

    The straight-through estimate goes to W alone; the mean counts as a constant, as in ReActNet's
    code, which does not multiply the gradient by it either: here it does, and Adam, whose steps
    know no scale of gradients, takes it away. (XNOR-Net's own gradient also has a term of the
    mean, 1/n.)
    """

    def call(self, inputs: Any) -> Any:
        axes = list(range(len(inputs.shape) - 1))
        mean = tf.reduce_mean(tf.abs(inputs), axis=axes)
        return tf.stop_gradient(mean) * self.sign(inputs)


@keras.utils.register_keras_serializable("bitwake")
class InputScale(keras.layers.Layer):
    """K of XNOR-Net: real maps [N, H, W, C] -> [N, H', W', 1], the mean of |x| over all channels
    and the window of the convolution that it goes with (SAME).

    |x| is written as a leaky ReLU of slope -1, which LCE keeps as one operator. At the border the
    mean is over what lies within the map; the paper's is over the zero padding too.

    Args:
        window: side of the convolution's kernel; stride: of the convolution.
    """

    def __init__(self, window: int, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window, self.stride = window, stride

    def call(self, x: Any) -> Any:
        mean = tf.reduce_mean(tf.nn.leaky_relu(x, -1.0), axis=-1, keepdims=True)
        return tf.nn.avg_pool2d(mean, self.window, self.stride, "SAME")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "window": self.window, "stride": self.stride}


@keras.utils.register_keras_serializable("bitwake")
class SpatialScale(keras.layers.Layer):
    """Γ of XNOR-Net++: real maps [N, H, W, C] times a(c)·b(h)·c(w), all three learned.

    The rank-1 form; b and c start at 1, a at `initial`. In export mode the map is flat for the
    product: LCE 0.16 crashes on a factor a pixel that directly follows a binary convolution.
    """

    def __init__(self, initial: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape: Any) -> None:
        h, w, channels = (int(side) for side in input_shape[1:])
        start = keras.initializers.Constant(self.initial)
        self.a = self.add_weight(name="scale_channels", shape=(channels,), initializer=start)
        self.b = self.add_weight(name="scale_rows", shape=(h, 1, 1), initializer="ones")
        self.c = self.add_weight(name="scale_columns", shape=(w, 1), initializer="ones")
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        factors = self.b * self.c * self.a
        if not exporting():
            return x * factors
        flat = tf.reshape(x, [-1, int(np.prod(factors.shape))])
        return tf.reshape(flat * tf.reshape(factors, [-1]), [-1, *factors.shape])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial": self.initial}
