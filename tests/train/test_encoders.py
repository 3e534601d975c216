"""Input encoders: their bits against plain definitions, gradients, data they want, descriptions."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import DataError, ModelError
from tests.encoders import CASES, network
from tests.train.test_layers import all_bytes

pytestmark = pytest.mark.keras


def bits_of(encoder: Any, planes: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """±1 of the training form and of the export form."""
    from train.backend import export_mode, keras
    from train.layers.encoders import encode

    def form() -> np.ndarray:
        image = keras.Input(x.shape[1:])
        model = keras.Model(image, encode(image, encoder, planes)[0])
        return np.where(model(x).numpy() >= 0, 1, -1)

    trained = form()
    with export_mode():
        return trained, form()


@pytest.mark.parametrize("name", ["binary", "gray", "fracbnn", "dither", "linear", "bayer"])
def test_bits_are_as_defined(name: str) -> None:
    """Every byte, in both forms, against definitions written with whole numbers."""
    channels, planes = (1, 8) if name == "bayer" else (2, 8)
    x = all_bytes(channels)
    trained, exported = bits_of(name, planes, x)
    assert np.array_equal(trained, exported)
    k = x.astype(int)[0]  # [16, 16, C]
    m = np.arange(planes)
    if name == "binary":
        wanted = k[..., None] >> (7 - m) & 1
    elif name == "gray":
        wanted = (k ^ k >> 1)[..., None] >> (7 - m) & 1
    elif name == "fracbnn":  # j < round(8 k / 255); no ties, for 255 is odd
        wanted = 2 * 8 * k[..., None] > 255 * (2 * m + 1)
    elif name == "linear":
        wanted = 9 * k[..., None] >= 255 * (m + 1)
    elif name == "bayer":
        sites = k[..., 0].reshape(8, 2, 8, 2).transpose(0, 2, 1, 3).reshape(8, 8, 4)
        wanted = 9 * sites[..., None] >= 255 * (m + 1)
    else:
        bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
        place = np.tile(bayer, (4, 4))[:, :, None, None]
        # (r + 1/2) / 16 - 1/2 of a step of 255 / 9, to the nearest whole number; the middle
        # between two bytes is no byte
        offset = np.rint(255 / 9 * ((place + 0.5) / 16 - 0.5))
        wanted = k[..., None] - offset > np.floor(255 * (m + 1) / 9)
    wanted = np.where(wanted, 1, -1)
    shape = trained.shape[1:]
    assert np.array_equal(trained[0], wanted.reshape(shape))


def test_a_random_dither_is_a_fixed_permutation() -> None:
    from train.layers.encoders.dither import ordered, ranks

    assert sorted(ordered(8).ravel()) == list(range(64))
    one, same, other = (ranks("random", 4, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert sorted(one.ravel()) == list(range(16))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("surrogate", ["rect", "triangle", "sigmoid", "reste"])
def test_surrogates_have_the_area_of_the_jump(surrogate: str) -> None:
    """∫ g dx = 2, and g is even and falls from the threshold on."""
    from train.backend import tf
    from train.layers.encoders.surrogate import thermometer

    width, t = 50.0, tf.fill([256, 1], 127.5)  # a channel for each byte
    x = tf.reshape(tf.range(256.0), [1, 1, 1, 256])
    with tf.GradientTape() as tape:
        tape.watch(t)
        bits = thermometer(x, t, width, surrogate)
        loss = tf.reduce_sum(bits)
    assert np.array_equal(bits.numpy().ravel(), np.where(np.arange(256) >= 127.5, 1, -1))
    g = -tape.gradient(loss, t).numpy().ravel()
    assert np.sum(g) == pytest.approx(2.0, rel=0.02)
    np.testing.assert_allclose(g, g[::-1], atol=4e-7)
    assert (np.diff(g[128:]) <= 4e-8).all()
    # the control: beyond the window there is nothing, of the sigmoid 0.0011
    assert g[190] == pytest.approx(0.0, abs=0.0012)


@pytest.mark.parametrize("surrogate", ["rect", "triangle", "sigmoid", "reste"])
def test_a_thermometer_is_a_comparison_of_every_pixel(surrogate: str) -> None:
    """Bits and gradient of looking up against those of the definition, in float64."""
    from train.backend import tf
    from train.layers.encoders.surrogate import slope, thermometer

    rng = np.random.default_rng(3)
    x = rng.integers(0, 256, (2, 5, 7, 3)).astype(np.float32)
    t = np.sort(rng.uniform(0, 255, (3, 4)).astype(np.float32), axis=1)
    dy = rng.standard_normal((2, 5, 7, 3, 4)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(thresholds := tf.constant(t))
        bits = thermometer(tf.constant(x), thresholds, 30.0, surrogate)
    assert np.array_equal(bits, np.where(x[..., None] >= t, 1, -1))
    found = tape.gradient(bits, thresholds, output_gradients=tf.constant(dy))
    distance = tf.constant(np.abs(x[..., None].astype(np.float64) - t))
    each = slope(distance, 30.0, surrogate, tf.constant(dy, tf.float64)).numpy() / 30.0
    np.testing.assert_allclose(found, -each.sum((0, 1, 2)), rtol=1e-4, atol=1e-5)


def test_quantiles_of_the_data_fill_the_planes_evenly() -> None:
    from train.backend import keras
    from train.layers.encoders import Bayer, Glt, calibrate, encode

    rng = np.random.default_rng(0)
    pictures = np.clip(rng.gamma(2.0, 20.0, (40, 8, 8, 1)), 0, 255).astype(np.uint8)
    pictures[:, ::2, ::2] //= 4  # one site of the mosaic is darker
    for encoder in (Glt(learned=False, initial="quantile"), Bayer(Glt(initial="quantile"))):
        image = keras.Input((8, 8, 1))
        bits, _ = encode(image, encoder, 4)
        model = keras.Model(image, bits)
        before = (model(pictures.astype(np.float32)).numpy() > 0).mean((0, 1, 2))
        calibrate(model, pictures)
        share = (model(pictures.astype(np.float32)).numpy() > 0).mean((0, 1, 2)).reshape(-1, 4)
        np.testing.assert_allclose(share, np.tile([0.8, 0.6, 0.4, 0.2], (len(share), 1)), atol=0.06)
        assert np.abs(before.reshape(-1, 4) - share).max() > 0.2


def test_bit_planes_are_a_sum_of_bytes() -> None:
    """2^j weighted binary convolutions against the sum of XORed bytes that the device computes."""
    from train.layers.encoders import BitPlaneDepthwise

    layer = BitPlaneDepthwise(3, 3, 2)
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (2, 7, 8, 2))
    y = layer(x.astype(np.float32)).numpy()
    layer.kernel.assign(rng.normal(0, 0.5, layer.kernel.shape))
    y = layer(x.astype(np.float32)).numpy()
    negative = layer.kernel.numpy() < 0  # [3, 3, 8, C·D], plane 0 is bit 7
    masks = (negative << np.arange(7, -1, -1)[:, None]).sum(2)  # [3, 3, C·D]
    around = np.pad(x, [(0, 0), (1, 1), (0, 1), (0, 0)], constant_values=255)
    wanted = np.zeros((2, 4, 4, 6))
    for row in range(3):
        for column in range(3):
            part = around[:, row : row + 7 : 2, column : column + 7 : 2]
            for o in range(6):
                wanted[..., o] += 2 * (part[..., o // 3] ^ masks[row, column, o]) - 255
    np.testing.assert_allclose(y, wanted / 128, rtol=0, atol=1e-3)


def test_every_encoder_trains() -> None:
    """A step moves every variable, and the description of each network survives recipe.json."""
    from train.backend import tf
    from train.models.binary import build
    from train.netrecord import net_record, recorded_net

    rng = np.random.default_rng(2)
    for name in CASES:
        net = network(name)
        again = recorded_net(json.loads(json.dumps({"name": "x", "net": net_record(net)})))
        assert again == net, name
        model = build(net)
        x = rng.integers(0, 256, (6, *net.input_shape)).astype(np.float32)
        with tf.GradientTape() as tape:
            out = tf.nn.softmax(model(x, training=True))[:, 0]
            loss = tf.reduce_sum(out * np.array([1, -2, 0.5, 3, -1, 0.25]))
        for v, g in zip(
            model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
        ):
            assert g is not None and np.abs(g.numpy()).max() > 0, (name, v.name)  # noqa: PT018


def test_costs_count_weights_of_bit_planes_and_no_thresholds() -> None:
    from train.layers.encoders import Bayer, BitPlanes
    from train.models.binary import BinaryNet, Conv, build, count
    from train.models.counting import count_model

    plain = BinaryNet((16, 16, 1), 8, (Conv(32, 3),))
    cost = count(plain)
    assert cost.weight_bits == 32 * 9 * 8 + 2 * 256 * 32
    planes = count(replace(plain, encoder=BitPlanes()))
    assert planes.rows[0] == ("encoder", (16, 16, 8), 256 * 8 * 72, 8 * 72)
    assert planes.weight_bits == cost.weight_bits + 8 * 72
    assert count(replace(plain, encoder=Bayer())).rows[0][1] == (8, 8, 32)
    # a built network is counted layer by layer, its encoder too: backbones know no other way
    for net in (
        plain,
        replace(plain, encoder=BitPlanes(stride=2)),
        replace(plain, encoder=Bayer()),
    ):
        built, told = count_model(build(net)), count(net)
        assert (built.macs, built.weight_bits) == (told.macs, told.weight_bits)


def test_what_cannot_be_is_a_message() -> None:
    from train.layers.encoders import BitPlanes, Code, Dithered, Frac, Glt
    from train.models.binary import BinaryNet, Conv, build

    def net(shape: tuple[int, int, int], planes: int, encoder: Any) -> Any:
        return build(BinaryNet(shape, planes, (Conv(32, 3),), encoder=encoder))

    for shape, planes, encoder, word in (
        ((8, 8, 1), 8, "gld", "did you mean glt"),
        ((8, 8, 1), 9, Code(), "eight bits"),
        ((8, 8, 1), 8, Frac(8.0), "32 planes"),
        ((8, 10, 1), 4, "dither", "multiple of the tile"),
        ((8, 8, 3), 4, "bayer", "raw mosaic"),
        ((7, 8, 1), 4, "bayer", "even sides"),
        ((8, 8, 1), 0, "glt", "planes of at least 1"),
        ((8, 8, 1), 4, Glt(window=0.0), "window above 0"),
        ((8, 8, 1), 4, Glt(surrogate="soft"), "triangle"),
        ((8, 8, 1), 0, "dither", "planes of at least 1"),
        ((8, 8, 1), 4, Dithered(amplitude=float("nan")), "amplitude=nan"),
        ((8, 8, 3), 26, Dithered(tile=8), "4992 thresholds"),
        ((8, 8, 1), 0, "fracbnn", "found: 0 planes"),
        ((8, 8, 1), 4, Frac(0.0), "between 0.1 and 510"),
        ((8, 8, 1), 4, BitPlanes(stride=0), "of at least 1"),
        ((8, 8, 1), 4, 3, "no such input encoder"),
    ):
        with pytest.raises(ModelError) as caught:
            net(shape, planes, encoder)
        assert word in str(caught.value)


class Own:
    """An encoder of another file: what the protocol asks for and nothing more."""

    stride = 1

    def apply(self, x: Any, planes: int, shared: bool) -> tuple[Any, bool]:
        from train.layers.encoders import encode

        return encode(x, "linear", planes)

    def shape(self, picture: tuple[int, int, int], planes: int) -> tuple[int, int, int]:
        return (*picture[:2], picture[2] * planes)

    def cost(self, picture: tuple[int, int, int], planes: int) -> tuple[int, int]:
        return 0, 0


class Counting(Own):
    thermometer = True


def test_an_encoder_of_another_file_need_not_say_that_it_counts() -> None:
    from train.layers.encoders import Bayer
    from train.models.binary import BinaryNet, Conv, build

    net = BinaryNet((8, 8, 1), 4, (Conv(32, 3),), encoder=Own())
    assert build(net).output_shape == (None, 2)
    assert build(replace(net, encoder=Bayer(Own()))).output_shape == (None, 2)
    for encoder in (Own(), Bayer(Own())):
        with pytest.raises(ModelError, match="is a thermometer") as caught:
            replace(net, encoder=encoder, dithered=True)
        assert "thermometer = True" in str(caught.value)
    for encoder in (Counting(), Bayer(Counting())):
        assert build(replace(net, encoder=encoder, dithered=True)).output_shape == (None, 2)


def test_the_recipes_compare_what_is_comparable() -> None:
    """Equal planes, and weights that differ by the bit planes' own filters alone."""
    from train import recipes
    from train.evaluate import cost
    from train.recipes.encoders import ENCODERS, ROBUST

    found = {name: recipes.get(f"encoders-{name}") for name in ENCODERS}
    assert {r.net.planes for r in found.values()} == {8}  # type: ignore[union-attr]
    sizes = {name: cost(r).weight_bits for name, r in found.items()}  # type: ignore[union-attr]
    assert sizes.pop("bitplanes") - sizes["glt"] == 8 * 72
    assert len(set(sizes.values())) == 1
    for name in ROBUST:
        metered = recipes.get(f"encoders-{name}-metered")
        exposed = recipes.get(f"encoders-{name}-exposed")
        assert metered.data_options["ev"] == 0.0
        assert "ev" not in exposed.data_options
        assert exposed.data_options["even"]
        assert metered.data_options["gamma"] == exposed.data_options["gamma"] == 1.0
        assert metered.net == exposed.net == recipes.get(f"encoders-{name}").net


