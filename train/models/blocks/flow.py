"""What runs between blocks, and the two layers that all of them are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from convert.errors import ModelError
from train.backend import keras, larq
from train.fields import check_fields
from train.layers import (
    AlreadyBits,
    GradualKernel,
    GradualSign,
    GroupedQuantConv2D,
    OverSign,
    shifts,
)

BN_MOMENTUM = 0.9


@dataclass(frozen=True)
class Signs:
    """How a network's signs are trained; on the device nothing of it is left.

    Attributes:
        window: over which their gradient passes, see `GradualSign`.
        shift: a batch norm that one sign follows begins at ± this, see `Alternate`. Not so in front
            of a sum, in a head, or in an encoder.
    """

    window: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self, "a network")
        if not (0 < self.window < math.inf and math.isfinite(self.shift)):
            raise ModelError(
                "a network's window is above 0 and its shift a number",
                found=f"window {self.window:g}, shift {self.shift:g}",
            )


@dataclass(frozen=True)
class Flow:
    """A map between layers.

    Attributes:
        map: Keras tensor [N, H, W, C].
        bits: it holds ±1 already. Otherwise real values, of which a binary layer takes the sign.
        signs: how the signs behind it are trained.
        before: the real map whose sign `map` is, where a block gave it.
    """

    map: Any
    bits: bool
    signs: Signs = field(default=Signs(), kw_only=True)
    before: Any = field(default=None, kw_only=True)

    @property
    def channels(self) -> int:
        return int(self.map.shape[-1])

    @property
    def side(self) -> tuple[int, int]:
        return int(self.map.shape[1]), int(self.map.shape[2])

    def quantizer(self) -> Any:
        """A new input quantizer for a binary convolution that reads this map."""
        return AlreadyBits() if self.bits else GradualSign(self.signs.window)

    def then(self, result: Any, *, bits: bool) -> Flow:
        """What a layer behind this map gives."""
        return replace(self, map=result, bits=bits, before=None)

    def signed(self, before: Any, name: str) -> Flow:
        """The plain signs of a real map behind this one, which they keep as `before`."""
        sign = OverSign(over=False, window=self.signs.window, name=name)
        return replace(self, map=sign(before), bits=True, before=before)


@runtime_checkable
class Block(Protocol):
    """A residual block, or what stands in its place. Implementations are frozen dataclasses.

    Attributes:
        bits: what it takes and gives is ±1 (else real).
    """

    bits: bool

    def __call__(self, x: Flow, channels: int, stride: int, name: str) -> Flow: ...

    def enter(self, x: Flow, name: str) -> Flow:
        """What a first block is given of the stem's batch norm, a real map."""
        ...


def bconv(
    x: Flow,
    channels: int,
    kernel: int | tuple[int, int],
    name: str,
    *,
    stride: int = 1,
    groups: int = 1,
    padding: str = "same",
    quantizer: Any = None,
    kernel_quantizer: Any = None,
) -> Any:
    """Binary convolution without bias: real sums [N, H', W', channels]. SAME padding pads with +1,
    the only padding with which LCE keeps a following sign in bits."""
    kind = GroupedQuantConv2D if groups > 1 else larq.layers.QuantConv2D
    more = {"groups": groups} if groups > 1 else {}
    return kind(
        channels,
        kernel,
        strides=stride,
        padding=padding,
        pad_values=1.0 if padding == "same" else 0.0,
        use_bias=False,
        input_quantizer=quantizer or x.quantizer(),
        kernel_quantizer=kernel_quantizer or GradualKernel(),
        kernel_constraint="weight_clip",
        kernel_initializer="glorot_normal",
        name=name,
        **more,
    )(x.map)


def norm(x: Any, name: str, shift: float = 0.0) -> Any:
    """Batch norm, whose shifts begin at ± `shift` by turns."""
    return keras.layers.BatchNormalization(
        momentum=BN_MOMENTUM, beta_initializer=shifts(shift), name=name
    )(x)


def repeats(x: Flow, channels: int, name: str) -> int:
    """How often the channels of x fit into `channels`.

    Raises:
        ModelError: not a whole number of times, so that a skip cannot repeat them.
    """
    if channels % x.channels:
        raise ModelError(
            "a real-valued skip repeats its channels, and they do not fit",
            where=f"block {name}",
            found=f"{x.channels} channels into {channels}",
            remedy="make each width a multiple of the one before",
        )
    return channels // x.channels


def real_skip(x: Flow, channels: int, stride: int, name: str) -> Any:
    """A real map in another shape without a convolution: averaged over 2x2, channels repeated."""
    skip = x.map
    if stride > 1:
        skip = keras.layers.AveragePooling2D(stride, padding="same", name=name)(skip)
    times = repeats(x, channels, name)
    if times > 1:
        skip = keras.layers.Concatenate(name=f"{name}_repeat")([skip] * times)
    return skip
