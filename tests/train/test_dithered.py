"""Dithered kernels: their bits against the formula, gradients, what they do not go with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convert.errors import ModelError

pytestmark = pytest.mark.keras

SHAPES = [(3, 3, 1, 32, 16), (1, 1, 3, 5, 7), (4, 2, 2, 8, 40), (2, 5, 1, 1, 3)]  # H, W, C, M, F


def drawn(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    h, w, c, m, f = shape
    return np.random.default_rng([seed, *shape]).normal(size=(h, w, c * m, f)).astype(np.float32)


def formula(kernel: np.ndarray, planes: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits, and how far each k - d is from where the sign changes, by a loop in float64."""
    g = 1.220744084605759475361685349109
    h, w, channels, filters = kernel.shape
    c = channels // planes
    mean = kernel.astype(float).reshape(h * w * c, planes, filters).mean(1)
    k = np.clip(mean / (2 * np.abs(mean).mean(0)), -1, 1)
    apart = np.zeros((h * w * c, planes, filters))
    for t in range(h * w * c):
        for f in range(filters):
            even = [math.fmod(0.5 + m / g + t / g**2 + f % 32 / g**3, 1) for m in range(planes)]
            for m, value in enumerate(even):
                d = (2 * sorted(even).index(value) + 1) / planes - 1
                apart[t, m, f] = k[t, f] - d
    return np.where(apart >= 0, 1, -1).reshape(kernel.shape), np.abs(apart).reshape(kernel.shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_are_the_formula_s_in_both_forms(shape: tuple[int, ...]) -> None:
    from train.backend import export_mode
    from train.layers import DitheredKernel

    kernel, planes = drawn(shape), shape[3]
    quantizer = DitheredKernel(planes)
    bits = quantizer(kernel).numpy()
    with export_mode():
        assert np.array_equal(quantizer(kernel), bits)
    wanted, apart = formula(kernel, planes)
    sure = apart > 1e-5  # nearer, float32 may round to the other side
    assert sure.mean() > 0.99
    assert np.array_equal(bits[sure], wanted[sure])
    again = DitheredKernel.from_config(quantizer.get_config())
    assert np.array_equal(again(kernel), bits)


def test_the_planes_tell_the_weight() -> None:
    """Their mean is k, rounded to a step of 2/M; one sign for all of them is far from it."""
    from train.layers import DitheredKernel
    from train.layers.dithered import spread

    kernel, planes = drawn((3, 3, 1, 32, 16)), 32
    bits = DitheredKernel(planes)(kernel).numpy().reshape(9, planes, 16)
    mean = kernel.reshape(9, planes, 16).mean(1)
    k = np.clip(mean / (2 * np.abs(mean).mean(0)), -1, 1)
    assert np.abs(bits.mean(1) - k).max() <= 1 / planes + 1e-6
    assert np.abs(np.sign(k) - k).mean() > 0.3
    steps = spread(9, planes, 16).transpose(0, 2, 1).reshape(-1, planes)
    assert np.array_equal(np.sort(steps), np.tile(np.sort(steps[0]), (9 * 16, 1)))
    # the planes that tell a weight differ between taps and filters, in as many orders as planes
    assert len(np.unique(steps, axis=0)) == planes


def test_real_weights_are_what_the_bits_approach() -> None:
    from train.layers import DitheredKernel
    from train.layers.gradual import forms, hardness

    kernel, quantizer = drawn((3, 3, 2, 8, 4)), DitheredKernel(8)
    bits = quantizer(kernel).numpy()
    with forms(weights="real"):
        real = quantizer(kernel).numpy()
    planes = real.reshape(18, 8, 4)
    assert np.array_equal(planes, np.broadcast_to(planes[:, :1], planes.shape))
    assert np.abs(real).max() <= 1
    try:
        hardness().assign(0.25)
        with forms(weights="soft"):
            np.testing.assert_allclose(quantizer(kernel), 0.75 * real + 0.25 * bits, atol=1e-6)
    finally:
        hardness().assign(1.0)


def test_the_gradient_is_that_of_the_real_weight() -> None:
    from train.backend import tf
    from train.layers import DitheredKernel

    shape = (3, 2, 2, 8, 5)
    kernel, planes = tf.constant(drawn(shape)), shape[3]
    upstream = drawn(shape, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        loss = tf.reduce_sum(DitheredKernel(planes)(kernel) * upstream)
    got = tape.gradient(loss, kernel).numpy().reshape(12, planes, 5)
    mean = kernel.numpy().reshape(12, planes, 5).mean(1)
    scale = 2 * np.abs(mean).mean(0)
    each = upstream.reshape(12, planes, 5).sum(1) / scale / planes * (np.abs(mean) <= scale)
    np.testing.assert_allclose(got, np.broadcast_to(each[:, None], got.shape), rtol=1e-3, atol=1e-5)
    assert 0 < np.count_nonzero(each) < each.size  # some are clipped


def test_a_removed_block_of_filters_leaves_the_others_bits() -> None:
    from train.layers import DitheredKernel

    kernel = drawn((3, 3, 1, 8, 96))
    whole = DitheredKernel(8)(kernel).numpy()
    kept = np.r_[0:32, 64:96]
    assert np.array_equal(DitheredKernel(8)(kernel[..., kept]), whole[..., kept])


def small(**fields: Any) -> Any:
    from train.models.binary import BinaryNet, Conv, Pool

    usual = {"layers": (Pool(), Conv(8, 3), Conv(32, 3)), "dithered": True, "encoder": "glt"}
    return BinaryNet((12, 12, 1), 4, **{**usual, **fields})


def test_the_first_convolution_alone_has_one() -> None:
    from train.layers import DitheredKernel
    from train.models.backbone import Backbone
    from train.models.binary import build

    shape = (16, 16, 1)
    backbone = Backbone(input_shape=shape, widths=(32, 32), blocks=(1, 1), strides=(1, 2))
    for net, model in (
        (small(), build(small())),
        (backbone, replace(backbone, dithered=True).build()),
    ):
        kinds = [getattr(layer, "kernel_quantizer", None) for layer in model.layers]
        kinds = [kind for kind in kinds if kind is not None]
        assert [isinstance(kind, DitheredKernel) for kind in kinds] == [
            True, *[False] * (len(kinds) - 1)
        ]  # fmt: skip
        assert kinds[0].planes == net.planes
    assert not replace(backbone, dithered=True).twin().dithered


def test_what_does_not_go_together_is_refused() -> None:
    from train.layers import DitheredKernel
    from train.models.backbone import Backbone
    from train.models.binary import BinaryNet, Conv, Shuffle

    with pytest.raises(ModelError, match="needs an encoder that is a thermometer") as error:
        small(encoder="binary")
    assert "glt-quantile" in str(error.value)
    assert "gray" not in str(error.value)
    with pytest.raises(ModelError, match="needs an encoder that is a thermometer"):
        Backbone(dithered=True, encoder="bitplanes")
    with pytest.raises(ModelError, match="of a stem that reads bits"):
        Backbone(dithered=True, stem="real")
    with pytest.raises(ModelError, match="of a first convolution"):
        small(layers=(Shuffle(2), Conv(8)))
    for channels in (1, 3):
        with pytest.raises(ModelError, match="reads all planes of a sample") as error:
            BinaryNet((8, 8, channels), 64, (Conv(64, groups=2),), dithered=True)
        assert f"{64 * channels} channels, 64 planes a sample, 2 groups" in str(error.value)
    BinaryNet((8, 8, 4), 16, (Conv(64, groups=2),), dithered=True)
    with pytest.raises(ModelError, match="not those of a thermometer"):
        DitheredKernel(5)(drawn((3, 3, 1, 8, 4)))
    with pytest.raises(ModelError, match="has planes"):
        DitheredKernel(0)


def test_bop_leaves_them_to_adam() -> None:
    from train.models.binary import build
    from train.optim import binary_kernels, flipping_kernels

    model = build(small())
    kernels, flipping = binary_kernels(model), flipping_kernels(model)
    assert [k.name.split("/")[0] for k in kernels] == ["bconv1", "bconv2", "head"]
    assert [k.name.split("/")[0] for k in flipping] == ["bconv2", "head"]
