"""A residual backbone, ResNet-18's shape at any size, with the block as a parameter.

One description gives the binary networks, those they are compared with and the twins with real
weights: stem, stages of blocks, head. Tasks put heads of their own on `features`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convert.errors import ModelError
from train.backend import keras
from train.fields import check_fields
from train.layers import AlreadyBits, DitheredKernel, Int8Range, shifts
from train.layers.encoders import Encoder, encode, encoder_of, needs_thermometer
from train.models.binary import Cost
from train.models.blocks import Block, Flow, Real, named
from train.models.blocks.flow import Signs, bconv, norm
from train.models.blocks.int8 import bit_map, byte_map, conv8
from train.models.blocks.real import conv
from train.models.counting import count_model

# Real values of -128 and 127: of batch norm's output, in steps of 1/32, and of logits, of 1/8.
NORMED, LOGITS = (-4.0, 3.96875), (-16.0, 15.875)


@dataclass(frozen=True)
class Feature(Flow):
    """A stage's output: `map`, `bits`, and how many pixels of the picture one of its pixels is
    wide (`stride`)."""

    stride: int


@dataclass(frozen=True)
class Backbone:
    """A network: input [H, W, C] of bytes, stem, stages, head.

    Attributes:
        block: a block or its name, see train.models.blocks.
        widths: channels of each stage, before the multiplier; blocks: how many blocks it has;
            strides: of its first block.
        multiplier: m, on all widths.
        stem: "bits" (encoder, then a binary convolution), "int8" (a convolution with 8-bit
            weights and activations; the network then has int8 input and output, and tasks' heads
            are in eight bits too), or "real".
        planes: bits that the encoder makes of a sample.
        encoder: a name of train.layers.encoders.ENCODERS, or an encoder with options of its own.
        dithered: the stem's convolution has a `DitheredKernel`; it reads bits of a thermometer.
        pool: max pooling before a stage, on bits an OR, in place of its first block's stride: as
            many MACs where the block's first convolution has the stride, fewer in `Compact`.
        pool_sums: that pooling is trained on the sums in front of the bits, whose largest learns;
            of bits the first that is set does, as most often several are. The device sees nothing
            of it. Of blocks that give bits; real maps are pooled as they are.
        begin8: how many times as large as Glorot's the kernels of 8-bit layers begin. Batch norm
            takes the factor away, and Adam, whose steps know no scale, turns the kernel so much
            more slowly: binary layers need a rate at which an 8-bit one learns too fast.
        window, shift: how signs are trained, see `Signs`.
        head: "conv", a binary convolution over the whole map; "mean", the mean over the map and a
            real dense layer, in eight bits behind an 8-bit stem; "" chooses "conv" for blocks that
            give bits.
    """

    block: Block | str = "bineal"
    input_shape: tuple[int, int, int] = (64, 64, 1)
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    strides: tuple[int, ...] = (1, 2, 2, 2)
    multiplier: float = 1.0
    stem: str = "bits"
    stem_kernel: int = 3
    stem_stride: int = 2
    planes: int = 8
    encoder: str | Encoder = "glt"
    classes: int = 2
    head: str = ""
    pool: bool = False
    pool_sums: bool = False
    begin8: float = 1.0
    window: float = 1.0
    shift: float = 0.0
    dithered: bool = False

    def __post_init__(self) -> None:
        named(self.block)  # refuses what is none
        encoder_of(self.encoder)
        check_fields(self, "a backbone", begin8=(1 / 64, 64.0))
        if not len(self.widths) == len(self.blocks) == len(self.strides) > 0:
            raise ModelError(
                "a backbone needs a width, a number of blocks and a stride for each stage",
                found=f"{self.widths}, {self.blocks}, {self.strides}",
            )
        numbers = (*self.widths, *self.blocks, *self.strides, self.planes, self.classes)
        numbers += self.input_shape
        if min(*numbers, self.stem_kernel, self.stem_stride) < 1 or not 0 < self.multiplier < 1e3:
            raise ModelError(
                "a backbone's numbers are at least 1, and its multiplier is above 0",
                found=f"pictures {self.input_shape}, widths {self.widths}, blocks {self.blocks}, "
                f"strides {self.strides}, stem "
                f"{self.stem_kernel} by {self.stem_stride}, planes {self.planes}, classes "
                f"{self.classes}, multiplier {self.multiplier:g}",
            )
        Signs(self.window, self.shift)  # refuses what they cannot be
        for what, value, known in (
            ("stem", self.stem, STEMS),
            ("head", self.head, ("", "conv", "mean")),
        ):
            if value not in known:
                raise ModelError(
                    f"there is no such {what}",
                    found=repr(value),
                    remedy=f"known: {', '.join(map(repr, known))}",
                )
        if self.dithered:
            needs_thermometer(self.encoder, "a dithered kernel")
            if self.stem != "bits":
                raise ModelError(
                    "a dithered kernel is that of a stem that reads bits",
                    found=f"stem {self.stem!r}",
                    remedy="take the stem 'bits', or leave dithered out",
                )
        for idle, found in (
            (self.begin8 != 1 and self.stem != "int8", "begin8 without an 8-bit stem"),
            (self.pool_sums and not self.pool, "pool_sums without pool"),
        ):
            if idle:
                raise ModelError(
                    "a backbone's field would do nothing",
                    found=found,
                    remedy="leave it out, or set what it belongs to",
                )
        if self.stem == "int8" and not named(self.block).bits:
            raise ModelError(
                "an 8-bit stem needs int8 maps or bits all the way to the output",
                found=f"block {self.block}",
                remedy="take a block that gives bits, or the stem 'bits'",
            )

    @property
    def signs(self) -> Signs:
        """How signs are trained."""
        return Signs(self.window, self.shift)

    @property
    def entry_stride(self) -> int:
        """How many pixels of the picture one of the stem's map is wide; a stem of bits strides over
        what its encoder leaves."""
        return self.stem_stride * (encoder_of(self.encoder).stride if self.stem == "bits" else 1)

    def channels(self) -> tuple[int, ...]:
        """Channels of each stage, the multiplier applied."""
        return tuple(max(1, round(width * self.multiplier)) for width in self.widths)

    def entry(self, image: Any) -> Flow:
        """The stem's batch norm on a Keras tensor [N, H, W, C] of raw bytes as float32: real."""
        stem = STEMS[self.stem](self, image, self.channels()[0])
        return Flow(stem, False, signs=self.signs)

    def features(self, image: Any, entry: Flow | None = None) -> list[Feature]:
        """The stem, or what `entry` gave of it, and all stages: the output of every stage, finest
        first."""
        block = named(self.block)
        widths = self.channels()
        first = entry or self.entry(image)
        if self.stem == "int8":  # a plain sign: a threshold of its own would leave int8
            x = first.signed(first.map, "stem_out")
        else:
            x = block.enter(first, "stem_out")
        stride, found = self.entry_stride, []
        for s, (width, count) in enumerate(zip(widths, self.blocks, strict=True)):
            for k in range(count):
                step = self.strides[s] if k == 0 else 1
                stride *= step
                if self.pool and step > 1:
                    x, step = self._pooled(x, step, f"s{s + 1}_pool"), 1
                x = block(x, width, step, f"s{s + 1}b{k + 1}")
            found.append(Feature(x.map, x.bits, stride, signs=self.signs))
        return found

    def _pooled(self, x: Flow, step: int, name: str) -> Flow:
        """Max pooling of `step` by `step`."""
        pool = keras.layers.MaxPool2D(step, padding="same", name=name)
        if self.pool_sums and x.before is not None:
            return x.signed(pool(x.before), f"{name}_bits")
        return x.then(pool(x.map), bits=x.bits)

    def build(self) -> Any:
        """The classifier: float32 [N, H, W, C] raw pixels 0..255 -> float32 logits [N, classes]."""
        image = keras.Input(self.input_shape, name="image")
        last = self.features(image)[-1]
        kind = self.head or ("conv" if last.bits else "mean")
        if kind == "conv":
            x = norm(bconv(last, self.classes, last.side, "head", padding="valid"), "head_bn")
            if self.stem == "int8":
                x = Int8Range(*LOGITS, name="head_int8")(x)
            return keras.Model(image, keras.layers.Flatten(name="logits")(x))
        if self.stem == "int8":
            return keras.Model(image, self._mean8(last))
        x = AlreadyBits(name="mean_bits")(last.map) if last.bits else last.map
        x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
        return keras.Model(image, keras.layers.Dense(self.classes, name="logits")(x))

    def _mean8(self, last: Feature) -> Any:
        """Logits in eight bits. The dense layer comes before the mean, which is the same but for
        rounding, because a layer that reads bits is trained exactly as the device rounds."""
        each = conv8(bit_map(last, "bits"), self.classes, 1, "head", LOGITS, begin=self.begin8)
        mean = keras.layers.GlobalAveragePooling2D(name="mean")(each)
        return Int8Range(*LOGITS, name="logits")(mean)

    def count(self) -> Cost:
        """Multiply-accumulates and weight bits of the classifier."""
        return count_model(self.build())

    def twin(self) -> Backbone:
        """The same shape with real weights, ReLU and no thermometer. Its stem takes over the
        encoder's stride."""
        return replace(
            self,
            block=Real(),
            stem="real",
            stem_stride=self.entry_stride,
            head="mean",
            dithered=False,
            pool_sums=False,
            begin8=1.0,
        )


