"""Layers: thresholds, two forms with the same numbers, gradients that arrive."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convert.errors import ModelError

pytestmark = pytest.mark.keras


def all_bytes(channels: int) -> np.ndarray:
    """[1, 16, 16, C]: every byte value once in each channel, in different orders."""
    rng = np.random.default_rng(1)
    planes = [rng.permutation(256).reshape(16, 16) for _ in range(channels)]
    return np.stack(planes, -1)[None].astype(np.float32)


def glt(latents: np.ndarray, **kwargs: Any) -> Any:
    from train.layers import GLT

    layer = GLT(latents.shape[1] - 1, **kwargs)
    layer.build((None, 16, 16, 3))
    layer.latents.assign(latents)
    return layer


@pytest.mark.parametrize("scale", [0.0, 1.0, 8.0, 40.0, -300.0])
@pytest.mark.parametrize("shared", [False, True])
def test_thresholds_ascend_within_the_range_whatever_the_latents(
    scale: float, shared: bool
) -> None:
    rng = np.random.default_rng(2)
    latents = scale * rng.standard_normal((1 if shared else 3, 9)).astype(np.float32)
    if scale < 0:  # all of a channel's softplus are zero in float32
        latents = scale - np.abs(latents)
    layer = glt(latents, shared=shared)
    t = layer.thresholds().numpy()
    assert t.shape == (3, 8)
    assert (t > 0).all()
    assert (t < 1).all()
    assert (np.diff(t) > 0).all()
    if scale == 0:
        np.testing.assert_allclose(t, np.tile(np.arange(1, 9) / 9, (3, 1)), rtol=1e-5)


def test_export_form_has_the_training_forms_bits_for_every_byte() -> None:
    from train.backend import export_mode

    rng = np.random.default_rng(3)
    layer = glt(2 * rng.standard_normal((3, 9)).astype(np.float32))
    x = all_bytes(3)
    trained = layer(x).numpy()
    with export_mode():
        exported = np.where(layer(x).numpy() >= 0, 1.0, -1.0)
    assert set(np.unique(trained)) == {-1.0, 1.0}
    assert np.array_equal(trained, exported)
    # and it is a thermometer of the same tone curve
    counts = (trained.reshape(256, 3, 8) > 0).sum(-1)
    curve = layer.tone_curve()
    for c in range(3):
        assert np.array_equal(counts[:, c], curve[c][x.reshape(256, 3)[:, c].astype(int)])


def test_thresholds_can_be_set() -> None:
    layer = glt(np.zeros((3, 5), np.float32))
    wanted = np.array([[0.1, 0.2, 0.5, 0.9], [0.2, 0.4, 0.6, 0.8], [0.05, 0.5, 0.7, 0.75]])
    layer.set_thresholds(wanted)
    np.testing.assert_allclose(layer.thresholds().numpy(), wanted, atol=0.02)
    with pytest.raises(ValueError, match="ascend"):
        layer.set_thresholds(wanted[:, ::-1])


def test_thresholds_move_towards_where_they_help() -> None:
    """Grey 100 and 140 can only be told apart by a threshold between them."""
    from train.backend import keras, tf
    from train.layers import GLT

    layer = GLT(1)
    layer.build((None, 1, 1, 1))
    layer.set_thresholds([[0.3]])
    x = np.array([100, 140] * 8, np.float32).reshape(16, 1, 1, 1)
    y = np.array([-1, 1] * 8, np.float32)
    optimizer = keras.optimizers.legacy.Adam(0.05)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((tf.reshape(layer(x), [-1]) - y) ** 2)
        optimizer.apply_gradients([(tape.gradient(loss, layer.latents), layer.latents)])
    assert 100 < 255 * layer.thresholds().numpy()[0, 0] < 140


@pytest.mark.parametrize("name", ["faces-wake", "scenes-wake"])
def test_every_weight_of_the_recipes_networks_gets_a_gradient(name: str) -> None:
    """A sign of a sign has none: that would freeze all layers before a shuffle."""
    from train import recipes
    from train.backend import tf
    from train.evaluate import build_model

    model = build_model(recipes.get(name))
    rng = np.random.default_rng(4)
    x = rng.integers(0, 256, (4, *model.input_shape[1:])).astype(np.float32)
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        # not a symmetric loss: batch norm would take its gradient away
        loss = tf.reduce_sum(tf.nn.softmax(logits)[:, 0] * np.array([1.0, -2.0, 0.5, 3.0]))
    gradients = tape.gradient(loss, model.trainable_variables)
    dead = [
        v.name
        for v, g in zip(model.trainable_variables, gradients, strict=True)
        if g is None or not np.abs(g.numpy()).max() > 0
    ]
    assert not dead


def test_a_second_sign_would_cut_the_gradient_off() -> None:
    """The control of the test above."""
    from train.backend import larq, tf
    from train.layers import AlreadyBits, ChannelShuffle

    x = tf.constant(np.random.default_rng(5).uniform(-0.9, 0.9, (1, 2, 2, 64)), tf.float32)
    shuffle = ChannelShuffle(2)
    for quantizer, arrives in ((larq.quantizers.ApproxSign(), False), (AlreadyBits(), True)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(quantizer(shuffle(x)))
        assert bool(np.abs(tape.gradient(loss, x).numpy()).max() > 0) is arrives


def test_shuffle_interleaves_groups() -> None:
    from train.layers import ChannelShuffle

    x = np.where(np.arange(8) < 4, 1.0, -1.0).astype(np.float32).reshape(1, 1, 1, 8)
    assert ChannelShuffle(2)(x).numpy().ravel().tolist() == [1, -1] * 4
    with pytest.raises(ValueError, match="groups"):
        ChannelShuffle(3)(x)


def test_a_float_twin_mixes_groups_as_its_network_does() -> None:
    from train.backend import tf
    from train.models.binary import BinaryNet, Conv, Shuffle, float_twin

    model = float_twin(BinaryNet((1, 1, 64), 1, (Shuffle(2), Conv(64, 1, groups=2)), classes=2))
    parts = type(model)(model.input, next(la for la in model.layers if "split" in la.name).output)
    x = tf.constant(np.arange(64, dtype=np.float32).reshape(1, 1, 1, 64))
    ones, others = (255 * part.numpy().ravel() for part in parts(x))
    wanted = np.arange(64).reshape(2, 32).T.ravel()
    assert np.rint(np.concatenate([ones, others])).tolist() == wanted.tolist()


@pytest.mark.parametrize(("channels", "groups"), [(48, 2), (64, 4), (16, 2)])
def test_groups_that_would_stay_in_floating_point_are_refused(channels: int, groups: int) -> None:
    from train.models.binary import BinaryNet, Conv, build

    net = BinaryNet((8, 8, 1), 4, (Conv(channels, 3), Conv(64, 3, groups=groups)))
    with pytest.raises(ModelError) as caught:
        build(net)
    assert "multiple of 32" in str(caught.value)
    assert "bconv2" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("BinaryNet((8, 8, 1), 4, (Conv(64, 3), Shuffle(3)))", "found: 64 channels"),
        ("BinaryNet((8, 8, 1), 4, (Conv(64, 3), Shuffle(0)))", "at least one group"),
        ("BinaryNet((8, 8, 1), 4, (Conv(64, 3), Conv(33, 3, groups=2)))", "multiple of the groups"),
        ("BinaryNet((8, 5, 1), 4, (Conv(8, 3), Pool(), Pool(), Pool()))", "found: 2x1 pixels"),
        ("BinaryNet((8, 0, 1), 4, (Conv(8, 3),))", "pictures (8, 0, 1)"),
        ("BinaryNet((8, 8, 1), 4, (Conv(8, 3),), classes=0)", "0 classes"),
    ],
)
def test_networks_that_cannot_be_are_a_message(text: str, words: str) -> None:
    """A mistake in a recipe of one's own is no mistake of BitWake."""
    from train.models import binary

    for made in (binary.count, binary.build):
        with pytest.raises(ModelError) as caught:
            made(eval(text, vars(binary)))
        assert words in str(caught.value)
        assert caught.value.remedy


