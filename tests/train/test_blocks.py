"""Layers and blocks of BiNeal and its rivals: derivations, gradients, two forms."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convert.errors import ModelError

pytestmark = pytest.mark.keras


def test_threshold_is_where_the_prelu_changes_sign() -> None:
    """On a grid of eighths, where every sum and product is exact in float32, ties included."""
    from train.backend import tf
    from train.layers.bineal import threshold

    coarse = np.arange(-32, 33, 3) / 8
    grid = np.meshgrid(np.arange(-64, 65) / 8, [0.125, 0.25, 0.5, 1.0, 2.0], coarse, coarse)
    x, tau, b0, b1 = (axis.astype(np.float32).ravel() for axis in grid)
    z = x + b0
    u = np.where(z >= 0, z, tau * z) + b1
    theta = threshold(*map(tf.constant, (tau, b0, b1))).numpy()
    assert np.array_equal(theta, np.where(b1 <= 0, -b0 - b1, -b0 - b1 / tau))
    assert np.array_equal(u >= 0, x >= theta)
    assert ((u == 0) & (b1 > 0)).any()
    # the control: the upper piece alone would not do
    assert not np.array_equal(u >= 0, x >= -b0 - b1)


def test_a_prelu_that_does_not_rise_has_no_single_threshold() -> None:
    """Why τ is kept positive, and that the constraint does it."""
    from train.backend import tf
    from train.layers.bineal import MIN_SLOPE, AtLeast

    bits = [(x if x >= 0 else -x) - 1 >= 0 for x in (-2, 0, 2)]  # τ = -1, b1 = -1
    assert bits == [True, False, True]
    assert AtLeast(MIN_SLOPE)(tf.constant([-1.0, 0.5])).numpy().tolist() == [
        np.float32(MIN_SLOPE), 0.5,
    ]  # fmt: skip


def test_no_step_takes_a_kernel_where_it_cannot_learn() -> None:
    """|αW| <= 1 always, for beyond it neither has a gradient; gains do not vanish or turn."""
    from train.backend import keras
    from train.layers import OverKernel
    from train.layers.bineal import MIN_GAIN

    quantizer = OverKernel("NC")
    quantizer.build((3, 3, 4, 5))
    for far in (-100.0, 100.0):
        step = keras.optimizers.legacy.SGD(1.0)
        step.apply_gradients([(0 * v - far, v) for v in quantizer.trainable_variables])
        assert np.abs(quantizer.alpha.numpy()).max() <= 1
        for gain in (quantizer.lam, quantizer.k):
            assert (gain.numpy() >= np.float32(MIN_GAIN)).all()


@pytest.mark.parametrize("alpha", ["N", "NC", "NCKK"])
def test_gradients_of_the_over_parameterized_kernel(alpha: str) -> None:
    """With ĝ the gradient at the sign's input: α·ĝ for W, W·ĝ for α, summed where α is shared."""
    from train.backend import tf
    from train.layers import OverKernel

    rng = np.random.default_rng(1)
    w = rng.uniform(-0.9, 0.9, (3, 3, 4, 5)).astype(np.float32)
    quantizer = OverKernel(alpha)
    quantizer.build(w.shape)
    a = rng.uniform(-1.3, 1.3, quantizer.alpha.shape).astype(np.float32)
    lam = rng.uniform(-2, 2, 5).astype(np.float32)
    quantizer.alpha.assign(a)
    quantizer.lam.assign(lam)
    quantizer.k.assign(1.5)
    dy = rng.normal(0, 1, w.shape).astype(np.float32)
    variables = [tf.Variable(w), quantizer.alpha, quantizer.lam, quantizer.k]
    with tf.GradientTape() as tape:
        y = quantizer(variables[0])
        loss = tf.reduce_sum(y * dy)
    signs = np.where(a * w >= 0, 1.0, -1.0)
    np.testing.assert_allclose(y, 1.5 * lam * signs, rtol=1e-6)
    got = [g.numpy() for g in tape.gradient(loss, variables)]
    ghat = 1.5 * lam * dy * (np.abs(a * w) <= 1)
    shared = tuple(i for i in range(4) if a.shape[i] == 1)
    wanted = [
        a * ghat,
        (w * ghat).sum(shared, keepdims=True).reshape(a.shape),
        (1.5 * signs * dy).sum((0, 1, 2)),
        (lam * signs * dy).sum(),
    ]
    for mine, right in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine, right, rtol=2e-5, atol=1e-5)
    assert (np.abs(a * w) > 1).any()  # the estimate was cut off somewhere


