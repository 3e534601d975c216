"""Networks of residual blocks: the two-branch pattern by hand, and whole ones from Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.ir import Array
from tests.convert.flat import SAME, Flat
from tests.networks import pictures

if TYPE_CHECKING:
    from convert.from_keras import Converted
    from train.models.backbone import Backbone


def two_branches(
    seed: int,
    *,
    side: tuple[int, int] = (6, 7),
    channels_in: int = 40,
    channels: int = 48,
    stride: int = 1,
    kernels: tuple[int, int] = (3, 1),
    activation: int = 0,
    sign: bool = True,
) -> bytes:
    """What a BiNeal block ends with, as LCE emits it: bits x -> LceBconv2d of kernels[0] and of
    kernels[1], both float32 with multiplier and bias -> ADD -> LceQuantize, output y in bits; or
    without the sign, output y in float32. A first convolution to bits precedes the left branch.

    Multipliers have both signs, some are 0; biases reach beyond what sums can, so that some
    channels are constant.
    """
    rng = np.random.default_rng([seed, 0xB1])
    f = Flat()
    x = f.input("x", (1, *side, -(-channels_in // 32)), "int32")

    def branch(at: int, cin: int, kernel: int, step: int) -> int:
        taps = kernel * kernel * cin
        m = rng.normal(0, 1, channels) / np.sqrt(taps)
        m[:: max(2, channels // 4)] = 0
        return f.bconv(
            at,
            rng.integers(0, 2, (channels, kernel, kernel, cin), dtype=np.uint8),
            cin,
            stride=(step, step),
            padding=SAME,
            multiplier=m.astype(np.float32),
            bias=rng.normal(0, 1.0, channels).astype(np.float32),
        )

    bits = rng.integers(0, 2, (channels, 3, 3, channels_in), dtype=np.uint8)
    taps = 9 * channels_in
    hidden = f.bconv(
        x, bits, channels_in, stride=(stride, stride), padding=SAME,
        thresholds=rng.normal(taps / 2, np.sqrt(taps) / 2, channels).astype(np.int32),
    )  # fmt: skip
    left = branch(hidden, channels, kernels[0], 1)
    right = branch(x, channels_in, kernels[1], stride)
    o = f.s.AddOptionsT()
    o.fusedActivationFunction = activation
    total = f.tensor(f.shapes[left], "float32", name="add")
    f.op("ADD", [left, right], [total], options=o)
    f.output("y", f.quantize(total) if sign else total)
    return f.finish()


@dataclass(frozen=True)
class Residual:
    """A converted backbone with the pictures that it was compared on, uint8 [N, H, W, C]."""

    net: Backbone
    converted: Converted
    pictures: Array


def disturbed(model: Any, seed: int) -> list[Array]:
    """Weights as training would leave them: signs, slopes and moments of every kind, both signs of
    every factor."""
    rng = np.random.default_rng([seed, 0xD5])
    found = []
    for value, variable in zip(model.get_weights(), model.weights, strict=True):
        name, shape = variable.name.split("/")[-1].split(":")[0], value.shape
        if name == "moving_variance":
            value = rng.uniform(0.5, 2.0, shape)
        elif name == "tau":
            value = rng.uniform(0.05, 1.5, shape)
        elif name in ("gamma", "alpha", "lambda", "k"):
            value = np.where(rng.random(shape) < 0.25, -1, 1) * rng.uniform(0.3, 1.5, shape)
        elif name not in ("kernel", "glt_latents"):
            value = value + rng.normal(0, 0.4, shape)
        found.append(np.asarray(value, np.float32))
    return found


def converted(net: Backbone, seed: int = 0, count: int = 12, **options: Any) -> Residual:
    """Build, disturb, batch norm over a few pictures, convert with every check."""
    from convert.from_keras import convert_keras
    from convert.pixels import Scaling
    from train.backend import AsTrained, export_mode, seed_everything, tf

    seed_everything(seed)
    trained = net.build()
    trained.set_weights(disturbed(trained, seed))
    shots = pictures(seed, count, net.input_shape)
    for _ in range(8):  # moments that fit, so that both bits occur
        trained(tf.constant(shots, tf.float32), training=True)
    weights = trained.get_weights()
    with export_mode():
        model = net.build()
        model.set_weights(weights)
        whole = convert_keras(
            model, scaling=Scaling(1.0, 0.0), pictures=shots, trained=AsTrained(trained), **options
        )
    return Residual(net, whole, shots)


__all__ = ["Residual", "converted", "disturbed", "two_branches"]
