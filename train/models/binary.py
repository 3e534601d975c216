"""Fully binarized networks as a list of layers.

Every activation between the thermometer and the two logits is one bit: binary convolution, batch
norm, (max pooling), sign. There is no multi-bit skip. SAME padding pads with +1, the only padding
for which LCE keeps a convolution's output in bits.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import ModelError
from train.backend import keras, larq, tf
from train.fields import check_fields
from train.layers import (
    AlreadyBits,
    ChannelShuffle,
    DitheredKernel,
    GradualKernel,
    GradualSign,
    GroupedQuantConv2D,
)
from train.layers.encoders import Encoder, encode, encoder_of, needs_thermometer
from train.layers.shuffle import interleaved
from train.models.blocks.flow import BN_MOMENTUM, Signs, norm


@dataclass(frozen=True)
class Conv:
    """Binary convolution, SAME padding, with batch norm."""

    channels: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1

    def __post_init__(self) -> None:
        check_fields(self, "a convolution")
        if min(self.channels, self.kernel, self.stride, self.groups) < 1:
            raise ModelError(
                "a convolution's numbers are at least 1",
                found=repr(self),
                remedy="look at channels, kernel, stride and groups",
            )
        if self.channels % self.groups:
            raise ModelError(
                "a convolution's channels do not divide into its groups",
                found=f"{self.channels} channels in {self.groups} groups",
                remedy="make the channels a multiple of the groups",
            )


@dataclass(frozen=True)
class Pool:
    """Max pooling of 2 by 2: is the bit set anywhere? (An AND on the device, where 1 is -1.)"""


@dataclass(frozen=True)
class Shuffle:
    """Channel shuffle of so many groups."""

    groups: int

    def __post_init__(self) -> None:
        check_fields(self, "a shuffle")


Layer = Conv | Pool | Shuffle


@dataclass(frozen=True)
class BinaryNet:
    """A network: input [H, W, C] of bytes, encoder, layers, classes.

    The head is a binary convolution over the whole remaining map, with batch norm: the logits.

    Attributes:
        planes: bits that the encoder makes of a sample.
        shared_thresholds: learned ones are the same for all channels.
        encoder: a name of train.layers.encoders.ENCODERS, or an encoder with options of its own.
        window: of the signs between layers, see `GradualSign`.
        shift: batch norm's shifts begin at ± this, see `Signs`.
        dithered: the first convolution has a `DitheredKernel`; the encoder is a thermometer.
    """

    input_shape: tuple[int, int, int]
    planes: int
    layers: tuple[Layer, ...]
    classes: int = 2
    shared_thresholds: bool = False
    encoder: str | Encoder = "glt"
    window: float = 1.0
    shift: float = 0.0
    dithered: bool = False

    def __post_init__(self) -> None:
        encoder_of(self.encoder)  # refuses what is none
        check_fields(self, "a network")
        Signs(self.window, self.shift)  # refuses what they cannot be
        if self.dithered:
            needs_thermometer(self.encoder, "a dithered kernel")
            first = next((each for each in self.layers if not isinstance(each, Pool)), None)
            if not isinstance(first, Conv):
                raise ModelError(
                    "a dithered kernel is that of a first convolution",
                    found=f"first {first}",
                    remedy="put a convolution first, or leave dithered out",
                )
            self._whole_samples(first)
        if min(*self.input_shape, self.classes) < 1:
            raise ModelError(
                "a network has pictures and classes",
                found=f"pictures {self.input_shape}, {self.classes} classes",
                remedy="give height, width and channels, and at least one class",
            )

    def _whole_samples(self, first: Conv) -> None:
        """Raises ModelError where a group of the first convolution reads some of a sample's planes
        alone, which tell no weight. Planes that there are none of are the encoder's to refuse."""
        channels = encoder_of(self.encoder).shape(self.input_shape, self.planes)[2]
        if self.planes > 0 and channels // first.groups % self.planes:
            raise ModelError(
                "a group of dithered kernels reads all planes of a sample",
                found=f"{channels} channels, {self.planes} planes a sample, {first.groups} groups",
                remedy="take groups that divide the picture's channels, one for gray, or leave "
                "dithered out",
            )


def _fits(spec: Pool | Shuffle, height: int, width: int, channels: int) -> None:
    """Refuse what cannot be done to a map.

    Raises:
        ModelError: a pooling of less than two pixels, a shuffle of groups that are not whole.
    """
    found, remedy = f"{height}x{width} pixels", "leave a pooling or a stride out"
    fits = min(height, width) >= 2
    if isinstance(spec, Shuffle):
        found = f"{channels} channels"
        remedy = "give it at least one group, and channels that are a multiple of its groups"
        fits = spec.groups >= 1 and channels % spec.groups == 0
    if not fits:
        what = "the network cannot be built: a pooling or a shuffle does not fit its map"
        raise ModelError(what, where=repr(spec), found=found, remedy=remedy)


def _conv(spec: Conv, index: int, quantizer: Any, kernel: Any, **kwargs: Any) -> Any:
    kind = GroupedQuantConv2D if spec.groups > 1 else larq.layers.QuantConv2D
    if spec.groups > 1:
        kwargs["groups"] = spec.groups
    return kind(
        spec.channels,
        spec.kernel,
        strides=spec.stride,
        padding="same",
        pad_values=1.0,
        use_bias=False,
        input_quantizer=quantizer,
        kernel_quantizer=kernel,
        kernel_constraint="weight_clip",
        kernel_initializer="glorot_normal",
        name=f"bconv{index}",
        **kwargs,
    )