def test_gradients_of_the_over_parameterized_sign() -> None:
    """approx_sign's slope at u; through the PReLU to x, b0 and τ."""
    from train.backend import tf
    from train.layers import OverSign

    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (2, 3, 3, 6)).astype(np.float32)
    layer = OverSign()
    layer.build(x.shape)
    tau, b0, b1 = (rng.uniform(*r, 6).astype(np.float32) for r in ((0.1, 2), (-1, 1), (-1, 1)))
    for variable, value in zip((layer.tau, layer.b0, layer.b1), (tau, b0, b1), strict=True):
        variable.assign(value)
    dy = rng.normal(0, 1, x.shape).astype(np.float32)
    at = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(at)
        bits = layer(at)
        loss = tf.reduce_sum(bits * dy)
    z = x + b0
    u = np.where(z >= 0, z, tau * z) + b1
    assert np.array_equal(bits, np.where(u >= 0, 1.0, -1.0))
    g = dy * np.maximum(0, 2 - 2 * np.abs(u))
    slope = np.where(z >= 0, 1.0, tau)
    axes = (0, 1, 2)
    wanted = [g * slope, (g * np.minimum(z, 0)).sum(axes), (g * slope).sum(axes), g.sum(axes)]
    got = tape.gradient(loss, [at, layer.tau, layer.b0, layer.b1])
    for mine, right in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-4)


def test_int4_branches_round_clamp_and_meet_a_whole_threshold() -> None:
    from train.backend import tf
    from train.layers.int4 import STEP, Int4Add, to_int4

    z = np.linspace(-4, 4, 257, dtype=np.float32)
    q = to_int4(tf.constant(z)).numpy() / STEP
    wanted = np.clip(np.sign(z) * np.floor(np.abs(z / STEP) + 0.5), -8, 7)
    assert np.array_equal(q, wanted)
    assert {*q} == {*range(-8, 8)}
    layer = Int4Add()
    layer.build([(None, 1, 1, 40)] * 2)
    rng = np.random.default_rng(3)
    for variable, scale in ((layer.b0, 2.0), (layer.b1, 2.0)):
        variable.assign(rng.normal(0, scale, 40).astype(np.float32))
    sums = np.arange(-16, 15)
    one, two = np.minimum(sums + 8, 7), sums - np.minimum(sums + 8, 7)
    pair = [tf.constant(np.repeat(v * STEP, 40).reshape(31, 1, 1, 40), tf.float32)
            for v in (one, two)]  # fmt: skip
    bits = layer(pair).numpy().reshape(31, 40) > 0
    assert np.array_equal(bits, sums[:, None] >= layer.whole_threshold().numpy())


@pytest.mark.parametrize("kind", ["or", "mux", "mor"])
def test_logic_residuals_are_their_truth_tables_in_both_forms(kind: str) -> None:
    from train.backend import export_mode, tf
    from train.layers import LogicResidual

    a = np.tile([-1, -1, 1, 1], (2, 1)).T.reshape(4, 1, 1, 2).astype(np.float32)
    b = np.tile([-1, 1, -1, 1], (2, 1)).T.reshape(4, 1, 1, 2).astype(np.float32)
    layer = LogicResidual(kind)
    layer.build([a.shape, b.shape])
    if kind != "or":
        layer.gates.assign([1.0, -1.0])  # open, shut
    table = {"or": [np.maximum(a, b)] * 2, "mux": [b, a], "mor": [np.maximum(a, b), a]}[kind]
    wanted = np.stack([table[0][..., 0], table[1][..., 1]], -1)
    assert np.array_equal(layer([a, b]), wanted)
    with export_mode():
        assert np.array_equal(layer([a, b]), wanted)
    # a map has a gradient where it decides, and nowhere else
    ins = [tf.constant(a), tf.constant(b)]
    with tf.GradientTape() as tape:
        tape.watch(ins)
        total = tf.reduce_sum(layer(ins))
    flips = []
    for k in range(2):
        other = [a, b]
        other[k] = -other[k]
        flips.append(np.asarray(layer(other)) != wanted)
    for gradient, decides in zip(tape.gradient(total, ins), flips, strict=True):
        assert np.array_equal(gradient.numpy() != 0, decides)