def test_layers_without_a_convolution_between_them_have_names_of_their_own() -> None:
    from train.models.binary import BinaryNet, Conv, Pool, Shuffle, build

    layers = (Conv(64, 1), Pool(), Pool(), Shuffle(2), Shuffle(4), Conv(8, 1))
    names = [layer.name for layer in build(BinaryNet((8, 8, 1), 4, layers)).layers]
    assert [n for n in names if n.startswith(("pool", "shuffle"))] == [
        "pool1", "pool1_2", "shuffle1", "shuffle1_2",
    ]  # fmt: skip


def test_training_and_export_forms_give_the_same_logits(tiny_recipe: Any) -> None:
    from train.backend import export_mode
    from train.evaluate import build_model

    rng = np.random.default_rng(6)
    trained = build_model(tiny_recipe)
    weights = [w + 0.2 * rng.standard_normal(w.shape) for w in trained.get_weights()]
    weights = [np.abs(w) if "variance" in v.name else w
               for w, v in zip(weights, trained.weights, strict=True)]  # fmt: skip
    trained.set_weights(weights)
    x = rng.integers(0, 256, (5, 16, 16, 1)).astype(np.float32)
    with export_mode():
        exported = build_model(tiny_recipe)
        exported.set_weights(weights)
        theirs = exported(x, training=False).numpy()
    ours = trained(x, training=False).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert ours.std(0).max() > 0  # different pictures, different answers


