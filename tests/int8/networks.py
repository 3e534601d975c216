"""Whole networks in Keras, quantized to int8 by TFLite's own converter with random data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from train.backend import keras, tf


def _conv(x: Any, n: int, k: Any, s: Any = 1, relu: bool = True) -> Any:
    layers = keras.layers
    x = layers.BatchNormalization()(layers.Conv2D(n, k, strides=s, padding="same")(x))
    return layers.ReLU()(x) if relu else x


def ds_cnn() -> Any:
    """The keyword spotter of MLPerf Tiny, on 49x10 coefficients."""
    layers = keras.layers
    image = keras.Input((49, 10, 1), 1, name="coefficients")
    x = _conv(image, 64, (10, 4), (2, 2))
    for _ in range(2):
        x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x))
        x = _conv(layers.ReLU()(x), 64, 1)
    x = layers.Flatten()(layers.AveragePooling2D((25, 5))(x))
    return keras.Model(image, layers.Dense(12, activation="softmax", name="words")(x))


def many_ports() -> Any:
    """Two inputs and three outputs: a U-shaped head with a sigmoid, a resized map, a vector."""
    layers = keras.layers
    left = keras.Input((12, 12, 4), 1, name="left")
    right = keras.Input((12, 12, 4), 1, name="right")
    x = layers.Concatenate()([_conv(left, 8, 3), _conv(right, 8, 1)])
    deep = layers.MaxPool2D(2)(_conv(x, 16, 3))
    up = layers.UpSampling2D(2, interpolation="bilinear")(deep)
    up = layers.Conv2DTranspose(6, 3, padding="same")(layers.Concatenate()([up, x]))
    mask = layers.Conv2D(1, 1, activation="sigmoid", name="mask")(layers.LeakyReLU()(up))
    blocks = layers.UpSampling2D((3, 2), name="blocks")(_conv(deep, 5, 1))
    mean = layers.GlobalAveragePooling2D()(deep * tf.nn.tanh(deep))
    scores = layers.Dense(5, name="scores")(mean)
    return keras.Model([left, right], {"mask": mask, "blocks": blocks, "scores": scores})


def quantized(model: Any, seed: int = 0, per_tensor: bool = False, io: str = "int8") -> bytes:
    """The int8 flatbuffer; weights and statistics are random but reasonable."""
    rng = np.random.default_rng(seed)
    pairs = zip(model.get_weights(), model.weights, strict=True)
    model.set_weights([_disturbed(rng, w, v.name) for w, v in pairs])
    shapes = [tuple(i.shape) for i in model.inputs]

    def representative() -> Any:
        for _ in range(8):
            yield [rng.normal(0, 1, shape).astype(np.float32) for shape in shapes]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    kind = tf.dtypes.as_dtype(io)
    converter.inference_input_type = converter.inference_output_type = kind
    converter._experimental_disable_per_channel = per_tensor
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that statistics come from the data instead
        return bytes(converter.convert())


def _disturbed(rng: Any, w: Any, name: str) -> Any:
    if "variance" in name:
        return rng.uniform(0.5, 2, w.shape)
    if "gamma" in name:
        return rng.uniform(0.5, 1.5, w.shape)
    if "kernel" in name:
        return w
    return rng.normal(0, 0.3, w.shape)
