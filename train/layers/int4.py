"""Two branches in four bits each, and the bit of their sum.

Known of arXiv 2202.03716: element-wise addition takes INT4 inputs and gives one bit. Scale and
rounding are ours: q = clamp(round(z / s), -8, 7) with a fixed s, so that batch norm's γ decides how
much of the range a channel uses.
"""

from __future__ import annotations

from typing import Any

from train.backend import exporting, keras, tf
from train.layers.bineal import OverSign

STEP = 0.25  # s: branches are batch norm's, so that -2 .. 1.75 holds most of them
LOW, HIGH = -8, 7


def int8_fake(x: Any) -> Any:
    """x in int8 of scale STEP; LCE makes what produced x int8 of that scale."""
    return tf.quantization.fake_quant_with_min_max_args(x, min=-128 * STEP, max=127 * STEP)


@tf.custom_gradient
def to_int4(z: Any) -> Any:
    """STEP · clamp(round(z / STEP), -8, 7), halves away from zero as LCE rounds them.

    The gradient passes where nothing was clamped.
    """
    scaled = z / STEP
    rounded = tf.sign(scaled) * tf.floor(tf.abs(scaled) + 0.5)

    def grad(dy: Any) -> Any:
        return tf.where((rounded >= LOW) & (rounded <= HIGH), dy, tf.zeros_like(dy))

    return STEP * tf.clip_by_value(rounded, LOW, HIGH), grad


@keras.utils.register_keras_serializable("bitwake")
class Int4Add(OverSign):
    """Two real maps of the same shape -> ±1 bits of sign(PReLU_τ(q1 + q2 + b0) + b1).

    Deployed, q1 + q2 >= t with the whole number t = ceil(θ / s), clamped to -17 .. 15: beyond it
    nothing changes. In export mode fake quantization makes LCE emit two int8 convolutions, MAXIMUM
    and MINIMUM for the clamp, an int8 ADD and an int8 SUB of t: exact integers all the way.
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape[0])

    def whole_threshold(self) -> Any:
        """t, float32 [C], whole numbers."""
        return tf.clip_by_value(tf.math.ceil(self.theta() / STEP), 2 * LOW - 1, 2 * HIGH + 1)

    def call(self, pair: Any) -> Any:
        if not exporting():
            return super().call(to_int4(pair[0]) + to_int4(pair[1]))
        low, high = LOW * STEP, HIGH * STEP
        first, second = (int8_fake(tf.minimum(tf.maximum(int8_fake(z), low), high)) for z in pair)
        total = int8_fake(first + second)
        return int8_fake(total - STEP * self.whole_threshold()) if self.over else total
