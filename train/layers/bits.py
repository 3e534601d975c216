"""Layers whose input holds bits already: an input quantizer, and channels that repeat."""

from __future__ import annotations

from typing import Any

from train.backend import exporting, keras, larq, tf


def taken(bits: Any) -> Any:
    """±1 as they are, with their gradient; in export mode their sign, which the converter looks
    for."""
    return larq.quantizers.ste_sign(bits) if exporting() else bits


@keras.utils.register_keras_serializable("bitwake")
class AlreadyBits(larq.quantizers.Quantizer):
    """Passes ±1 on, with its gradient; in export mode the sign that the converter looks for.

    A second sign must not stand behind one in training: approx_sign's gradient is zero at ±1, so
    that nothing before it would learn.
    """

    precision = 1

    def call(self, inputs: Any) -> Any:
        return super().call(taken(inputs))


@keras.utils.register_keras_serializable("bitwake")
class RepeatChannels(keras.layers.Layer):
    """±1 bits [N, H, W, C] -> [N, H, W, times·C]: all channels, so many times over.

    In export mode between two signs, so that only bits move.
    """

    def __init__(self, times: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.times = times

    def call(self, x: Any) -> Any:
        order = list(range(int(x.shape[-1]))) * self.times
        return tf.gather(taken(x), order, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "times": self.times}
