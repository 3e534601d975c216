"""Grouped binary convolution in a form that trains fast and one that converts."""

from __future__ import annotations

from typing import Any

from convert.errors import ModelError
from train.backend import exporting, keras, larq, tf


@keras.utils.register_keras_serializable("bitwake")
class GroupedQuantConv2D(larq.layers.QuantConv2D):
    """QuantConv2D whose groups run as split, convolve, concatenate while training.

    Keras' own grouped convolution on a CPU is one XLA operation, about fifty times slower a step.
    In export mode it is the native operation, which LCE turns into one grouped LceBconv2d.

    LCE binarizes a grouped convolution only when each group has a multiple of 32 input channels;
    otherwise it silently leaves a float one. That is checked here, when the layer is built.
    """

    def build(self, input_shape: Any) -> None:
        channels = int(input_shape[-1])
        per_group = channels // self.groups
        if self.groups > 1 and (channels % self.groups or per_group % 32):
            raise ModelError(
                "a grouped binary convolution would stay in floating point",
                where=f"layer {self.name}",
                found=f"{channels} input channels in {self.groups} groups: "
                f"{channels / self.groups:g} a group",
                remedy="make the input channels of each group a multiple of 32, or use one group",
            )
        super().build(input_shape)

    def _jit_compiled_convolution_op(self, inputs: Any, kernel: Any) -> Any:
        if exporting():
            return self.convolution_op(inputs, kernel)
        xs = tf.split(inputs, self.groups, axis=-1)
        ks = tf.split(kernel, self.groups, axis=-1)
        return tf.concat([self.convolution_op(x, k) for x, k in zip(xs, ks, strict=True)], axis=-1)
