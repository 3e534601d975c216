"""A convolution in eight bits at either end of a network of binary blocks."""

from __future__ import annotations

from typing import Any

from train.backend import keras
from train.layers import Int8Bits, Int8Conv2D, Int8Norm, Int8Range
from train.models.blocks.flow import BN_MOMENTUM, Flow

Bounds = tuple[float, float]  # real values of -128 and 127
BYTES: Bounds = (0.0, 255.0)  # int8 of scale 1


def step(bounds: Bounds) -> float:
    """What one unit of int8 is worth in a range."""
    return (bounds[1] - bounds[0]) / 255


def byte_map(image: Any, name: str = "bytes") -> Any:
    """A picture's grey levels, 0 … 255, as int8 of scale 1."""
    return Int8Range(*BYTES, name=name)(image)


def bit_map(x: Flow, name: str) -> Any:
    """A block's bits as int8 of scale 1."""
    return Int8Bits(name=name)(x.map)


def relu8(x: Any, name: str, bounds: Bounds) -> Any:
    """An int8 map of a range, without its negative numbers."""
    return Int8Range(*bounds, name=f"{name}_int8")(keras.layers.ReLU(name=name)(x))


def conv8(
    x: Any,
    channels: int,
    kernel: int,
    name: str,
    bounds: Bounds,
    *,
    unit: float = 1.0,
    stride: int = 1,
    padding: str = "same",
    gamma: Any = "ones",
    beta: Any = "zeros",
    begin: float = 1.0,
) -> Any:
    """int8 [N, H', W', channels] of a fixed range: a convolution without bias, batch norm.

    Args:
        x: an int8 map.
        bounds: of the result.
        unit: one step of x: 1 for `byte_map` and `bit_map`.
        gamma, beta: initializers of batch norm's factor and offset.
        begin: how many times as large as Glorot's the first kernel is, see `Backbone.begin8`.
    """
    first = Int8Conv2D(
        channels,
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(begin**2, "fan_avg", "uniform"),
        name=name,
    )
    norm8 = Int8Norm(
        first,
        step(bounds),
        unit,
        momentum=BN_MOMENTUM,
        gamma_initializer=gamma,
        beta_initializer=beta,
        name=f"{name}_bn",
    )
    return Int8Range(*bounds, name=f"{name}_int8")(norm8(first(x)))


def sum8(a: Any, b: Any, name: str, bounds: Bounds) -> Any:
    """Two int8 maps added, in a fixed range."""
    return Int8Range(*bounds, name=f"{name}_int8")(keras.layers.Add(name=name)([a, b]))