def test_the_tone_curve_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.backend import keras
    from train.layers.encoders import encode
    from train.tone import COLOURS, curves, draw

    image = keras.Input((4, 4, 1))
    model = keras.Model(image, encode(image, "glt", 8)[0])
    model.layers[-1].set_thresholds([[0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8]])
    found = curves(model, "run")
    (codes,) = found.values()
    assert codes[0] == 0
    assert codes[-1] == 8
    assert (np.diff(codes) >= 0).all()
    assert codes[60] > 8 * 60 / 255  # bent like a gamma
    for name in ("a.svg", "b.svg", "c.png"):
        draw(found, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert b"gamma" in (tmp_path / "a.svg").read_bytes()
    # two mosaics have more curves than there are colours
    draw({f"channel {k}": codes for k in range(8)}, tmp_path / "many.svg")
    drawn = (tmp_path / "many.svg").read_text()
    styles = re.findall(r'style="(fill: none;[^"]*stroke: #[^"]*)"', drawn)
    assert len({style for style in styles if any(c in style for c in COLOURS)}) == 8
    with pytest.raises(DataError):
        draw(found, tmp_path / "d.gif")
    with pytest.raises(DataError, match="no thermometer"):
        curves(keras.Model(image, encode(image, "binary", 8)[0]), "run")
    # two runs of one recipe and seed are two curves; a wrong name is told before networks are built
    from train import compare
    from train.tone import main, of_runs

    monkeypatch.setattr(compare, "restored", lambda *_: model)
    runs = [tmp_path / name for name in ("one", "two", "other")]
    for k, run in enumerate(runs):
        run.mkdir()
        (run / "recipe.json").write_text(json.dumps({"name": "a", "seed": k // 2}))
    names = list(of_runs(runs))
    assert names == [f"a, seed 0 ({runs[0]})", f"a, seed 0 ({runs[1]})", "a, seed 1"]
    monkeypatch.delattr(compare, "restored")
    assert main([str(runs[0]), "--out", str(tmp_path / "d.gif")]) == 2