@pytest.mark.parametrize("kind", ["exact", "int4", "compact"])
def test_a_mean_over_bits_is_one_in_both_forms(kind: str) -> None:
    """In export form a block gives what the next layer takes the sign of: the mean must take it."""
    from tests.networks import pictures
    from train.backend import export_mode, tf
    from train.models.backbone import Backbone
    from train.models.blocks import BiNeal, Compact

    block = Compact() if kind == "compact" else BiNeal(add=kind)
    net = Backbone(block, (6, 6, 1), widths=(32,), blocks=(1,), strides=(1,), planes=2, head="mean")
    model = net.build()
    shots = tf.constant(pictures(3, 4, (6, 6, 1)), tf.float32)
    wanted = model(shots).numpy()
    with export_mode():
        exported = net.build()
        exported.set_weights(model.get_weights())
        found = exported(shots).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert np.abs(wanted).max() > 0.01


def test_scales_of_xnor_net() -> None:
    from train.backend import tf
    from train.layers import InputScale, MeanKernel, RPReLU, RSign, SpatialScale

    rng = np.random.default_rng(4)
    x = rng.normal(0, 1, (1, 5, 6, 3)).astype(np.float32)
    k = InputScale(3, 2)(x).numpy()
    assert k.shape == (1, 3, 3, 1)
    # an even side is padded behind only, an odd one on both sides
    np.testing.assert_allclose(k[0, 1, 1, 0], np.abs(x[0, 1:4, 2:5]).mean(), rtol=1e-5)
    w = rng.normal(0, 1, (3, 3, 4, 2)).astype(np.float32)
    mean = np.abs(w).mean((0, 1, 2))
    np.testing.assert_allclose(MeanKernel()(w), np.sign(w) * mean, rtol=1e-5)
    gamma = SpatialScale(0.5)
    gamma.build(x.shape)
    gamma.b.assign(np.arange(5, dtype=np.float32).reshape(5, 1, 1))
    gamma.c.assign(np.arange(6, dtype=np.float32).reshape(6, 1))
    wanted = x * 0.5 * np.arange(5)[:, None, None] * np.arange(6)[:, None]
    np.testing.assert_allclose(gamma(x), wanted, rtol=1e-5)
    act, sign = RPReLU(), RSign()
    act.build(x.shape)
    sign.build(x.shape)
    act.gamma.assign([0.5, 0, -0.5])
    act.zeta.assign([1, 2, 3])
    sign.alpha.assign([0.5, 0, -0.5])
    z = x - np.array([0.5, 0, -0.5])
    bent = np.where(z > 0, z, 0.25 * z) + np.array([1, 2, 3])
    np.testing.assert_allclose(act(x), bent, rtol=1e-4, atol=1e-6)
    assert np.array_equal(sign(tf.constant(x)), np.where(z >= 0, 1, -1))


def small(**changed: Any) -> Any:
    from train.models.backbone import Backbone

    fields = {"input_shape": (12, 12, 1), "widths": (32, 64), "blocks": (1, 1), "strides": (1, 2),
              "planes": 4}  # fmt: skip
    return Backbone(**{**fields, **changed})


def every_block() -> list[Any]:
    from train.models.blocks import KINDS, XNOR, BiNeal, Compact

    more = [BiNeal(alpha=""), BiNeal("NCKK", False), BiNeal("N", add="int4", skip_kernel=3),
            XNOR("weights"), *(Compact(kind) for kind in ("or", "mux", "mor"))]  # fmt: skip
    return [*KINDS.values(), *more]


def test_every_weight_of_every_block_gets_a_gradient() -> None:
    from train.backend import tf

    x = np.random.default_rng(5).integers(0, 256, (6, 12, 12, 1)).astype(np.float32)
    dead = []
    nets = [small(block=block) for block in every_block()]
    for net in [*nets, small(stem="int8"), small().twin()]:
        model = net.build()
        with tf.GradientTape() as tape:
            chosen = tf.nn.softmax(model(x, training=True))[:, 0]
            # not a symmetric loss: batch norm would take its gradient away
            loss = tf.reduce_sum(chosen * [1.0, -2.0, 0.5, 3.0, -0.7, 0.2])
        gradients = tape.gradient(loss, model.trainable_variables)
        dead += [
            (net.block, v.name)
            for v, g in zip(model.trainable_variables, gradients, strict=True)
            if g is None or not np.abs(g.numpy()).max() > 0
        ]
    assert not dead


def test_bits_between_blocks_are_bits() -> None:
    """Those that promise ±1 give it; those with real skips do not."""
    from train.backend import keras

    x = np.random.default_rng(6).integers(0, 256, (2, 12, 12, 1)).astype(np.float32)
    image = keras.Input((12, 12, 1))
    for block, pool in itertools.product(every_block(), (False, True)):
        features = small(block=block, pool=pool).features(image)
        assert [f.stride for f in features] == [2, 4]
        assert [tuple(f.map.shape[1:]) for f in features] == [(6, 6, 32), (3, 3, 64)]
        outs = keras.Model(image, [f.map for f in features])(x, training=True)
        assert [set(np.unique(o)) <= {-1.0, 1.0} for o in outs] == [f.bits for f in features]
        assert all(f.bits == block.bits for f in features)


