"""Residuals of bits that stay bits: OR, MUX and MOR with gates a channel.

Reconstructed. Known of the same authors' BILLNET (arXiv 2501.14495) and HEQ (2501.04517): residuals
gated by OR and MUX logic, channel-wise, "MUX-OR residual"; their formulas were not available to us.
"""

from __future__ import annotations

from typing import Any

from train.backend import exporting, keras, larq, tf

KINDS = ("or", "mux", "mor")


@tf.custom_gradient
def _gate(g: Any) -> Any:
    """1 where g > 0, else 0; the gradient is that of sigmoid(g)."""

    def grad(dy: Any) -> Any:
        s = tf.sigmoid(g)
        return dy * s * (1.0 - s)

    return tf.cast(g > 0, g.dtype), grad


@keras.utils.register_keras_serializable("bitwake")
class LogicResidual(keras.layers.Layer):
    """Two maps of ±1 [N, H, W, C], main a and skip b -> ±1 of the same shape. With s_c a gate:

        or:  a OR b (+1 where one of them is)
        mux: b where s_c, else a
        mor: a OR b where s_c, else a

    s_c = 1[g_c > 0] is learned and free at inference. In training OR is its multilinear form,
    1 - (1-a)(1-b)/2, so that a map has a gradient exactly where it decides.

    In export mode the layer is max(min(a, P), min(b, Q)) with P and Q of ±1 a channel: between the
    signs of its neighbours only bits are computed.

    Args:
        kind: "or", "mux" or "mor".
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"a logic residual is one of {', '.join(KINDS)}, not {kind!r}")
        self.kind = kind

    def build(self, input_shape: Any) -> None:
        if self.kind != "or":
            self.gates = self.add_weight(
                name="gates",
                shape=(int(input_shape[0][-1]),),
                initializer=keras.initializers.RandomUniform(-1.0, 1.0),
            )
        super().build(input_shape)

    def call(self, pair: Any) -> Any:
        a, b = pair
        if exporting():
            return self._as_limits(larq.quantizers.ste_sign(a), larq.quantizers.ste_sign(b))
        either = 1.0 - 0.5 * (1.0 - a) * (1.0 - b)
        if self.kind == "or":
            return either
        s = _gate(self.gates)
        return a + s * ((b if self.kind == "mux" else either) - a)

    def _as_limits(self, a: Any, b: Any) -> Any:
        if self.kind == "or":
            return tf.maximum(a, b)
        on = self.gates > 0
        if self.kind == "mux":
            a = tf.minimum(a, tf.where(on, -1.0, 1.0))
        return tf.maximum(a, tf.minimum(b, tf.where(on, 1.0, -1.0)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind}
