"""Signs that can be soft or absent for a part of the training.

A network that is binary from the first step learns slowly: its gradients are surrogates through
every layer. Two remedies share these quantizers.

- Soft signs: h, the hardness, rises from 0 to 1; activations are (1 - h) clip(x / w) + h sign(x),
  weights (1 - h) w / mean|w| + h sign(w); batch norm takes any scale away. In the spirit of
  annealed signs (BNext, arXiv 2211.12933); the schedule is ours.
- Stages, as in two-step binarization (ReActNet, arXiv 2003.03488): at first only activations are
  binary and weights are real, then both are binary.

Which form a graph holds is decided when it is traced, by `forms()`; outside of it, and in export
mode, both are plain signs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from convert.errors import ModelError
from train.backend import exporting, keras, larq, tf

FORMS = ("binary", "soft", "real")

_activations, _weights = "binary", "binary"
_hardness: list[Any] = []  # one variable, made when first needed; a list, so that no layer owns it


def hardness() -> Any:
    """The variable h, float32 scalar, shared by all quantizers of the process."""
    if not _hardness:
        with tf.init_scope():
            _hardness.append(tf.Variable(1.0, trainable=False, name="hardness"))
    return _hardness[0]


@contextmanager
def forms(activations: str = "binary", weights: str = "binary") -> Iterator[None]:
    """Within it, graphs that are traced hold these forms: "binary", "soft" or "real"."""
    global _activations, _weights
    if activations not in FORMS or weights not in FORMS:
        raise ValueError(f"forms are {FORMS}: {activations!r}, {weights!r}")
    before = _activations, _weights
    _activations, _weights = activations, weights
    try:
        yield
    finally:
        _activations, _weights = before


def activation_form() -> str:
    """The form that a graph traced here gives to activations; for quantizers of other files."""
    return "binary" if exporting() else _activations


def weight_form() -> str:
    """The form that a graph traced here gives to kernels; for quantizers of other files."""
    return "binary" if exporting() else _weights


def between(real: Any, bits: Any) -> Any:
    """The soft form: as far from real values to bits as h says."""
    return real + hardness() * (bits - real)


@keras.utils.register_keras_serializable("bitwake")
class GradualSign(larq.quantizers.Quantizer):
    """Of activations. Hard: approx_sign(x / w), whose gradient is (2 - 2|x / w|) / w for |x| < w;
    real: clip(x / w).

    Args:
        window: w, half of the width over which a gradient passes.
    """

    precision = 1

    def __init__(self, window: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not window > 0:
            raise ModelError("a sign's window is above 0", found=f"{window:g}")
        self.window = window

    def call(self, inputs: Any) -> Any:
        form = activation_form()
        # a positive factor in front of a sign is nothing but work for the device
        x = inputs if exporting() else inputs / self.window
        real = x if form == "binary" else tf.clip_by_value(x, -1.0, 1.0)
        if form == "real":
            return super().call(real)
        bits = larq.quantizers.approx_sign(x)
        return super().call(bits if form == "binary" else between(real, bits))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "window": self.window}


@keras.utils.register_keras_serializable("bitwake")
class GradualKernel(larq.quantizers.Quantizer):
    """Of kernels [..., in, out]. Hard: ste_sign, whose gradient is 1 for |w| <= clip_value.

    Real: w / mean|w| of each output channel, so that a stage with signs finds the same scale.
    `clip_value` is an attribute that training sets beside the kernel's constraint.
    """

    precision = 1
    clip_value = 1.0

    def call(self, inputs: Any) -> Any:
        form = weight_form()
        if form == "binary":
            return super().call(larq.quantizers.ste_sign(inputs, clip_value=self.clip_value))
        axes = list(range(len(inputs.shape) - 1))
        mean = tf.reduce_mean(tf.abs(inputs), axis=axes, keepdims=True)
        real = inputs / tf.stop_gradient(mean + 1e-6)
        if form == "real":
            return super().call(real)
        bits = larq.quantizers.ste_sign(inputs, clip_value=self.clip_value)
        return super().call(between(real, bits))


class ScaledKernel(larq.quantizers.Quantizer):
    """Base of quantizers that scale a `GradualKernel`: `self.sign`, whose clip value is theirs."""

    precision = 1

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sign = GradualKernel()

    @property
    def clip_value(self) -> float:
        """The gradient passes where what `sign` is given is at most this; training sets it."""
        return float(self.sign.clip_value)

    @clip_value.setter
    def clip_value(self, value: float) -> None:
        self.sign.clip_value = value