# norms of a block that one sign follows, and so begin shifted
SHIFTED = {"BiNeal": {"bn1"}, "Compact": {"bn1", "bn2", "bn3"}, "XNOR": {"bn1", "bn2"}}


def test_windows_and_shifts_reach_what_they_are_for() -> None:
    from train.layers import GradualSign
    from train.layers.encoders import BitPlanes
    from train.models.blocks import named

    nets = [small(block=block) for block in every_block()]
    for net in [*nets, small(stem="int8"), small(encoder=BitPlanes())]:
        model = replace(net, window=1.5, shift=0.75, pool=True).build()
        windows = {m.window for m in model.submodules if isinstance(m, GradualSign)}
        kind = type(named(net.block)).__name__
        assert windows == (set() if kind == "Real" else {1.5}), kind
        norms = {name: model.get_layer(name).beta.numpy()
                 for name in (layer.name for layer in model.layers) if "_bn" in name}  # fmt: skip
        shifted = {name for name, beta in norms.items() if set(np.abs(beta)) == {0.75}}
        block = {f"{place}_{norm}" for place in ("s1b1", "s2b1") for norm in SHIFTED.get(kind, ())}
        assert shifted == {"stem_bn", *block}, kind
        assert not any(norms[name].any() for name in set(norms) - shifted)


def test_pooling_takes_the_stride_s_place_at_its_cost() -> None:
    net = small()
    assert replace(net, pool=True).count().macs == net.count().macs
    names = [layer.name for layer in replace(net, pool=True).build().layers]
    assert "s2_pool" in names
    assert "s1_pool" not in names  # that stage has no stride


