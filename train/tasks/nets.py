"""Networks of the tasks: a backbone and a head that answers with a map.

The heads follow the backbone. With an encoder in front all convolutions are binary, the last ones
too, and give real numbers by their batch norm. With an 8-bit stem the last ones are in eight bits
as well, as what is known of BiNeal has it (first and last layer of super-resolution, the last two
of matching). With real blocks they are real, for the 8-bit twin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convert.errors import ModelError
from train.backend import keras, tf
from train.layers import Int8Range
from train.models.backbone import NORMED, Backbone
from train.models.binary import Cost
from train.models.blocks import Flow, named
from train.models.blocks.flow import BN_MOMENTUM, bconv
from train.models.blocks.int8 import Bounds, bit_map, byte_map, conv8, relu8, step, sum8
from train.models.blocks.real import Real
from train.models.counting import count_model
from train.tasks.match_accuracy import CELL
from train.tasks.upsample import LEVELS, Bicubic, bytes_through_bits

RARE = -2.19  # CenterNet's: a centre's logit begins at a probability of 0.1
START = 0.25  # with which scores begin: they regress numbers, and noise of 1 would have to shrink
# Real values of -128 and 127 behind an 8-bit stem: of scores, in steps of 1/16, of grey levels, and
# of what is added to them, in steps of half a level.
SCORES, LEVELS8, DETAIL = (-8.0, 7.9375), (0.0, 255.0), (-64.0, 63.5)


def whole_cells(net: Backbone, coarsest: int) -> None:
    """Refuse pictures that do not fall into cells of so many pixels: the answer's map would be
    larger than the picture that the task's targets are of.

    Raises:
        ModelError: naming the sides.
    """
    height, width, _ = net.input_shape
    if height % coarsest or width % coarsest:
        raise ModelError(
            "the picture does not fall into whole cells of the answer's map",
            found=f"{height}x{width} pixels, cells of {coarsest}",
            remedy=f"make both sides multiples of {coarsest}",
        )


def scores(
    net: Backbone,
    x: Flow,
    channels: int,
    name: str,
    kernel: int = 3,
    stride: int = 1,
    *,
    spread: float = 1.0,
    middle: tuple[float, ...] = (),
    bounds: Bounds = SCORES,
) -> Any:
    """Real numbers [N, H', W', channels] of a map: a convolution as the backbone's, batch norm.

    Args:
        spread, middle: what batch norm begins with as its factor and, channel by channel, its
            offset; none is 0.
        bounds: of the numbers behind an 8-bit stem.
    """
    gamma = keras.initializers.Constant(spread)
    beta = keras.initializers.Constant(list(middle) if middle else 0.0)
    if net.stem == "int8":
        bits = bit_map(x, f"{name}_bits")
        return conv8(
            bits, channels, kernel, name, bounds, stride=stride, gamma=gamma, beta=beta
        )
    if isinstance(named(net.block), Real):
        y = keras.layers.Conv2D(
            channels, kernel, strides=stride, padding="same", use_bias=False, name=name
        )(x.map)
    else:
        y = bconv(x, channels, kernel, name, stride=stride)
    return keras.layers.BatchNormalization(
        momentum=BN_MOMENTUM, gamma_initializer=gamma, beta_initializer=beta, name=f"{name}_bn"
    )(y)


def stem_scores(
    entry: Flow,
    channels: int,
    name: str,
    stride: int = 1,
    bounds: Bounds = SCORES,
) -> Any:
    """Numbers of an 8-bit stem's own map, past the binary layers: EDSR's long skip."""
    x = relu8(entry.map, f"{name}_relu", NORMED)
    return conv8(x, channels, 3, name, bounds, stride=stride, unit=step(NORMED))


def added(net: Backbone, a: Any, b: Any, name: str, bounds: Bounds = SCORES) -> Any:
    """Two maps added, in the numbers of the network's ends."""
    if net.stem == "int8":
        return sum8(a, b, name, bounds)
    return keras.layers.Add(name=name)([a, b])


def fused(
    net: Backbone,
    image: Any,
    channels: int,
    stride: int,
    coarsest: int,
    middle: tuple[float, ...] = (),
) -> Any:
    """Scores of several stages at one stride, added, as a fully convolutional network does it
    (arXiv 1411.4038): a coarse stage gives those of all fine pixels below one of its own. In eight
    bits, which are dear, coarse stages are scored pixel by pixel, as that network scores them.

    Args:
        net: the backbone.
        image: Keras tensor of bytes.
        channels: of the result.
        stride: of the result, in pixels of the picture.
        coarsest: stages with a larger stride give no scores.
        middle: of each channel, what it begins with; none is 0.

    Raises:
        ModelError: no stage is fit.
    """
    found: list[Any] = []
    for stage, feature in enumerate(net.features(image), 1):
        if not feature.stride <= coarsest or feature.stride % stride:
            continue
        whole_cells(net, feature.stride)
        block = feature.stride // stride
        start = () if found else middle * (block * block)
        y = scores(
            net,
            feature,
            channels * block * block,
            f"score{stage}",
            kernel=1 if found and net.stem == "int8" else 3,
            spread=START,
            middle=start,
        )
        if block > 1:
            y = DepthToSpace(block, name=f"spread{stage}")(y)
        found.append(y)
    if not found:
        raise ModelError(
            "no stage of the backbone has a stride that the head can use",
            found=f"strides of the stages {net.strides}, of the stem {net.stem_stride}",
            remedy=f"give it a stage with a stride of {stride} to {coarsest}",
        )
    total = found[0]
    for k, y in enumerate(found[1:], 1):
        total = added(net, total, y, f"sum{k}")
    return total


