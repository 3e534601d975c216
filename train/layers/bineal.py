"""BiNeal's over-parameterized weights and activations: numbers that are trained and fused away.

Reconstructed from an article about arXiv 2202.03716 (the paper's equations were not available to
us). Known: weights get α (shapes N, N×C, N×C×K×K) and λ (N), both learned, and only sign(α⊙W) is
stored; activations get τ, b0, b1 a channel and a scalar k, and become one threshold θ a channel.
Ours: where each number stands in the formula, and the gradients.
"""

from __future__ import annotations

from typing import Any

from convert.errors import ModelError
from train.backend import exporting, keras, larq, tf
from train.layers.gradual import GradualSign, ScaledKernel

ALPHA_SHAPES = ("N", "NC", "NCKK")
# Of τ: a PReLU that does not rise would not be one threshold, and one that hardly rises makes a bit
# constant: b1 > 0 moves θ by b1 / τ.
MIN_SLOPE = 0.25
# Of λ and k: batch norm takes a convolution's scale away, so that nothing but its epsilon holds
# them, and at zero the convolution would vanish.
MIN_GAIN = 0.1


@keras.utils.register_keras_serializable("bitwake")
class AtLeast(keras.constraints.Constraint):
    """Keeps a weight at or above a bound."""

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def __call__(self, w: Any) -> Any:
        return tf.maximum(w, self.bound)

    def get_config(self) -> dict[str, Any]:
        return {"bound": self.bound}


def _alpha_shape(alpha: str, kernel: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of α beside a kernel [K, K, C, N]."""
    kh, kw, channels, n = kernel
    return {"N": (1, 1, 1, n), "NC": (1, 1, channels, n), "NCKK": (kh, kw, channels, n)}[alpha]


@keras.utils.register_keras_serializable("bitwake")
class OverKernel(ScaledKernel):
    """Kernel quantizer [K, K, C, N] W -> k·λ ⊙ sign(α ⊙ W).

    The straight-through estimate passes where |αW| <= 1: with ĝ the gradient at α ⊙ W, that of W is
    α·ĝ and that of α is W·ĝ, summed over the dimensions that α does not have. λ and k get ordinary
    gradients. k belongs to the activations, k·sign(u); it stands here because a positive factor of
    the input is one of the output, and padding then needs no value of its own.

    LCE takes k·λ as a factor of each output channel and stores signs only.

    Args:
        alpha: "N", "NC" or "NCKK": one α an output channel, a pair of channels, or a weight.
    """

    def __init__(self, alpha: str = "NC", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if alpha not in ALPHA_SHAPES:
            raise ModelError(
                "α of a kernel has no such shape",
                found=repr(alpha),
                remedy=f"one of {', '.join(ALPHA_SHAPES)}",
            )
        self.alpha_shape = alpha

    def build(self, input_shape: Any) -> None:
        kernel = tuple(int(side) for side in input_shape)
        self.alpha = self.add_weight(
            name="alpha",
            shape=_alpha_shape(self.alpha_shape, kernel),
            initializer="ones",
            constraint=larq.constraints.WeightClip(1.0),
        )
        gain = {"initializer": "ones", "constraint": AtLeast(MIN_GAIN)}
        self.lam = self.add_weight(name="lambda", shape=(kernel[-1],), **gain)
        self.k = self.add_weight(name="k", shape=(), **gain)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return self.k * self.lam * self.sign(self.alpha * inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha_shape}


def threshold(tau: Any, b0: Any, b1: Any) -> Any:
    """θ with sign(PReLU_τ(x + b0) + b1) = sign(x - θ), for τ > 0; any shape.

    PReLU crosses -b1 on its upper piece when b1 <= 0, at x = -b0 - b1, and on its lower piece
    otherwise, at x = -b0 - b1/τ.
    """
    return -b0 - b1 / tf.where(b1 > 0, tau, tf.ones_like(tau))


@keras.utils.register_keras_serializable("bitwake")
class OverSign(keras.layers.Layer):
    """Real maps [N, H, W, C] -> ±1 bits: sign(u), u = PReLU_τ(x + b0) + b1.

    τ, b0 and b1 are one number a channel. Backward is that of `GradualSign` at u, through the
    PReLU. In export mode the layer is x - θ, whose sign the next layer takes (`AlreadyBits`): LCE
    folds θ into the convolution's threshold.

    Args:
        over: False leaves τ, b0 and b1 out: a plain sign.
        window: over which its gradient passes, see `GradualSign`.
        signed: False gives u, and leaves its sign to layers behind.
    """

    def __init__(
        self, over: bool = True, *, window: float = 1.0, signed: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.over = over
        self.signed = signed
        self.sign = GradualSign(window)

    def build(self, input_shape: Any) -> None:
        if self.over:
            shape = (int(input_shape[-1]),)
            self.b0 = self.add_weight(name="b0", shape=shape, initializer="zeros")
            self.b1 = self.add_weight(name="b1", shape=shape, initializer="zeros")
            self.tau = self.add_weight(
                name="tau",
                shape=shape,
                initializer="ones",
                constraint=AtLeast(MIN_SLOPE),
            )
        super().build(input_shape)

    def theta(self) -> Any:
        """θ, float32 [C]."""
        return threshold(self.tau, self.b0, self.b1)

    def latent(self, x: Any) -> Any:
        """u, whose sign is the bit."""
        if not self.over:
            return x
        z = x + self.b0
        return tf.where(z >= 0, z, self.tau * z) + self.b1

    def call(self, x: Any) -> Any:
        if exporting():
            return tf.nn.bias_add(x, -self.theta()) if self.over else x
        u = self.latent(x)
        return self.sign(u) if self.signed else u

    def get_config(self) -> dict[str, Any]:
        mine = {"over": self.over, "window": self.sign.window, "signed": self.signed}
        return {**super().get_config(), **mine}


@keras.utils.register_keras_serializable("bitwake")
class OverAdd(OverSign):
    """Two real maps of the same shape -> ±1 bits of their sum: sign(PReLU_τ(a + b + b0) + b1).

    In export mode θ goes to the first map, a - θ + b, where LCE folds it into the bias of the
    convolution that made it: two binary convolutions, one addition and one sign remain.
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape[0])

    def call(self, pair: Any) -> Any:
        first, second = pair
        if exporting():
            return super().call(first) + second
        return super().call(first + second)