def _bits_stem(net: Backbone, image: Any, channels: int) -> Any:
    """The encoder's bits, a binary convolution, batch norm."""
    bits, done = encode(image, net.encoder, net.planes)
    kernel = DitheredKernel(net.planes) if net.dithered else None
    x = bconv(
        Flow(bits, done, signs=net.signs), channels, net.stem_kernel, "stem",
        stride=net.stem_stride, kernel_quantizer=kernel,
    )  # fmt: skip
    return norm(x, "stem_bn", net.signs.shift)


def _real_stem(net: Backbone, image: Any, channels: int) -> Any:
    """A real convolution of the picture scaled to 0..1, batch norm."""
    x = keras.layers.Rescaling(1 / 255.0, name="scaled")(image)
    return norm(conv(x, channels, net.stem_kernel, "stem", net.stem_stride), "stem_bn")


def _int8_stem(net: Backbone, image: Any, channels: int) -> Any:
    """As the real one in int8: bytes in, the range of batch norm's output fixed."""
    return conv8(
        byte_map(image), channels, net.stem_kernel, "stem", NORMED,
        stride=net.stem_stride, beta=shifts(net.shift), begin=net.begin8,
    )  # fmt: skip


STEMS = {"bits": _bits_stem, "int8": _int8_stem, "real": _real_stem}
