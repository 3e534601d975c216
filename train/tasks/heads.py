"""What the tasks' heads are made of: real numbers of a map, fused stages, and their types.

The heads follow the backbone. With an encoder in front all convolutions are binary, the last ones
too, and give real numbers by their batch norm. With an 8-bit stem the last ones are in eight bits
as well, as what is known of BiNeal has it (first and last layer of super-resolution, the last two
of matching). With real blocks they are real, for the 8-bit twin.
"""

from __future__ import annotations

from typing import Any

from convert.errors import ModelError
from train.backend import keras, tf
from train.models.backbone import NORMED, Backbone
from train.models.blocks import Flow, named
from train.models.blocks.flow import BN_MOMENTUM, bconv
from train.models.blocks.int8 import Bounds, bit_map, conv8, relu8, step, sum8
from train.models.blocks.real import Real, conv

START = 0.25  # with which scores begin: they regress numbers, and noise of 1 would have to shrink
SCORES = (-8.0, 7.9375)  # real values of -128 and 127 of 8-bit scores: steps of 1/16


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
            bits, channels, kernel, name, bounds,
            stride=stride, gamma=gamma, beta=beta, begin=net.begin8,
        )  # fmt: skip
    if isinstance(named(net.block), Real):
        y = conv(x.map, channels, kernel, name, stride)
    else:
        y = bconv(x, channels, kernel, name, stride=stride)
    return keras.layers.BatchNormalization(
        momentum=BN_MOMENTUM, gamma_initializer=gamma, beta_initializer=beta, name=f"{name}_bn"
    )(y)


def stem_scores(
    net: Backbone,
    entry: Flow,
    channels: int,
    name: str,
    stride: int = 1,
    *,
    spread: float = 1.0,
    bounds: Bounds = SCORES,
) -> Any:
    """Numbers of an 8-bit stem's own map, past the binary layers: EDSR's long skip. Arguments as
    those of `scores`."""
    x = relu8(entry.map, f"{name}_relu", NORMED)
    gamma = keras.initializers.Constant(spread)
    return conv8(
        x, channels, 3, name, bounds,
        stride=stride, unit=step(NORMED), gamma=gamma, begin=net.begin8,
    )  # fmt: skip


def added(net: Backbone, a: Any, b: Any, name: str, bounds: Bounds = SCORES) -> Any:
    """Two maps added, in the numbers of the network's ends."""
    if net.stem == "int8":
        return sum8(a, b, name, bounds)
    return keras.layers.Add(name=name)([a, b])


def spread_out(x: Any, block: int, name: str) -> Any:
    """What each pixel says of its block x block fine ones, in their places."""
    return DepthToSpace(block, name=name)(x) if block > 1 else x


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
    bits, which are dear, coarse stages are scored pixel by pixel, as that network scores them, and
    the stem's own map is scored too where it is no finer than the result.

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
    finest = 0
    entry = net.entry(image)
    for stage, feature in enumerate(net.features(image, entry), 1):
        if not feature.stride <= coarsest or feature.stride % stride:
            continue
        whole_cells(net, feature.stride)
        finest = finest or feature.stride
        block = feature.stride // stride
        start = () if found else middle * (block * block)
        y = scores(
            net,
            feature,
            channels * block * block,
            f"score{stage}",
            kernel=1 if feature.stride > finest and net.stem == "int8" else 3,
            spread=START,
            middle=start,
        )
        found.append(spread_out(y, block, f"spread{stage}"))
    if net.stem == "int8" and found and net.stem_stride % stride == 0:
        block = net.stem_stride // stride
        y = stem_scores(net, entry, channels * block * block, "score0", spread=START)
        found.append(spread_out(y, block, "spread0"))
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
