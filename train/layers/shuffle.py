"""Channel shuffle between groups (ShuffleNet, arXiv 1707.01083)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from train.backend import keras, tf
from train.layers.gradual import GradualSign


def interleaved(channels: int, groups: int) -> npt.NDArray[np.int32]:
    """The input channel of each output channel, [channels]: k·groups + g is g·(C / groups) + k."""
    return np.arange(channels, dtype=np.int32).reshape(groups, -1).T.ravel()


@keras.utils.register_keras_serializable("bitwake")
class ChannelShuffle(keras.layers.Layer):
    """Interleave the channels of `groups` groups, see `interleaved`.

    The sign is taken first, so that on the device only bits move. The next binary layer must take
    them with `AlreadyBits`. `window` is that of the sign, see `GradualSign`.
    """

    def __init__(self, groups: int, *, window: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groups = groups
        self.sign = GradualSign(window)

    def build(self, input_shape: Any) -> None:
        channels = int(input_shape[-1])
        if channels % self.groups:
            raise ValueError(f"{self.name}: {channels} channels in {self.groups} groups")
        self.order = interleaved(channels, self.groups)
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        return tf.gather(self.sign(x), self.order, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups, "window": self.sign.window}
