"""Kernels whose planes tell a real weight: for a convolution that reads a thermometer.

A thermometer's planes count a level. Behind it, one sign for all planes of a tap weights the level
by ±1, and signs spread over the planes weight it by their mean: k of M + 1 steps in -1 … 1. The
convolution stays binary and costs the device what it did; what it can learn comes near to what
real weights on the sensor's samples can.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import ModelError
from train.backend import keras, larq, tf
from train.layers.gradual import between, weight_form

# x^4 = x + 1: the powers of 1/x are the additive recurrence in three dimensions that fills space
# most evenly (R_3 of M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
ROOT = 1.2207440846057596
# Filters are counted within a block of train.prune, whose removal so leaves the others' signs.
BLOCK = 32


def spread(taps: int, planes: int, filters: int) -> npt.NDArray[np.float32]:
    """The dither d, float32 [taps, planes, filters]: M equal steps in -1 … 1 along the planes, in
    an order that differs between taps and filters.

    d = (2r + 1) / M - 1, r the rank of frac(1/2 + m/g + t/g² + f/g³) among the planes m of tap t
    and filter f modulo `BLOCK`, g the `ROOT`. So the mean of M signs is k, rounded to 2/M, and
    0 where k is 0 and M even.
    """
    t, m, f = np.ogrid[:taps, :planes, :filters]
    even = np.mod(0.5 + m / ROOT + t / ROOT**2 + f % BLOCK / ROOT**3, 1.0)
    rank = even.argsort(axis=1, kind="stable").argsort(axis=1)
    return ((2 * rank + 1) / planes - 1).astype(np.float32)


@tf.custom_gradient
def _told(k: Any, d: Any) -> tuple[Any, Any]:
    """k [T, 1, F] -> sign(k - d), ±1 [T, M, F], +1 at equality. The gradient is that of the mean
    over the planes, which is k but for rounding: each plane passes on what it gets."""
    bits = tf.where(k >= d, tf.ones_like(d), -tf.ones_like(d))

    def backward(upstream: Any) -> tuple[Any, None]:
        return tf.reduce_sum(upstream, axis=1, keepdims=True), None

    return bits, backward


@keras.utils.register_keras_serializable("bitwake")
class DitheredKernel(larq.quantizers.Quantizer):
    """Of kernels [H, W, C·M, F], input channel c·M + m, of a convolution behind a thermometer.

    Of every tap and channel w, the mean of the latent weights over the planes, becomes
    k = clip(w / 2s, -1, 1), s the mean of |w| of the filter, and bit m is sign(k - d), d of
    `spread()` with t = (row · W + column) · C + c. The gradient passes s by.

    Real: k for all planes, which is the mean of their bits but for 1/M.

    Args:
        planes: M.
    """

    precision = 1

    def __init__(self, planes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if planes < 1:
            raise ModelError("a dithered kernel has planes", found=f"planes {planes}")
        self.planes = planes

    def call(self, inputs: Any) -> Any:
        shape, form = [int(side) for side in inputs.shape], weight_form()
        filters = shape[-1]
        if shape[-2] % self.planes:
            raise ModelError(
                "a dithered kernel's input channels are not those of a thermometer",
                found=f"{shape[-2]} channels, {self.planes} planes",
                remedy="put it right behind an encoder with as many planes",
            )
        w = tf.reduce_mean(tf.reshape(inputs, [-1, self.planes, filters]), axis=1, keepdims=True)
        scale = 2 * tf.reduce_mean(tf.abs(w), axis=0, keepdims=True)
        k = tf.clip_by_value(w / tf.stop_gradient(scale + 1e-6), -1.0, 1.0)
        d = spread(int(k.shape[0]), self.planes, filters)
        real = tf.broadcast_to(k, d.shape)
        bits = real if form == "real" else _told(k, tf.constant(d))
        if form == "soft":
            bits = between(real, bits)
        return super().call(tf.reshape(bits, shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "planes": self.planes}