def test_cost_is_counted_by_hand() -> None:
    from train.models.binary import BinaryNet, Conv, Pool, Shuffle, count

    net = BinaryNet(
        (8, 8, 1), 4, (Conv(64, 3, stride=2), Shuffle(2), Conv(64, 1, groups=2), Pool())
    )
    cost = count(net)
    first, second, head = 64 * 9 * 4, 64 * 32, 2 * 2 * 2 * 64
    assert cost.weight_bits == first + second + head
    assert cost.macs == 16 * first + 16 * second + head


def test_signs_harden_from_real_values_to_bits() -> None:
    from train.backend import export_mode, tf
    from train.layers import GradualKernel, GradualSign
    from train.layers.gradual import forms, hardness

    x = tf.constant([[-1.7, -0.4, 0.0, 0.2, 3.0]])
    signs = [[-1, -1, 1, 1, 1]]
    activation, kernel = GradualSign(), GradualKernel()
    hardness().assign(0.0)
    try:
        assert activation(x).numpy().tolist() == signs  # nothing asked for the soft form
        with forms("soft", "soft"):
            np.testing.assert_allclose(activation(x), [[-1, -0.4, 0, 0.2, 1]], rtol=1e-6)
            np.testing.assert_allclose(np.abs(kernel(tf.transpose(x))).mean(), 1.0, rtol=1e-4)
            with export_mode():
                assert activation(x).numpy().tolist() == signs
                assert kernel(x).numpy().tolist() == signs
            hardness().assign(1.0)
            assert activation(x).numpy().tolist() == signs
            assert kernel(tf.transpose(x)).numpy().ravel().tolist() == signs[0]
    finally:
        hardness().assign(1.0)


@pytest.mark.parametrize("window", [0.5, 1.0, 1.5])
def test_a_sign_passes_gradients_within_its_window(window: float) -> None:
    from train.backend import tf
    from train.layers import ChannelShuffle, GradualSign

    x = tf.constant(np.linspace(-3.0, 3.0, 48, dtype=np.float32)[None])
    ratio = np.abs(x.numpy()) / window
    expected = np.where(ratio < 1, (2 - 2 * ratio) / window, 0.0)
    for layer in (GradualSign(window), ChannelShuffle(1, window=window)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            bits = layer(x)
        assert np.array_equal(bits, np.where(x.numpy() < 0, -1, 1))
        np.testing.assert_allclose(tape.gradient(bits, x), expected, rtol=1e-5, atol=1e-6)
        again = type(layer).from_config(layer.get_config())
        assert getattr(again, "sign", again).window == window


def test_what_a_sign_or_a_shift_cannot_be_is_refused() -> None:
    from train.models.binary import BinaryNet, Conv

    for fields in ({"window": 0.0}, {"window": float("nan")}, {"shift": float("inf")}):
        with pytest.raises(ModelError, match="window is above 0"):
            BinaryNet((8, 8, 1), 2, (Conv(8),), **fields)


def test_shifts_begin_at_both_sides_and_the_head_s_at_none() -> None:
    from train.models.binary import BinaryNet, Conv, build

    model = build(BinaryNet((8, 8, 1), 2, (Conv(5), Conv(8)), shift=0.75))
    first, second, head = (model.get_layer(n).beta.numpy() for n in ("bn1", "bn2", "head_bn"))
    assert first.tolist() == [-0.75, 0.75, -0.75, 0.75, -0.75]
    assert second.tolist() == [-0.75, 0.75] * 4
    assert not head.any()
