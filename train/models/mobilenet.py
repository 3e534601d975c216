"""MobileNetV1 (arXiv 1704.04861), the int8 reference of MLPerf Tiny's person detection."""

from __future__ import annotations

from typing import Any

from train.backend import keras

# (output channels at width 1, stride of the depthwise convolution)
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *(((512, 1),) * 5),
          (1024, 2), (1024, 1))  # fmt: skip


def mobilenet_v1(input_shape: tuple[int, int, int], width: float = 0.25, classes: int = 2) -> Any:
    """float32 [N, H, W, C] raw pixels 0..255 -> logits [N, classes]."""
    layers = keras.layers
    x = image = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    x = layers.Conv2D(int(32 * width), 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    for channels, stride in BLOCKS:
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.Conv2D(int(channels * width), 1, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(classes, name="logits")(x))