def build(net: BinaryNet) -> Any:
    """The Keras model: float32 [N, H, W, C] raw pixels 0..255 -> float32 logits [N, classes]."""
    x = image = keras.Input(net.input_shape, name="image")
    x, bits = encode(x, net.encoder, net.planes, shared=net.shared_thresholds)
    index = 0
    seen: Counter[str] = Counter()
    for spec in net.layers:
        if isinstance(spec, Conv):
            index += 1
            kernel = DitheredKernel(net.planes) if net.dithered and index == 1 else GradualKernel()
            sign = AlreadyBits() if bits else GradualSign(net.window)
            x = _conv(spec, index, sign, kernel)(x)
            x = norm(x, f"bn{index}", net.shift)
        else:
            _fits(spec, *x.shape[1:])
            name = f"{'pool' if isinstance(spec, Pool) else 'shuffle'}{index}"
            seen[name] += 1
            name += f"_{seen[name]}" if seen[name] > 1 else ""
            if isinstance(spec, Pool):
                x = keras.layers.MaxPool2D(2, name=name)(x)
            else:
                x = ChannelShuffle(spec.groups, window=net.window, name=name)(x)
        # pooling of bits leaves bits
        bits = isinstance(spec, Shuffle) or (bits and isinstance(spec, Pool))
    height, width = int(x.shape[1]), int(x.shape[2])
    x = larq.layers.QuantConv2D(
        net.classes,
        (height, width),
        padding="valid",
        use_bias=False,
        input_quantizer=AlreadyBits() if bits else GradualSign(net.window),
        kernel_quantizer=GradualKernel(),
        kernel_constraint="weight_clip",
        name="head",
    )(x)
    x = norm(x, "head_bn")
    return keras.Model(image, keras.layers.Flatten(name="logits")(x))


class _Split(keras.layers.Layer):
    """Channels in `groups` equal parts, a list."""

    def __init__(self, groups: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groups = groups

    def call(self, x: Any) -> Any:
        return tf.split(x, self.groups, axis=-1)


class _Order(keras.layers.Layer):
    """Channels in another order: [C] of input channels."""

    def __init__(self, order: npt.NDArray[np.int32], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.order = order

    def call(self, x: Any) -> Any:
        return tf.gather(x, self.order, axis=-1)


def float_twin(net: BinaryNet) -> Any:
    """The same topology with real weights and ReLU, no thermometer, input scaled to 0..1. The first
    convolution takes over the encoder's stride."""
    x = image = keras.Input(net.input_shape, name="image")
    extra = encoder_of(net.encoder).stride
    x = keras.layers.Rescaling(1 / 255.0)(x)
    for spec in net.layers:
        if isinstance(spec, Conv):
            stride, extra = spec.stride * extra, 1
            if spec.groups > 1:
                parts = _Split(spec.groups)(x)
                x = keras.layers.Concatenate()(
                    [
                        keras.layers.Conv2D(
                            spec.channels // spec.groups,
                            spec.kernel,
                            strides=stride,
                            padding="same",
                            use_bias=False,
                        )(part)
                        for part in parts
                    ]
                )
            else:
                x = keras.layers.Conv2D(
                    spec.channels, spec.kernel, strides=stride, padding="same", use_bias=False
                )(x)
            x = keras.layers.BatchNormalization(momentum=BN_MOMENTUM)(x)
            x = keras.layers.ReLU()(x)
        elif isinstance(spec, Pool):
            x = keras.layers.MaxPool2D(2)(x)
        else:
            x = _Order(interleaved(int(x.shape[-1]), spec.groups))(x)
    x = keras.layers.Conv2D(net.classes, (int(x.shape[1]), int(x.shape[2])))(x)
    return keras.Model(image, keras.layers.Flatten(name="logits")(x))


@dataclass(frozen=True)
class Cost:
    """What a network costs: binary multiply-accumulates and weight bits, of every layer."""

    macs: int
    weight_bits: int
    rows: tuple[tuple[str, tuple[int, int, int], int, int], ...]  # name, output shape, macs, bits


def count(net: BinaryNet) -> Cost:
    """Count over real planes and channels; thresholds (32 bits a channel) are not weights."""
    encoder = encoder_of(net.encoder)
    h, w, c = encoder.shape(net.input_shape, net.planes)
    macs, bits = encoder.cost(net.input_shape, net.planes)
    rows = [("encoder", (h, w, c), macs, bits)] if bits else []
    for i, spec in enumerate(net.layers):
        if isinstance(spec, Conv):
            h, w = -(-h // spec.stride), -(-w // spec.stride)
            bits = spec.channels * spec.kernel**2 * (c // spec.groups)
            c = spec.channels
            rows.append((f"bconv{i + 1}", (h, w, c), h * w * bits, bits))
        else:
            _fits(spec, h, w, c)
            if isinstance(spec, Pool):
                h, w = h // 2, w // 2
    head = net.classes * h * w * c
    rows.append(("head", (1, 1, net.classes), head, head))
    return Cost(sum(r[2] for r in rows), sum(r[3] for r in rows), tuple(rows))
