"""Encoders as data: frozen dataclasses that a network's description holds.

Each tells the bits that it makes of a picture and what it costs beside its table: binary
multiply-accumulates and weight bits. Thresholds and tables are not weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from convert.errors import ModelError, did_you_mean
from train.backend import keras, tf
from train.fields import check_fields
from train.layers.encoders.bitplanes import PLANES, BitPlaneDepthwise, refuse_none
from train.layers.encoders.dither import Dither
from train.layers.encoders.table import ByteTable, frac, gray, natural

Shape = tuple[int, int, int]
BN_MOMENTUM = 0.9


@runtime_checkable
class Encoder(Protocol):
    """What makes bits of bytes. It may say more, see `counts`.

    Attributes:
        stride: how many pixels of the picture one of its map is wide.
    """

    @property
    def stride(self) -> int: ...

    def apply(self, x: Any, planes: int, shared: bool) -> tuple[Any, bool]:
        """Bytes [N, H, W, C] -> a map, and whether it holds ±1 already or wants a sign.

        Raises:
            ModelError: the encoder cannot make so many planes, or not of such pictures.
        """
        ...

    def shape(self, picture: Shape, planes: int) -> Shape:
        """Height, width and channels of the map."""
        ...

    def cost(self, picture: Shape, planes: int) -> tuple[int, int]:
        """Binary multiply-accumulates and weight bits."""
        ...


@dataclass(frozen=True)
class _Pixelwise:
    """Every pixel by itself: C·M channels, no weights."""

    def __post_init__(self) -> None:
        check_fields(self, "an encoder")

    @property
    def stride(self) -> int:
        return 1

    @property
    def thermometer(self) -> bool:
        return True

    def shape(self, picture: Shape, planes: int) -> Shape:
        height, width, channels = picture
        return height, width, channels * planes

    def cost(self, picture: Shape, planes: int) -> tuple[int, int]:
        return 0, 0


@dataclass(frozen=True)
class Glt(_Pixelwise):
    """The learned thermometer, and the fixed ones: see `train.layers.glt.GLT`.

    Attributes:
        learned: False for a fixed thermometer.
        initial: "linear" (a ramp) or "quantile" (of the training data).
        shared: one set of thresholds for all channels.
        surrogate, window: of the backward pass.
    """

    learned: bool = True
    initial: str = "linear"
    shared: bool = False
    surrogate: str = "triangle"
    window: float | None = None

    def apply(self, x: Any, planes: int, shared: bool) -> tuple[Any, bool]:
        from train.layers.glt import GLT

        layer = GLT(
            planes,
            shared=self.shared or shared,
            surrogate=self.surrogate,
            window=self.window,
            learned=self.learned,
            initial=self.initial,
            name="glt",
        )
        return layer(x), True


@dataclass(frozen=True)
class Code(_Pixelwise):
    """The upper bits of the byte: "natural" binary, as an ADC delivers them, or "gray" code."""

    code: str = "natural"

    @property
    def thermometer(self) -> bool:
        return False

    def apply(self, x: Any, planes: int, shared: bool) -> tuple[Any, bool]:
        if not 1 <= planes <= PLANES or self.code not in ("natural", "gray"):
            raise ModelError(
                "a byte has eight bits, in natural binary or Gray code",
                found=f"{planes} planes, code {self.code!r}",
                remedy="use up to 8 planes and code natural or gray",
            )
        table = natural(planes) if self.code == "natural" else gray(planes)
        return ByteTable(table, name="code")(x), True


@dataclass(frozen=True)
class Frac(_Pixelwise):
    """FracBNN's thermometer of round(255 / R) planes; without R as many planes as are asked for."""

    resolution: float | None = None

    def apply(self, x: Any, planes: int, shared: bool) -> tuple[Any, bool]:
        usual = 255 / max(planes, 1)
        resolution = usual if self.resolution is None else self.resolution
        makes = round(255 / resolution) if 0.1 < resolution < 510 else 0
        if makes < 1 or makes != planes:
            raise ModelError(
                "FracBNN's thermometer has round(255 / R) planes",
                found=f"{planes} planes, R = {resolution:g}",
                remedy=f"use {makes} planes or another resolution"
                if makes
                else "use a resolution between 0.1 and 510, and at least one plane",
            )
        return ByteTable(frac(planes, resolution), name="frac")(x), True


@dataclass(frozen=True)
class Dithered(_Pixelwise):
    """A linear thermometer with a threshold's step of dither: see `Dither`."""

    pattern: str = "ordered"
    tile: int = 4
    amplitude: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self, "a dither", seed=(0, 2**32 - 1))

    def apply(self, x: Any, planes: int, shared: bool) -> tuple[Any, bool]:
        layer = Dither(
            planes,
            pattern=self.pattern,
            tile=self.tile,
            amplitude=self.amplitude,
            seed=self.seed,
            name="dither",
        )
        return layer(x), True


