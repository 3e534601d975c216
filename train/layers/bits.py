"""The input quantizer of a layer whose input holds bits already."""

from __future__ import annotations

from typing import Any

from train.backend import exporting, keras, larq


@keras.utils.register_keras_serializable("bitwake")
class AlreadyBits(larq.quantizers.Quantizer):
    """Passes ±1 on, with its gradient; in export mode the sign that the converter looks for.

    A second sign must not stand behind one in training: approx_sign's gradient is zero at ±1, so
    that nothing before it would learn.
    """

    precision = 1

    def call(self, inputs: Any) -> Any:
        passed = larq.quantizers.ste_sign(inputs) if exporting() else inputs
        return super().call(passed)