@keras.utils.register_keras_serializable("bitwake")
class DepthToSpace(keras.layers.Layer):
    """[N, H, W, b²·C] -> [N, b·H, b·W, C]; channel (dy·b + dx)·C + c goes to pixel (dy, dx)."""

    def __init__(self, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.block = block

    def call(self, inputs: Any) -> Any:
        return tf.nn.depth_to_space(inputs, self.block)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block": self.block}


@dataclass(frozen=True)
class _Net:
    """What all of them share: a backbone, its twin, the count."""

    backbone: Backbone

    @property
    def input_shape(self) -> tuple[int, int, int]:
        return self.backbone.input_shape

    def build(self) -> Any:
        """float32 [N, H, W, C] of raw bytes -> the map."""
        image = keras.Input(self.input_shape, name="image")
        return keras.Model(image, self.head(image))

    def head(self, image: Any) -> Any:
        raise NotImplementedError

    def count(self) -> Cost:
        """Multiply-accumulates and weight bits."""
        return count_model(self.build())

    def twin(self) -> Any:
        """The same with real weights, for 8 bits."""
        return replace(self, backbone=self.backbone.twin())


@dataclass(frozen=True)
class DetectNet(_Net):
    """CenterNet's head (arXiv 1904.07850): [N, H/s, W/s, 5] of a centre's logit, width and height
    as logarithms of multiples of s, and the centre's place in its cell, see tasks.detection.

    Attributes:
        stride: s.
        coarsest: the largest stride whose scores are added.
    """

    stride: int = 4
    coarsest: int = 16

    def head(self, image: Any) -> Any:
        start = (RARE, 0.0, 0.0, 0.5, 0.5)
        y = fused(self.backbone, image, 5, self.stride, self.coarsest, start)
        return keras.layers.Activation("linear", name="centers")(y)


@dataclass(frozen=True)
class SegmentNet(_Net):
    """A fully convolutional network's head: logits [N, H, W, 1] of "this pixel is a person"."""

    coarsest: int = 16

    def head(self, image: Any) -> Any:
        y = fused(self.backbone, image, 1, 1, self.coarsest)
        return keras.layers.Activation("linear", name="mask")(y)


@dataclass(frozen=True)
class UpscaleNet(_Net):
    """EDSR's shape (arXiv 1707.02921), ×2: [N, 2H, 2W, 1] in grey levels, not rounded.

    All layers at the small resolution, then four numbers a pixel are spread. Unlike EDSR, which
    learns the whole picture, what is added is a correction to the bicubic enlargement: one bit a
    channel cannot carry a picture through the network. And batch norm stays, which signs need.
    """

    def head(self, image: Any) -> Any:
        net = self.backbone
        entry = net.entry(image)
        last = net.features(image, entry)[-1]
        if last.stride != 1 or self.input_shape[2] != 1:
            raise ModelError(
                "super-resolution works at the picture's own resolution, in gray",
                found=f"stride {last.stride}, {self.input_shape[2]} channels",
                remedy="set stem_stride=1 and strides=(1, …), and one channel",
            )
        y = scores(net, last, 4, "detail", bounds=DETAIL)
        if net.stem == "int8":
            y = added(net, y, stem_scores(entry, 4, "detail_near", bounds=DETAIL), "details", DETAIL)
        y = DepthToSpace(2, name="spread")(y)
        if net.stem == "int8":
            base = Bicubic(convolve=True, name="bicubic")(byte_map(image, "levels"))
            base = Int8Range(*LEVELS8, name="bicubic_int8")(base)
        elif isinstance(named(net.block), Real):
            base = Bicubic(convolve=True, name="bicubic")(image)
        else:
            bits = bytes_through_bits(image)
            base = Bicubic(0.5, LEVELS / 2, name="bicubic")(bits)
        return added(net, base, y, "picture", LEVELS8)


@dataclass(frozen=True)
class MatchNet(_Net):
    """R2D2's three answers (arXiv 1906.06195) in cells of 4x4 pixels: [N, H/4, W/4, D + 17].

    Channels 0 … D-1 are a descriptor, D is the logit of its reliability, the 16 behind are logits
    of the repeatability of each pixel of the cell, row by row. R2D2 answers for every pixel; cells
    keep descriptors small.

    Attributes:
        descriptor: D.
    """

    descriptor: int = 32

    def head(self, image: Any) -> Any:
        whole_cells(self.backbone, CELL)
        net = self.backbone
        entry = net.entry(image)
        features = net.features(image, entry)
        fine, last = features[0], features[-1]
        if (fine.stride, last.stride) != (2, 4):
            raise ModelError(
                "matching takes a backbone whose first stage has stride 2 and whose last has 4",
                found=f"{fine.stride} and {last.stride}",
                remedy="set stem_stride=2 and strides=(1, 2, …)",
            )
        described = scores(net, last, self.descriptor + 1, "describe")
        if net.stem == "int8":
            more = stem_scores(entry, self.descriptor + 1, "describe_fine", stride=2)
            described = added(net, described, more, "described")
            near = stem_scores(entry, 16, "repeat_fine", stride=2)
        else:
            near = scores(net, fine, 16, "repeat_fine", kernel=5, stride=2)
        far = scores(net, last, 16, "repeat", kernel=1 if net.stem == "int8" else 3)
        repeat = added(net, near, far, "repeatability")
        return keras.layers.Concatenate(name="cells")([described, repeat])
