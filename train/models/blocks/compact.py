"""The compact block of grouped convolutions: pointwise, grouped, pointwise, all bits.

Reconstructed. Known: the GLT paper (arXiv 2505.13462) has a "compact topology with light-weight
grouped convolutions", fully binarized; the same authors' BILLNET has a block of pointwise, grouped
and pointwise convolutions with a MUX-OR residual. Widths, kernels and the shuffle are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convert.errors import ModelError
from train.backend import keras
from train.fields import check_fields
from train.layers import ChannelShuffle
from train.layers.bits import RepeatChannels
from train.layers.logic import KINDS, LogicResidual
from train.models.blocks.flow import Flow, bconv, norm, repeats

GROUP = 32  # channels: LCE binarizes multiples of it only, and a word holds them


@dataclass(frozen=True)
class Compact:
    """1x1 → 3x3 in groups (stride) → shuffle → 1x1, norm and sign after each; no real skip.

    Attributes:
        residual: "" for none, or "or", "mux", "mor": logic between the block's bits and those of
            its input, which is max-pooled where the block downsamples, its channels repeated.
        group: input channels of a group, a multiple of 32.
    """

    residual: str = ""
    group: int = GROUP
    bits = True

    def __post_init__(self) -> None:
        check_fields(self, "a compact block")
        if self.residual not in ("", *KINDS) or self.group < 1 or self.group % GROUP:
            raise ModelError(
                "there is no such compact block",
                found=f"residual {self.residual!r}, groups of {self.group}",
                remedy=f"residual: {', '.join(KINDS)} or ''; groups of a multiple of {GROUP}",
            )

    def enter(self, x: Flow, name: str) -> Flow:
        return x.signed(x.map, name)

    def __call__(self, x: Flow, channels: int, stride: int, name: str) -> Flow:
        if channels % self.group:
            raise ModelError(
                "the block's channels do not divide into groups",
                where=f"block {name}",
                found=f"{channels} channels, {self.group} a group",
                remedy=f"widths times multiplier must be multiples of {self.group}",
            )
        groups = channels // self.group
        window, shift = x.signs.window, x.signs.shift
        y = norm(bconv(x, channels, 1, f"{name}_in"), f"{name}_bn1", shift)
        y = x.then(y, bits=False)
        y = bconv(y, channels, 3, f"{name}_grouped", stride=stride, groups=groups)
        y = x.then(norm(y, f"{name}_bn2", shift), bits=False)
        if groups > 1:
            mixed = ChannelShuffle(groups, window=window, name=f"{name}_shuffle")(y.map)
            y = x.then(mixed, bits=True)
        z = norm(bconv(y, channels, 1, f"{name}_out"), f"{name}_bn3", shift)
        out = x.signed(z, f"{name}_sign")
        if not self.residual:
            return out
        skip = self._skip(x, channels, stride, name)
        logic = LogicResidual(self.residual, name=f"{name}_{self.residual}")
        return x.then(logic([out.map, skip]), bits=True)

    def _skip(self, x: Flow, channels: int, stride: int, name: str) -> Any:
        """The input's bits in the block's shape."""
        skip = x.map
        if stride > 1:
            skip = keras.layers.MaxPool2D(stride, padding="same", name=f"{name}_pool")(skip)
        if x.channels != channels:
            skip = RepeatChannels(repeats(x, channels, name), name=f"{name}_repeat")(skip)
        return skip
