"""RPReLU of ReActNet: a PReLU whose kink is moved (arXiv 2003.03488)."""

from __future__ import annotations

from typing import Any

from train.backend import keras, tf


@keras.utils.register_keras_serializable("bitwake")
class RPReLU(keras.layers.Layer):
    """Real maps [N, H, W, C]: x - γ + ζ where x > γ, else β·(x - γ) + ζ; γ, β, ζ a channel.

    γ and ζ start at 0, β at 0.25. LCE leaves ADD, PRELU, ADD in float32.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slope = keras.layers.PReLU(
            alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1, 2]
        )

    def build(self, input_shape: Any) -> None:
        shape = (int(input_shape[-1]),)
        self.gamma = self.add_weight(name="rprelu_gamma", shape=shape, initializer="zeros")
        self.zeta = self.add_weight(name="rprelu_zeta", shape=shape, initializer="zeros")
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        return tf.nn.bias_add(self.slope(tf.nn.bias_add(x, -self.gamma)), self.zeta)