@dataclass(frozen=True)
class BitPlanes:
    """Eight bit planes through binary depth-wise convolutions, `planes` outputs a channel."""

    kernel: int = 3
    stride: int = 1

    def __post_init__(self) -> None:
        check_fields(self, "an encoder of bit planes")

    @property
    def thermometer(self) -> bool:
        return False

    def apply(self, x: Any, planes: int, shared: bool) -> tuple[Any, bool]:
        x = BitPlaneDepthwise(planes, self.kernel, self.stride, name="bitplanes")(x)
        return keras.layers.BatchNormalization(momentum=BN_MOMENTUM, name="bitplanes_bn")(x), False

    def shape(self, picture: Shape, planes: int) -> Shape:
        refuse_none(planes, self.kernel, self.stride)
        height, width, channels = picture
        return -(-height // self.stride), -(-width // self.stride), channels * planes

    def cost(self, picture: Shape, planes: int) -> tuple[int, int]:
        height, width, channels = self.shape(picture, planes)
        bits = channels * self.kernel**2 * PLANES
        return height * width * bits, bits


@keras.utils.register_keras_serializable("bitwake")
class _Tiles(keras.layers.Layer):
    """2x2 pixels become four channels."""

    def call(self, x: Any) -> Any:
        return tf.nn.space_to_depth(x, 2)


@dataclass(frozen=True)
class Bayer:
    """A raw mosaic [H, W, 1]: its four sites become channels [H/2, W/2, 4], each encoded by itself.

    So a colour has thresholds of its own, and filters see equal colours side by side.
    """

    encoder: Encoder = Glt()

    def __post_init__(self) -> None:
        check_fields(self, "a mosaic's encoder")

    @property
    def stride(self) -> int:
        return 2 * self.encoder.stride

    @property
    def thermometer(self) -> bool:
        return counts(self.encoder)

    def apply(self, x: Any, planes: int, shared: bool) -> tuple[Any, bool]:
        if x.shape[3] != 1 or x.shape[1] % 2 or x.shape[2] % 2:
            raise ModelError(
                "a raw mosaic has one sample a pixel and even sides",
                found=f"pictures {tuple(x.shape[1:])}",
                remedy="use data of raw mosaics (scenes-raw), or leave Bayer out",
            )
        return self.encoder.apply(_Tiles(name="mosaic")(x), planes, shared)

    def shape(self, picture: Shape, planes: int) -> Shape:
        return self.encoder.shape((picture[0] // 2, picture[1] // 2, 4), planes)

    def cost(self, picture: Shape, planes: int) -> tuple[int, int]:
        return self.encoder.cost((picture[0] // 2, picture[1] // 2, 4), planes)


ENCODERS: Mapping[str, Encoder] = {
    "glt": Glt(),
    "glt-quantile": Glt(initial="quantile"),
    "linear": Glt(learned=False),
    "quantile": Glt(learned=False, initial="quantile"),
    "binary": Code("natural"),
    "gray": Code("gray"),
    "dither": Dithered(),
    "bitplanes": BitPlanes(),
    "fracbnn": Frac(),
    "bayer": Bayer(),
}


def encoder_of(named: str | Encoder) -> Encoder:
    """The encoder of that name, or the given one.

    Raises:
        ModelError: there is none; the message names the nearest.
    """
    if isinstance(named, Encoder):
        return named
    if not isinstance(named, str) or named not in ENCODERS:
        raise ModelError(
            "there is no such input encoder",
            found=str(named),
            remedy=did_you_mean(str(named), ENCODERS) + "encoders: " + ", ".join(sorted(ENCODERS)),
        )
    return ENCODERS[named]


def counts(encoder: Encoder) -> bool:
    """Whether it says with an attribute `thermometer` that it is one: of a sample's `planes`
    channels, which lie side by side, as many are +1 as its level counts."""
    return bool(getattr(encoder, "thermometer", False))


def needs_thermometer(named: str | Encoder, what: str) -> None:
    """Refuse an encoder whose planes do not count.

    Raises:
        ModelError: it is none; `what` needs one.
    """
    if counts(encoder_of(named)):
        return
    counting = [name for name, each in ENCODERS.items() if counts(each)]
    raise ModelError(
        f"{what} needs an encoder that is a thermometer",
        found=str(named),
        remedy=f"take one of {', '.join(sorted(counting))}; one of your own says that it is by "
        "thermometer = True",
    )


def encode(
    x: Any, encoder: str | Encoder, planes: int, *, shared: bool = False
) -> tuple[Any, bool]:
    """Put an encoder in front of a network.

    Args:
        x: bytes [N, H, W, C] as float32.
        encoder: its name or description.
        planes: M, bits a sample.
        shared: one set of learned thresholds for all channels.

    Returns:
        The map, and whether it holds ±1 (else the next layer takes its sign).

    Raises:
        ModelError: see `encoder_of` and `Encoder.apply`.
    """
    return encoder_of(encoder).apply(x, planes, shared)
