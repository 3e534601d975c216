"""First values of batch norm's shift that break the sign's symmetry."""

from __future__ import annotations

from typing import Any

from train.backend import keras, tf


@keras.utils.register_keras_serializable("bitwake")
class Alternate(keras.initializers.Initializer):
    """-a, +a, -a, … over the channels.

    A sign without a shift is odd, and so is a network of them about its means, but for padding and
    pooling: a person darker than the ground and one brighter are opposites until shifts are
    learned. With shifts of both signs there are channels of different thresholds from the start.

    Args:
        by: a, in deviations of the normalized channel.
    """

    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        odd = tf.range(shape[0]) % 2
        return self.by * (2.0 * tf.cast(odd, dtype or tf.float32) - 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"by": self.by}


def shifts(by: float) -> Any:
    """What a batch norm's `beta_initializer` takes: ± `by` by turns, or plain zeros."""
    return Alternate(by) if by else "zeros"
