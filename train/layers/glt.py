"""Generic Learned Thermometer: the input encoder whose thresholds are learned.

Reconstructed from the abstract and one figure caption of arXiv 2505.13462 (the paper's equations
were not available to us): "learning non linear quantization thresholds", thermometric encoding of
0..255. What is chosen here and may differ from the authors': the parametrisation, the surrogate
gradient and the initialisation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.errors import ModelError
from train.backend import exporting, keras, tf
from train.layers.encoders.surrogate import SURROGATES, thermometer

FULL_SCALE = 255.0
# Smallest gap as a share of the mean gap, so that thresholds stay distinct.
MIN_GAP = 0.02
# Far below any softplus that a training meets: with all of them at zero the gaps are equal.
LEAST = 1e-20
# A fixed threshold this close above a whole number is one by rounding alone.
BESIDE = 1e-3
INITIAL = ("linear", "quantile")


@keras.utils.register_keras_serializable("bitwake")
class GLT(keras.layers.Layer):
    """Bytes [N, H, W, C] as float32 0..255 -> thermometer bits ±1 [N, H, W, C·M].

    Thresholds come from latents u of shape [C or 1, M + 1]:
        δ = softplus(u) + ε,  n = δ / Σδ,  t_i = n_0 + … + n_{i-1}  for i = 1..M,
    so 0 < t_1 < … < t_M < 1 always; the last gap closes the range. Bit i of channel c, output
    channel c·M + i, is +1 where x >= 255 t_i and -1 elsewhere. Equal latents give the fixed linear
    ramp t_i = i / (M + 1).

    Backward, with z = (x - 255 t) / 255: ∂b/∂z is 1/w for |z| <= w, else 0 ("rect"), or another
    slope of the same area (`train.layers.encoders.surrogate`); w defaults to 1 / (M + 1). No
    gradient flows to the picture.

    Fixed thresholds (`learned` off) are moved to the middle between two bytes, which changes no
    bit: a ramp's thresholds are often whole numbers, where rounding would decide.

    In export mode the layer is a depthwise 1x1 convolution with weights of exactly 1 plus a bias of
    -255 t: its sign is exact in float32 for whole x, and the next layer's sign completes the bit.

    Args:
        planes: M, thresholds a channel.
        shared: one set of thresholds for all channels.
        surrogate: "rect", "triangle", "sigmoid" or "reste".
        window: w, or None for 1 / (M + 1).
        learned: False keeps the initial thresholds (the linear ramp, or set_thresholds()).
        initial: "linear", the ramp, or "quantile", the data's, by calibrate().
    """

    def __init__(
        self,
        planes: int,
        *,
        shared: bool = False,
        surrogate: str = "triangle",
        window: float | None = None,
        learned: bool = True,
        initial: str = "linear",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        known = surrogate in SURROGATES and initial in INITIAL
        if planes < 1 or not known or not (window is None or 0 < window < np.inf):
            raise ModelError(
                "there is no such thermometer",
                found=f"planes={planes}, surrogate={surrogate!r}, initial={initial!r}, "
                f"window={window}",
                remedy=f"planes of at least 1; surrogate: {', '.join(SURROGATES)}; initial: "
                f"{', '.join(INITIAL)}; a window above 0, or None",
            )
        self.planes, self.shared, self.surrogate = planes, shared, surrogate
        self.window = 1.0 / (planes + 1) if window is None else window
        self.learned, self.initial = learned, initial

    def build(self, input_shape: Any) -> None:
        self.channels = int(input_shape[-1])
        rows = 1 if self.shared else self.channels
        self.latents = self.add_weight(
            name="glt_latents",
            shape=(rows, self.planes + 1),
            initializer="zeros",
            trainable=self.learned,
        )
        super().build(input_shape)

    def gaps(self) -> Any:
        """n, [C or 1, M + 1], positive and summing to one."""
        positive = tf.nn.softplus(self.latents) + LEAST
        positive += MIN_GAP * tf.reduce_mean(positive, axis=-1, keepdims=True)
        return positive / tf.reduce_sum(positive, axis=-1, keepdims=True)

    def thresholds(self) -> Any:
        """t, float32 [C, M] in 0..1, ascending."""
        t = tf.cumsum(self.gaps(), axis=-1)[:, : self.planes]
        return tf.repeat(t, self.channels, axis=0) if self.shared else t

    def set_thresholds(self, t: Any) -> None:
        """Set thresholds [C or 1, M] in 0..1, ascending; gaps below the minimum are widened."""
        t = np.atleast_2d(np.asarray(t, np.float64))
        gaps = np.diff(np.concatenate([0 * t[:, :1], t, 0 * t[:, :1] + 1], axis=1), axis=1)
        if gaps.shape != tuple(self.latents.shape) or (gaps < 0).any():
            raise ValueError(f"GLT thresholds must ascend in 0..1 as {self.latents.shape[0]} rows")
        mean = 1.0 / (self.planes + 1)
        # invert n ∝ softplus(u) + MIN_GAP·mean, at the scale softplus(0) of the initial latents
        share = np.maximum((gaps / mean) * (1 + MIN_GAP) - MIN_GAP, 1e-3) * np.log(2.0)
        self.latents.assign(np.log(np.expm1(share)).astype(np.float32))

    @property
    def wants_data(self) -> bool:
        """Whether calibrate() is to be called before training."""
        return self.initial == "quantile"

    def calibrate(self, x: Any) -> None:
        """Threshold i becomes the quantile i / (M + 1) of bytes x [N, H, W, C], of each channel or
        over all: the data then fill the thermometer's steps evenly. Equal quantiles are parted."""
        values = np.asarray(x, np.float64).reshape(-1, self.channels)
        rows = values.reshape(1, -1) if self.shared else values.T
        levels = np.arange(1, self.planes + 1) / (self.planes + 1)
        q = np.quantile(rows, levels, axis=1, method="inverted_cdf").T
        self.set_thresholds(np.minimum(q + 0.5, FULL_SCALE - 0.5) / FULL_SCALE)

    def limits(self) -> Any:
        """What a byte must reach for each bit, float32 [C, M]: 255 t."""
        t = FULL_SCALE * self.thresholds()
        return t if self.learned else tf.math.ceil(t - BESIDE) - 0.5

    def tone_curve(self) -> Any:
        """c(x) = number of thresholds reached, int [C, 256]: a learned monotone tone mapping."""
        t = self.limits().numpy()
        return (np.arange(256)[None, :, None] >= t[:, None, :]).sum(-1)

    def call(self, x: Any) -> Any:
        t = self.limits()
        if exporting():
            ones = tf.ones((1, 1, self.channels, self.planes))
            spread = tf.nn.depthwise_conv2d(x, ones, [1, 1, 1, 1], "VALID")
            return tf.nn.bias_add(spread, -tf.reshape(t, [-1]))
        bits = thermometer(x, t, FULL_SCALE * self.window, self.surrogate)
        shape = tf.shape(x)
        out = tf.reshape(bits, [shape[0], shape[1], shape[2], self.channels * self.planes])
        out.set_shape([*x.shape[:3], self.channels * self.planes])
        return out

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "planes": self.planes,
            "shared": self.shared,
            "surrogate": self.surrogate,
            "window": self.window,
            "learned": self.learned,
            "initial": self.initial,
        }
