"""Signs that harden during training: first real values, at last bits.

A network that is binary from the first step learns slowly: its gradients are surrogates through
every layer. Here h, the hardness, rises from 0 to 1: activations are (1 - h) clip(x) + h sign(x),
weights (1 - h) w / mean|w| + h sign(w); batch norm takes any scale away. With h = 1, and outside
`hardening()`, both are plain signs. In the spirit of annealed signs (BNext, arXiv 2211.12933) and
of training in two steps (ReActNet, arXiv 2003.03488); the schedule is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from train.backend import exporting, keras, larq, tf

_soft = False
_hardness: list[Any] = []  # one variable, made when first needed; a list, so that no layer owns it


def hardness() -> Any:
    """The variable h, float32 scalar, shared by all quantizers of the process."""
    if not _hardness:
        with tf.init_scope():
            _hardness.append(tf.Variable(1.0, trainable=False, name="hardness"))
    return _hardness[0]


@contextmanager
def hardening(soft: bool = True) -> Iterator[None]:
    """Within it, graphs that are traced hold the soft form; elsewhere the plain signs."""
    global _soft
    before, _soft = _soft, soft
    try:
        yield
    finally:
        _soft = before


@keras.utils.register_keras_serializable("bitwake")
class GradualSign(larq.quantizers.Quantizer):
    """Of activations. Hard: approx_sign, whose gradient is 2 - 2|x| for |x| < 1."""

    precision = 1

    def call(self, inputs: Any) -> Any:
        bits = larq.quantizers.approx_sign(inputs)
        if _soft and not exporting():
            real = tf.clip_by_value(inputs, -1.0, 1.0)
            bits = real + hardness() * (bits - real)
        return super().call(bits)


@keras.utils.register_keras_serializable("bitwake")
class GradualKernel(larq.quantizers.Quantizer):
    """Of kernels [..., in, out]. Hard: ste_sign, whose gradient is 1 for |w| <= 1."""

    precision = 1

    def call(self, inputs: Any) -> Any:
        bits = larq.quantizers.ste_sign(inputs)
        if _soft and not exporting():
            axes = list(range(len(inputs.shape) - 1))
            mean = tf.reduce_mean(tf.abs(inputs), axis=axes, keepdims=True)
            real = inputs / tf.stop_gradient(mean + 1e-6)
            bits = real + hardness() * (bits - real)
        return super().call(bits)
