"""The twin with real weights: ResNet's basic block, for float32 and, quantized, for int8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from train.backend import keras
from train.models.blocks.flow import Flow, norm


def conv(x: Any, channels: int, kernel: int, name: str, stride: int = 1) -> Any:
    """Real convolution, SAME, without bias."""
    return keras.layers.Conv2D(
        channels, kernel, strides=stride, padding="same", use_bias=False, name=name
    )(x)


def relu(x: Any, name: str) -> Any:
    return keras.layers.ReLU(name=name)(x)


@dataclass(frozen=True)
class Real:
    """3x3 (stride) → norm → ReLU → 3x3 → norm, plus the input (by 1x1 convolution where the shape
    changes), ReLU (arXiv 1512.03385)."""

    bits = False

    def enter(self, x: Flow, name: str) -> Flow:
        return x.then(relu(x.map, name), bits=False)

    def __call__(self, x: Flow, channels: int, stride: int, name: str) -> Flow:
        a = norm(conv(x.map, channels, 3, f"{name}_conv1", stride), f"{name}_bn1")
        a = conv(relu(a, f"{name}_relu1"), channels, 3, f"{name}_conv2")
        skip = x.map
        if stride > 1 or x.channels != channels:
            skip = norm(conv(skip, channels, 1, f"{name}_skip", stride), f"{name}_bn_skip")
        total = keras.layers.Add(name=f"{name}_add")([norm(a, f"{name}_bn2"), skip])
        return x.then(relu(total, f"{name}_relu2"), bits=False)
