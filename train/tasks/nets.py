"""Networks of the tasks: a backbone and a head that answers with a map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convert.errors import ModelError
from train.backend import keras
from train.fields import MOST, check_fields
from train.models.backbone import Backbone
from train.models.binary import Cost
from train.models.blocks import named
from train.models.blocks.int8 import BYTES, byte_map
from train.models.blocks.real import Real
from train.models.counting import count_model
from train.tasks.heads import DepthToSpace, added, fused, scores, stem_scores, whole_cells
from train.tasks.match_accuracy import CELL
from train.tasks.upsample import LEVELS, Bicubic, bytes_through_bits

RARE = -2.19  # CenterNet's: a centre's logit begins at a probability of 0.1
# Real values of -128 and 127 of what is added to grey levels behind an 8-bit stem: steps of half a
# level.
DETAIL = (-64.0, 63.5)


@dataclass(frozen=True)
class _Net:
    """What all of them share: a backbone, its twin, the count."""

    backbone: Backbone

    def __post_init__(self) -> None:
        check_fields(
            self, "a task's network", stride=(1, MOST), coarsest=(1, MOST), descriptor=(1, MOST)
        )

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
            y = added(
                net, y, stem_scores(net, entry, 4, "detail_near", bounds=DETAIL), "details", DETAIL
            )
        y = DepthToSpace(2, name="spread")(y)
        if net.stem == "int8":
            base = Bicubic(convolve=True, name="bicubic")(byte_map(image, "levels"))
            base = byte_map(base, "bicubic_int8")
        elif isinstance(named(net.block), Real):
            base = Bicubic(convolve=True, name="bicubic")(image)
        else:
            bits = bytes_through_bits(image)
            base = Bicubic(0.5, LEVELS / 2, name="bicubic")(bits)
        return added(net, base, y, "picture", BYTES)


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
            step = CELL // net.stem_stride  # from the stem's map to cells
            more = stem_scores(net, entry, self.descriptor + 1, "describe_fine", step)
            described = added(net, described, more, "described")
            near = stem_scores(net, entry, 16, "repeat_fine", step)
            far = scores(net, last, 16, "repeat", kernel=1)
        else:
            near = scores(net, fine, 16, "repeat_fine", kernel=5, stride=2)
            far = scores(net, last, 16, "repeat")
        repeat = added(net, near, far, "repeatability")
        return keras.layers.Concatenate(name="cells")([described, repeat])