def test_pooled_sums_give_the_bits_of_pooled_bits_and_the_largest_learns() -> None:
    """The same network in numbers; only where several of four are set another of them learns."""
    from train.backend import keras, tf
    from train.models.blocks import BiNeal, Compact

    def astray(model: Any, place: str, name: str) -> int:
        """Gradients of sums at `place` that reach one that is not the largest of its 2x2."""
        after = keras.Model(model.get_layer(place).output, model.output)
        maps = (3, *after.input_shape[1:])
        u = tf.constant(np.random.default_rng(2).normal(0.2, 0.5, maps), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(u)
            loss = tf.reduce_sum(after(u) ** 2)
        slope = tape.gradient(loss, u).numpy()
        largest = np.repeat(np.repeat(tf.nn.max_pool2d(u, 2, 2, "SAME"), 2, 1), 2, 2)
        assert np.count_nonzero(slope), name
        return int(np.count_nonzero(slope[u.numpy() != largest]))

    for block in (BiNeal(), BiNeal("N", False, add="int4"), Compact(), Compact("mor")):
        net, name = small(block=block, pool=True), str(block)
        bits, sums = net.build(), replace(net, pool_sums=True).build()
        rng = np.random.default_rng(1)
        some = [w + rng.normal(0, 0.1, w.shape) for w in bits.get_weights()]
        pictures = rng.integers(0, 256, (4, *net.input_shape)).astype(np.float32)
        for model in (bits, sums):
            model.set_weights(some)
        assert np.array_equal(bits.predict(pictures, verbose=0), sums.predict(pictures, verbose=0))
        if block != Compact("mor"):  # whose logic has no sum
            place = "s1b1_add" if isinstance(block, BiNeal) else "s1b1_bn3"
            assert astray(sums, place, name) == 0
            assert astray(bits, place, name) > 0  # the control


def test_cost_is_counted_by_hand_and_grows_with_the_multiplier() -> None:
    net = small(widths=(8, 16))
    cost = net.count()
    stem, one, two = 9 * 4 * 8, 9 * 8 * 8 * 2 + 64, 9 * 8 * 16 + 9 * 16 * 16 + 8 * 16
    head = 2 * 9 * 16
    assert cost.weight_bits == stem + one + two + head
    assert cost.macs == 36 * (stem + one) + 9 * two + head
    wide = replace(net, multiplier=1.5)
    assert wide.channels() == (12, 24)
    assert wide.count().weight_bits > 2 * cost.weight_bits
    twin = net.twin().count()
    real = 9 * 8 + 9 * 8 * 8 * 2 + two + 2 * 16  # identity skip, real stem on one channel
    assert twin.weight_bits == 8 * real


@pytest.mark.parametrize("encoder", ["bayer", "bitplanes by 3"])
def test_a_twin_s_maps_have_the_sides_of_the_network_s(encoder: str) -> None:
    """Behind encoders that have a stride, at sides that do not divide evenly too."""
    from train.backend import keras
    from train.layers.encoders import Bayer, BitPlanes
    from train.models.binary import BinaryNet, Conv, build, float_twin

    made = Bayer() if encoder == "bayer" else BitPlanes(stride=3)
    shape = (18, 22, 1)
    net = small(input_shape=shape, encoder=made)
    image = keras.Input(shape)

    def sides(of: Any) -> list[tuple[int, Any]]:
        return [(f.stride, f.map.shape[1:3]) for f in of.features(image)]

    assert sides(net.twin()) == sides(net) == sides(replace(net.twin(), block="real"))
    assert net.twin().twin() == net.twin()
    plain = BinaryNet(shape, 4, (Conv(8, 3), Conv(8, 3, stride=2)), encoder=made)
    kernels = [model.layers[at].kernel.shape[:2] for model, at in
               ((build(plain), -3), (float_twin(plain), -2))]  # fmt: skip
    assert kernels[0] == kernels[1]


def test_wrong_descriptions_are_refused_with_a_remedy() -> None:
    from train.models.blocks import XNOR, BiNeal, Compact

    wrong: list[Any] = [
        lambda: BiNeal(alpha="CN"), lambda: BiNeal(add="int8"), lambda: BiNeal(skip_kernel=0),
        lambda: XNOR("mean"), lambda: Compact("xor"), lambda: Compact(group=16),
    ]  # fmt: skip
    for made in wrong:
        with pytest.raises(ModelError):
            made()
    for fields, words in (
        ({"block": "bineall"}, "no such block"),
        ({"stem": "gl"}, "no such stem"),
        ({"head": "dense"}, "no such head"),
        ({"blocks": (1,)}, "a stride for each stage"),
        ({"block": "reactnet", "stem": "int8"}, "8-bit stem"),
        ({"block": "compact", "widths": (24, 48)}, "do not divide into groups"),
        ({"block": "bireal", "widths": (32, 40)}, "do not fit"),
        ({"multiplier": 0.0}, "multiplier is above 0"),
        ({"multiplier": float("nan")}, "multiplier is above 0"),
        ({"strides": (0, 1)}, "at least 1"),
        ({"block": BiNeal}, "no such block"),  # the class, not a block
        ({"begin8": 8.0}, "would do nothing"),
        ({"pool_sums": True}, "would do nothing"),
        ({"stem": "int8", "begin8": 0.0}, "begin8"),
    ):
        with pytest.raises(ModelError, match=words):
            small(**fields).build()


def test_sums_are_rescaled_as_the_int8_kernels_do() -> None:
    """Against the whole-number arithmetic of TensorFlow Lite's reference kernels; the control
    rounds once, and differs now and then."""
    from convert.quantize import quantize_multiplier, rescale
    from train.backend import tf
    from train.layers.int8 import rescaled

    rng = np.random.default_rng(3)
    ratios = rng.uniform(0.0005, 0.02, 6)
    sums = rng.integers(-200_000, 200_000, (4000, 6))
    mantissa, power = np.frexp(ratios)
    multiplier = np.rint(mantissa * 2.0**31).astype(object)
    wide = sums.astype(object) * multiplier + np.where(sums >= 0, 1 << 30, 1 - (1 << 30))
    first = np.where(wide >= 0, wide // 2**31, -((-wide) // 2**31)).astype(np.int64)
    shift = -power
    rest = first & ((1 << shift) - 1)
    wanted = (first >> shift) + (rest > ((1 << shift) - 1 >> 1) + (first < 0))
    found = rescaled(tf.constant(sums, tf.float64), tf.constant(ratios, tf.float64)).numpy()
    assert np.array_equal(found, wanted)
    large = np.array([0.7, 1.1, 2.3, 9.1])
    whole = np.arange(-300, 300)[:, None] * np.ones(4, np.int64)
    exact = np.stack([rescale(whole[:, 0], *quantize_multiplier(r)) for r in large], 1)
    near = rescaled(tf.constant(whole, tf.float64), tf.constant(large, tf.float64)).numpy()
    off_tie = np.abs(np.abs(whole * large) % 1 - 0.5) > 1e-6
    assert np.array_equal(near[off_tie], exact[off_tie])
    once = np.rint(sums * ratios)
    assert 0 < (once != wanted).mean() < 0.02
