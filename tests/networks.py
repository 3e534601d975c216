"""Random small networks, trained a step in Larq and converted: models nobody has looked at.

Everything is seeded. TensorFlow is imported when a function is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.ir import Array

if TYPE_CHECKING:
    from convert.from_keras import Converted
    from train.models.binary import BinaryNet


@dataclass(frozen=True)
class Network:
    """A converted network with pictures to run.

    Attributes:
        net: its description.
        converted: the checked flatbuffer (`converted.content`) and what Keras and LCE agreed on.
        pictures: uint8 [N, H, W, C]: noise, ramps, all 0 and all 255.
    """

    net: BinaryNet
    converted: Converted
    pictures: Array


def random_net(seed: int) -> BinaryNet:
    """Thermometer, convolutions, a pooling, a grouped convolution, a shuffle, a pooling head."""
    from train.models.binary import BinaryNet, Conv, Pool, Shuffle

    rng = np.random.default_rng([seed, 0xE7])
    groups = int(rng.choice([2, 4]))
    wide = 32 * groups
    layers = (
        Conv(int(rng.choice([8, 24, 33])), 3, stride=int(rng.choice([1, 2]))),
        Conv(wide, int(rng.choice([1, 3])), stride=1),
        Pool(),
        Conv(wide, 3, groups=groups),
        Shuffle(groups),
        Conv(2 * wide, int(rng.choice([1, 2, 3])), groups=groups),
        Pool(),
        Conv(int(rng.choice([16, 40])), 1),
    )
    side = int(rng.choice([16, 18, 20]))
    channels = int(rng.choice([1, 3]))
    shape, planes = (side, side + 2, channels), int(rng.choice([5, 8, 12]))
    window, shift = float(rng.choice([0.75, 1.5])), float(rng.choice([0.0, 1.0]))
    return BinaryNet(shape, planes, layers, window=window, shift=shift)


def pictures(seed: int, count: int, shape: tuple[int, int, int]) -> Array:
    """uint8 [count, *shape]: all 0, all 255, a ramp, then noise of all kinds of contrast."""
    rng = np.random.default_rng([seed, 0xF1])
    rows = [np.zeros(shape), np.full(shape, 255), np.arange(np.prod(shape)).reshape(shape) % 256]
    while len(rows) < count:
        middle, width = rng.uniform(0, 255), rng.uniform(2, 255)
        rows.append(np.clip(rng.normal(middle, width, shape), 0, 255))
    return np.stack(rows[:count]).astype(np.uint8)


def trained_weights(net: BinaryNet, seed: int) -> list[Array]:
    """Weights after one training step on noise with random labels; every one of them has moved."""
    from train.backend import keras, seed_everything, tf
    from train.models.binary import build

    seed_everything(seed)
    model = build(net)
    rng = np.random.default_rng([seed, 0x7A])
    x = tf.constant(pictures(seed + 1, 32, net.input_shape), tf.float32)
    y = tf.one_hot(rng.integers(0, net.classes, 32), net.classes)
    optimizer = keras.optimizers.legacy.Adam(0.05)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(
            keras.losses.categorical_crossentropy(y, model(x, training=True), from_logits=True)
        )
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    for layer in model.layers:  # moments of these pictures, and factors of both signs
        if isinstance(layer, keras.layers.BatchNormalization):
            values = layer.get_weights()
            values[0] = rng.normal(0.5, 1.0, values[0].shape)
            values[1] = rng.normal(0.0, 0.5, values[1].shape)
            layer.set_weights(values)
    model(x, training=True)
    return [np.asarray(w) for w in model.get_weights()]


def make(seed: int, count: int = 24, net: BinaryNet | None = None) -> Network:
    """Build, train a step, convert with every check."""
    from convert.from_keras import convert_keras
    from convert.pixels import Scaling
    from train.backend import AsTrained, export_mode
    from train.models.binary import build

    net = random_net(seed) if net is None else net
    weights = trained_weights(net, seed)
    shots = pictures(seed, count, net.input_shape)
    reference = build(net)
    reference.set_weights(weights)
    with export_mode():
        model: Any = build(net)
        model.set_weights(weights)
        converted = convert_keras(
            model,
            labels=["no", "yes"],
            scaling=Scaling(1.0, 0.0),
            pictures=shots,
            trained=AsTrained(reference),
        )
    return Network(net, converted, shots)
