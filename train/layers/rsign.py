"""RSign of ReActNet: a sign whose threshold is learned (arXiv 2003.03488)."""

from __future__ import annotations

from typing import Any

from train.backend import exporting, keras, tf
from train.layers.gradual import GradualSign


@keras.utils.register_keras_serializable("bitwake")
class RSign(keras.layers.Layer):
    """Real maps [N, H, W, C] -> ±1 bits sign(x - α), α one number a channel, from 0.

    Backward is that of `GradualSign` at x - α, with its `window`. In export mode the layer is
    x - α, whose sign the next layer takes (`AlreadyBits`).
    """

    def __init__(self, window: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sign = GradualSign(window)

    def build(self, input_shape: Any) -> None:
        self.alpha = self.add_weight(
            name="rsign_alpha", shape=(int(input_shape[-1]),), initializer="zeros"
        )
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        shifted = tf.nn.bias_add(x, -self.alpha)
        return shifted if exporting() else self.sign(shifted)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "window": self.sign.window}
